import FUSE
import Synchronization

/// What a write(2) began. Programs that are interrupted try the same again, as Python and Go do by themselves: then they wait for what
/// they began, and nothing is sent twice.
final class WriteUnderWay: Sendable {
    private struct State {
        /// Those who wait for the outcome.
        var requests: [DeferredRequest] = []
        /// How many more are about to be added.
        var expected = 1
        var isAbandoned = false
        var outcome: Reply?
        /// Whether somebody was told of the outcome.
        var isTold = false
    }

    private let data: [UInt8]
    private let offset: Int
    private let isCommand: Bool
    private let state = Mutex(State())

    /// - Parameter isCommand: whether the outcome is kept for who tries again after it: doing it once more would be another thing.
    init(_ data: [UInt8], at offset: Int, isCommand: Bool) {
        self.data = data
        self.offset = offset
        self.isCommand = isCommand
    }

    /// Whether a write is this one, tried again. Then it has to be added.
    func isTriedAgain(_ data: [UInt8], at offset: Int) -> Bool {
        guard offset == self.offset, data == self.data else { return false }
        return state.withLock { state in
            guard !state.isAbandoned, state.outcome == nil || isCommand && !state.isTold else { return false }
            state.expected += 1
            return true
        }
    }

    /// Has a request answered with the outcome, now or later.
    func add(_ request: DeferredRequest) {
        let outcome: Reply? = state.withLock { state in
            state.expected -= 1
            if state.outcome == nil { state.requests.append(request) }
            return state.outcome
        }
        if let outcome, request.answer(outcome) { state.withLock { $0.isTold = true } }
    }

    /// Tells everybody of the outcome.
    func end(_ outcome: Reply) {
        let requests = state.withLock { state in
            defer { state.requests = [] }
            state.outcome = outcome
            return state.requests
        }
        // Not only the first of them.
        let told = requests.filter { $0.answer(outcome) }
        if !told.isEmpty { state.withLock { $0.isTold = true } }
    }

    /// Whether it may still be begun: see ``Requester/check()``.
    func check() throws(Failure) {
        let failure: Failure? = state.withLock { state in
            guard let last = state.requests.last, state.expected == 0 else { return nil }
            let failure = Requester.refusal(for: last)
            if failure?.errno == .interrupted { state.isAbandoned = true }
            return failure
        }
        if let failure { throw failure }
    }
}
