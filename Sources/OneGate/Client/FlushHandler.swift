import NIOCore
import NIOHTTP1

/// Sends what is flushed piece by piece, as the HTTP library does with a request's head and body, in one piece: the server
/// then need not wake up for each.
final class FlushHandler: ChannelOutboundHandler {
    typealias OutboundIn = NIOAny

    private var isPending = false

    /// Puts a handler where requests are bytes already.
    ///
    /// - Throws: `ChannelPipelineError` for a channel without an encoder of HTTP requests.
    static func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
        try pipeline.addHandler(FlushHandler(), position: .before(encoder))
    }

    func flush(context: ChannelHandlerContext) {
        guard !isPending else { return }
        isPending = true
        // After what runs now.
        context.eventLoop.assumeIsolated().execute { self.flushPending(context) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        flushPending(context)
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { flushPending(context) }

    private func flushPending(_ context: ChannelHandlerContext) {
        guard isPending else { return }
        isPending = false
        context.flush()
    }
}
