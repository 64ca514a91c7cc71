import NIOCore
import NIOPosix
import Synchronization

/// A server on loopback that answers with exactly the bytes that it is told to.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        let head: String
        let body: String
        /// Which of the server's connections it came over, counted from 1.
        let connection: Int
        /// How many requests came before it over the same connection.
        let earlier: Int

        var line: String { String(head.prefix { $0 != "\r\n" }) }
        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n")
            where line.lowercased().hasPrefix(name.lowercased() + ":") {
                return String(line.dropFirst(name.count + 1).drop { $0 == " " })
            }
            return nil
        }
    }

    enum Reply: Sendable {
        case answer(Int, String, headers: [String] = [])
        /// These bytes, and nothing more.
        case bytes(String)
        /// These bytes, and then the connection is closed.
        case bytesAndClose(String)
        case nothing
        case close
    }

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = Mutex(State())
    private let channel: any Channel

    var requests: [Request] { state.withLock { $0.requests } }
    var openConnections: Int { state.withLock { $0.open.count } }
    var port: Int { channel.localAddress?.port ?? 0 }
    var endpoint: String { "http://127.0.0.1:\(port)" }

    init(_ script: @escaping @Sendable (Request) -> Reply) async throws {
        let box = Box()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(Connection(box, script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        box.server.withLock { $0 = self }
    }

    func stop() async { try? await channel.close() }

    /// A port on which nobody listens.
    static func deadEndpoint() async throws -> String {
        let server = try await ScriptedServer { _ in .nothing }
        let endpoint = server.endpoint
        await server.stop()
        return endpoint
    }

    private final class Box: Sendable {
        let server = Mutex<ScriptedServer?>(nil)
        func with<Result>(_ body: (inout State) -> Result) -> Result? {
            server.withLock { $0 }.map { server in server.state.withLock { body(&$0) } }
        }
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let box: Box
        private let script: @Sendable (Request) -> Reply
        private var received: [UInt8] = []
        private var number = 0
        private var count = 0

        init(_ box: Box, _ script: @escaping @Sendable (Request) -> Reply) {
            self.box = box
            self.script = script
        }

        func channelActive(context: ChannelHandlerContext) {
            let channel = context.channel
            number =
                box.with { state in
                    state.connections += 1
                    state.open[ObjectIdentifier(channel)] = channel
                    return state.connections
                } ?? 0
        }

        func channelInactive(context: ChannelHandlerContext) {
            let id = ObjectIdentifier(context.channel)
            _ = box.with { state in state.open.removeValue(forKey: id) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += Self.unwrapInboundIn(data).readableBytesView
            while let request = nextRequest() {
                _ = box.with { $0.requests.append(request) }
                switch script(request) {
                case .nothing: break
                case .bytes(let bytes):
                    context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: bytes)), promise: nil)
                case .close: context.close(promise: nil)
                case .bytesAndClose(let bytes):
                    let context = NIOLoopBound(context, eventLoop: context.eventLoop)
                    context.value.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: bytes))).whenComplete
                    { _ in
                        context.value.close(promise: nil)
                    }
                case .answer(let status, let body, let headers):
                    let lines = ["HTTP/1.1 \(status) X", "Content-Length: \(body.utf8.count)"] + headers
                    let text =
                        status == 204
                        ? "HTTP/1.1 204 X\r\n\r\n" : lines.joined(separator: "\r\n") + "\r\n\r\n" + body
                    context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                }
            }
        }

        typealias OutboundOut = ByteBuffer

        private func nextRequest() -> Request? {
            let end = Array("\r\n\r\n".utf8)
            guard
                let start = received.indices.first(where: { received[$0...].starts(with: end) })
            else { return nil }
            let head = String(decoding: received[..<start], as: UTF8.self)
            let partial = Request(head: head, body: "", connection: number, earlier: count)
            let length = partial.header("Content-Length").flatMap { Int($0) } ?? 0
            guard received.count >= start + 4 + length else { return nil }
            let body = String(decoding: received[(start + 4)..<(start + 4 + length)], as: UTF8.self)
            received.removeFirst(start + 4 + length)
            count += 1
            return Request(head: head, body: body, connection: number, earlier: count - 1)
        }
    }
}

/// Waits until something is so; a test that waits in vain ends with its time limit.
func eventually(_ condition: @Sendable () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(2)) }
}
