import Synchronization

/// When the server answered the latest request of a flight. What becomes of the answer here takes time
/// too, which says nothing about how busy the server is.
final class AnswerTime: Sendable {
    /// That of the flight whose task this is.
    @TaskLocal static var current: AnswerTime?

    private let time = Mutex<ContinuousClock.Instant?>(nil)

    /// Nil as long as there was no request.
    var latest: ContinuousClock.Instant? { time.withLock { $0 } }

    /// A request has ended, with an answer or without.
    func note() { time.withLock { $0 = .now } }
}
