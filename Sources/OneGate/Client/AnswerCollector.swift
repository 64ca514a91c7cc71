import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Takes one HTTP answer in, piece by piece.
///
/// The HTTP library calls it on the thread that has the connection. What it throws ends the exchange.
final class AnswerCollector: HTTPClientResponseDelegate {
    /// There is as much of an error's words as anybody reads: the rest is not waited for.
    struct Cut: Error {
        let answer: Transport.Answer
    }

    private static let errorLimit = 1 << 18

    private struct State {
        var status: Int?
        var body: [UInt8] = []

        var answer: Transport.Answer { Transport.Answer(status: status ?? 0, body: body) }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the largest answer in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    /// The status, once the answer has begun.
    var status: Int? { state.withLock { $0.status } }

    func didReceiveHead(task: HTTPClient.Task<Transport.Answer>, _ head: HTTPResponseHead) -> EventLoopFuture<
        Void
    > {
        state.withLock { $0.status = Int(head.status.code) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Transport.Answer>, _ piece: ByteBuffer) -> EventLoopFuture<
        Void
    > {
        let failure: (any Error)? = state.withLock { state -> (any Error)? in
            let isSuccess = state.status.map { 200...299 ~= $0 } ?? false
            let limit = isSuccess ? limit : AnswerCollector.errorLimit
            guard state.body.count + piece.readableBytes > limit else {
                state.body += piece.readableBytesView
                return nil
            }
            guard isSuccess else { return Cut(answer: state.answer) }
            return Transport.Failure.other(.unexpected, "the answer is larger than \(limit) bytes")
        }
        guard let failure else { return task.eventLoop.makeSucceededVoidFuture() }
        return task.eventLoop.makeFailedFuture(failure)
    }

    func didFinishRequest(task: HTTPClient.Task<Transport.Answer>) -> Transport.Answer {
        state.withLock { $0.answer }
    }
}
