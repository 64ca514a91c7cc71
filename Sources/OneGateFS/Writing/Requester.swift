import FUSE

/// For whom something is changed; asked before each request that changes something.
enum Requester: Sendable {
    /// A program that waits for the outcome.
    case waiting(DeferredRequest)
    /// One that may try the same again when it is interrupted.
    case writing(WriteUnderWay)
    /// Nobody: a program was told that it will be made, or that it is under way.
    case promised

    /// Whether the change may be begun.
    ///
    /// - Throws: why not: nobody waits for it any more, and somebody else may have made another one since.
    func check() throws(Failure) {
        switch self {
        case .waiting(let request): if let failure = Requester.refusal(for: request) { throw failure }
        case .writing(let write): try write.check()
        case .promised: break
        }
    }

    /// Tells of the outcome.
    func answer(_ outcome: Reply) {
        switch self {
        case .waiting(let request): request.answer(outcome)
        case .writing(let write): write.end(outcome)
        case .promised: break
        }
    }

    /// Why what a request asks for should not be begun any more.
    static func refusal(for request: DeferredRequest) -> Failure? {
        if request.isSessionEnding { return Failure(.notConnected, "the mount ended before it was sent") }
        if request.isAnswered { return Failure(.interrupted, "interrupted before it was sent") }
        return nil
    }
}
