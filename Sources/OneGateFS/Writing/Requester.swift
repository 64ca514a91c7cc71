import FUSE

/// For whom something is changed; asked before each request that changes something.
enum Requester: Sendable {
    /// A program that waits for the outcome.
    case waiting(DeferredRequest)
    /// Nobody: a program was told that it will be made, or that it is under way.
    case promised

    /// Whether the change may be begun.
    ///
    /// - Throws: why not: nobody waits for it any more, and somebody else may have made another one since.
    func check() throws(Failure) {
        guard case .waiting(let request) = self else { return }
        if request.isSessionEnding {
            throw Failure(.notConnected, "the mount ended before it was sent")
        }
        if request.isAnswered { throw Failure(.interrupted, "interrupted before it was sent") }
    }
}
