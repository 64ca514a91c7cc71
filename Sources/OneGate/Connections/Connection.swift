import NIOCore
import NIOHTTP1

/// One connection, with one request at a time.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    let destination: Destination
    /// Since when nobody has used it.
    var idleSince = NIODeadline.uptimeNanoseconds(0)
    private weak var pool: ConnectionPool?
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var isSent = false
    /// The whole answer, and whether the connection can be kept, until all has been seen that came with it.
    private var answer: (whole: Transport.Answer, isKept: Bool)?

    init(to destination: Destination, of pool: ConnectionPool) {
        self.destination = destination
        self.pool = pool
    }

    /// Whether something can be sent.
    var isOpen: Bool { context?.channel.isActive ?? false }

    /// Sends the request of an exchange in one piece, so that the server need not wake up for each.
    func begin(_ exchange: Exchange) {
        guard let context else { return }
        self.exchange = exchange
        isSent = false
        context.write(Self.wrapOutboundOut(.head(exchange.head)), promise: nil)
        if let body = exchange.body {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenSuccess { self.isSent = true }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: sent)
    }

    /// Ends the connection, and has nothing more to do with the exchange.
    func close() {
        exchange = nil
        answer = nil
        context?.close(promise: nil)
    }

    // MARK: Of the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Nobody asked for it.
        guard let exchange else { return close() }
        guard answer == nil else {
            // What comes after an answer must not be taken for the next one.
            answer?.isKept = false
            return
        }
        switch exchange.take(Self.unwrapInboundIn(data)) {
        case .wait: break
        // A server may answer before it has the whole request.
        case .end(let whole, let isKept): answer = (whole, isKept && isSent)
        case .stop(let outcome): pool?.end(exchange, outcome)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        finish()
        context.fireChannelReadComplete()
    }

    /// Hands a whole answer over.
    private func finish(_ isOpen: Bool = true) {
        guard let exchange, let (whole, isKept) = answer else { return }
        answer = nil
        if isKept, isOpen { self.exchange = nil }
        pool?.end(exchange, .success(whole), keeping: isKept && isOpen)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(false)
        guard let exchange else { return close() }
        pool?.end(exchange, .failure(Transport.failure(for: error, afterStatus: exchange.status)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(false)
        if let exchange {
            pool?.end(exchange, .failure(exchange.status == nil ? .closed : Transport.cut))
        } else {
            pool?.forget(self)
        }
        context.fireChannelInactive()
    }
}
