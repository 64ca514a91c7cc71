import NIOCore
import NIOHTTP1

/// One request, and what has come of its answer. Belongs to the thread of the connections.
final class Exchange {
    /// What is to be done about a piece of an answer.
    enum Step {
        /// There is more to come.
        case wait
        /// That was all. The connection is good for another request only if it is kept.
        case end(Transport.Answer, isKept: Bool)
        /// No more of the answer is wanted.
        case stop(Result<Transport.Answer, Transport.Failure>)
    }

    /// There is as much of an error's words as anybody reads: the rest is not waited for.
    private static let errorLimit = 1 << 18

    let destination: Destination
    let head: HTTPRequestHead
    let body: ByteBuffer?
    let deadline: NIODeadline
    private let limit: Int

    /// The status, once the answer has begun.
    private(set) var status: Int?
    private var isKept = false
    private var received: [UInt8] = []

    /// Told of the outcome, once; nil before the beginning and after the end.
    var completion: ((Result<Transport.Answer, Transport.Failure>) -> Void)?
    /// Whether nobody waits for it any more, even if it has not begun.
    var isCancelled = false
    /// Whether it counts among those that have a connection, or are getting one.
    var isAdmitted = false
    var connection: Connection?
    var timer: Scheduled<Void>?

    /// - Parameter limit: the largest answer in bytes.
    init(
        destination: Destination, head: HTTPRequestHead, body: ByteBuffer?, deadline: NIODeadline, limit: Int
    ) {
        self.destination = destination
        self.head = head
        self.body = body
        self.deadline = deadline
        self.limit = limit
    }

    /// Takes in the next piece of the answer.
    func take(_ part: HTTPClientResponsePart) -> Step {
        switch part {
        case .head(let answer):
            status = Int(answer.status.code)
            isKept = head.isKeepAlive && answer.isKeepAlive
            return .wait
        case .body(let piece):
            let isSuccess = status.map(Transport.Answer.isSuccess) ?? false
            let limit = isSuccess ? limit : Exchange.errorLimit
            guard received.count + piece.readableBytes > limit else {
                received += piece.readableBytesView
                return .wait
            }
            guard isSuccess else { return .stop(.success(answer)) }
            return .stop(.failure(.other(.unexpected, "the answer is larger than \(limit) bytes")))
        case .end: return .end(answer, isKept: isKept)
        }
    }

    private var answer: Transport.Answer { Transport.Answer(status: status ?? 0, body: received) }
}
