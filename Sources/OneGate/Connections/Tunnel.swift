import NIOCore
import NIOHTTP1

/// Asks a proxy for a connection to a server (CONNECT, RFC 9110, 9.3.6), and leaves the channel once there is one.
final class Tunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: HTTPRequestHead
    private let encoder = HTTPRequestEncoder()
    private let decoder = ByteToMessageHandler(HTTPResponseDecoder())
    private let deadline: NIODeadline
    private var timer: Scheduled<Void>?
    private var isLeaving = false
    private let promise: EventLoopPromise<Void>

    /// - Parameter deadline: when the connection is closed if the proxy has not answered.
    init(
        to server: Destination, through proxy: Proxies.Proxy, before deadline: NIODeadline,
        on loop: any EventLoop
    ) {
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        var headers = HTTPHeaders([("Host", "\(host):\(server.port)")])
        if let credentials = proxy.credentials {
            headers.add(name: "Proxy-Authorization", value: credentials)
        }
        request = HTTPRequestHead(
            version: .http1_1, method: .CONNECT, uri: "\(host):\(server.port)", headers: headers)
        self.deadline = deadline
        promise = loop.makePromise()
    }

    /// Succeeds when bytes go to the server and come from it.
    var established: EventLoopFuture<Void> { promise.futureResult }

    /// Asks, on a channel that is connected.
    func add(to channel: any Channel) {
        do {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(encoder)
            try pipeline.addHandler(decoder)
            try pipeline.addHandler(self)
        } catch {
            fail(error)
            channel.close(promise: nil)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        context.write(Self.wrapOutboundOut(.head(request)), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            guard !Transport.Answer.isSuccess(Int(head.status.code)) else { return }
            let isLocked = head.status == .proxyAuthenticationRequired
            fail(
                Transport.Failure.other(
                    .unexpected, isLocked ? "the proxy wants a user name and a password" : "the proxy refused"
                ))
            context.close(promise: nil)
        case .body: break
        case .end: leave(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        // That is nothing if it has failed already.
        if !isLeaving { fail(Transport.Failure.closed) }
    }

    private func leave(_ context: ChannelHandlerContext) {
        isLeaving = true
        let pipeline = context.pipeline.syncOperations
        let removals = [
            pipeline.removeHandler(self), pipeline.removeHandler(decoder), pipeline.removeHandler(encoder),
        ]
        EventLoopFuture.andAllSucceed(removals, on: context.eventLoop).cascade(to: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    /// There will be no tunnel. Only the first reason counts.
    private func fail(_ error: any Error) { promise.fail(error) }
}
