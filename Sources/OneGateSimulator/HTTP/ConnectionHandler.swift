import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads the requests of one connection and writes the answers, all on its event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let engine: Engine
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var isBusy = false
    private var idleSince = NIODeadline.now()

    init(engine: Engine) { self.engine = engine }

    func channelActive(context: ChannelHandlerContext) {
        watchIdleness(context: context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            isBusy = true
            body.clear()
            // Puma answers this; Thin lets the client wait.
            if engine.dialect == .current, head.headers[canonicalForm: "expect"].contains("100-continue") {
                let proceed = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(proceed)), promise: nil)
            }
        case .body(var part): body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            self.head = nil
            handle(head, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Requests

    private func handle(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        var request = GateRequest(method: head.method.rawValue, target: head.uri)
        request.token = head.headers.first(name: "X-ONEGATE-TOKEN")
        request.vmid = head.headers.first(name: "X-ONEGATE-VMID")
        request.host = head.headers.first(name: "Host")
        request.forwardedProtocol = head.headers.first(name: "X-Forwarded-Proto")
        request.contentType = head.headers.first(name: "Content-Type").flatMap { $0.isEmpty ? nil : $0 }
        request.body = Array(buffer: body)
        body.clear()

        if request.target.hasPrefix(AdminRoutes.prefix) {
            return write(AdminRoutes(engine: engine).respond(to: request), to: head, context: context)
        }
        let (number, fate) = engine.receive(request)
        after(fate.delay, context: context) { [self] in
            let isThin = engine.dialect == .v6_10 && head.headers.contains(name: "Transfer-Encoding")
            let response: GateResponse? =
                isThin
                ? GateResponse(status: 500, text: "Internal server error")
                : fate.fault == nil || fate.takesEffect ? engine.respond(to: request) : nil
            after(fate.answerDelay, context: context) { [self] in
                answer(response, fate.fault, number, head, context: context)
            }
        }
    }

    private func answer(
        _ response: GateResponse?, _ fault: Fault?, _ number: Int, _ head: HTTPRequestHead,
        context: ChannelHandlerContext
    ) {
        var response = response
        switch fault {
        case .hang: return
        case .close: return context.close(promise: nil)
        case .reset: return reset(context: context)
        case .endless: return writeEndlessly(context: context)
        case .redirect: response = GateResponse(status: 302, text: "")
        case .status(let status, let text): response = GateResponse(status: status, text: text)
        case .raw(let status, let contentType, let body):
            response = GateResponse(status: status, contentType: contentType, body: body)
        case .cut, .delay, .slowAnswer, nil: break
        }
        guard let response else { return }
        engine.answered(number, status: response.status)
        if case .cut(let count) = fault {
            write(response, to: head, cutAfter: count, context: context)
        } else if case .redirect(let location) = fault {
            write(response, to: head, location: location, context: context)
        } else {
            write(response, to: head, context: context)
        }
    }

    /// Closes the connection with what was sent thrown away: SO_LINGER of 0 s, socket(7).
    private func reset(context: ChannelHandlerContext) {
        let now = linger(l_onoff: 1, l_linger: 0)
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(now)
        context.close(promise: nil)
    }

    private func writeEndlessly(context: ChannelHandlerContext) {
        let head = HTTPResponseHead(
            version: .http1_1, status: .ok, headers: ["content-type": GateResponse.json])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        writeMore(ByteBuffer(repeating: UInt8(ascii: "["), count: 1 << 16), context: context)
    }

    private func writeMore(_ piece: ByteBuffer, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let written = context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))))
        written.assumeIsolated().whenSuccess { [self] in writeMore(piece, context: context) }
    }

    private func write(
        _ response: GateResponse, to request: HTTPRequestHead, cutAfter limit: Int? = nil,
        location: String? = nil,
        context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        let keepsAlive = request.isKeepAlive && limit == nil
        var headers = HTTPHeaders()
        if let type = response.contentType { headers.add(name: "content-type", value: type) }
        headers.add(name: "x-content-type-options", value: "nosniff")
        if let location { headers.add(name: "location", value: location) }
        if response.status != 204 { headers.add(name: "content-length", value: "\(response.body.count)") }
        if !request.isKeepAlive {
            headers.add(name: "connection", value: "close")
        } else if engine.dialect == .v6_10 {
            headers.add(name: "connection", value: "keep-alive")
        }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD, !response.body.isEmpty {
            let bytes = response.body.prefix(limit ?? response.body.count)
            context.write(
                wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes)))),
                promise: nil)
        }
        if limit != nil {
            context.flush()
            return context.close(promise: nil)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        context.flush()
        isBusy = false
        idleSince = .now()
        if !keepsAlive { context.close(promise: nil) }
    }

    // MARK: Time

    private func after(_ wait: Duration, context: ChannelHandlerContext, _ body: @escaping () -> Void) {
        if wait <= .zero { return body() }
        context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) {
            guard context.channel.isActive else { return }
            body()
        }
    }

    /// Closes the connection once it was idle for as long as the server lets it be.
    private func watchIdleness(context: ChannelHandlerContext) {
        let limit = TimeAmount(engine.idleTimeout)
        let left = isBusy ? limit : idleSince + limit - .now()
        if left <= .zero { return context.close(promise: nil) }
        context.eventLoop.assumeIsolated().scheduleTask(in: min(left, .milliseconds(500))) { [self] in
            if context.channel.isActive { watchIdleness(context: context) }
        }
    }
}
