import CFUSE

/// A question of the kernel, to be answered exactly once.
///
/// The request cannot be copied and both ways out consume it, so the compiler sees to it that nothing is
/// answered twice. One that is dropped without an answer is answered EIO, so that the caller does not hang;
/// in a debug build that is an assertion failure.
public struct Request: ~Copyable, Sendable {
    /// Nil once answered or deferred. libfuse's request may be used from any thread, but not after its answer.
    private nonisolated(unsafe) var pointer: OpaquePointer?
    /// Keeps libfuse's session, and with it the request, alive.
    private let session: Session
    /// The inode whose lock (i_rwsem) the program behind it holds in the kernel until it has the answer: the folder in which a
    /// name is looked up, or that is listed; the file that is written. What a folder holds during a change of its names is
    /// not told: what has to be forgotten after that change has to be forgotten at once.
    private let lock: Inode?

    init(_ pointer: OpaquePointer, session: Session, lock: Inode?) {
        self.pointer = pointer
        self.session = session
        self.lock = lock
    }

    deinit {
        guard let pointer else { return }
        Reply.error(.io).send(to: pointer)
        assertionFailure("a FUSE request was dropped without an answer")
    }

    /// Who asks.
    public var context: RequestContext {
        guard let context = fuse_req_ctx(pointer) else { return RequestContext(uid: 0, gid: 0, pid: 0) }
        return RequestContext(context.pointee)
    }

    /// Answers.
    ///
    /// - Returns: false if the answer did not arrive, because the caller was interrupted or the mount is gone.
    ///   Whoever answered with an entry or an open file then takes back the lookup or the handle: the kernel
    ///   will send neither forget nor release for it.
    @discardableResult
    public consuming func answer(_ reply: Reply) -> Bool {
        guard let pointer = take() else { return false }
        return reply.send(to: pointer)
    }

    /// Puts the answer off: the returned object may be answered later, from any thread.
    ///
    /// - Parameters:
    ///   - isAwaited: whether the end of the session waits for the answer, as long as its patience lasts, as it should for
    ///     what has effects: see ``Session/run(threads:patience:)``. All other callers get ENOTCONN at once.
    ///   - onInterrupt: called once if the caller is interrupted by a signal before the answer, after
    ///     EINTR was answered at once, and if the session ends first. It is called on a thread of the session
    ///     (or on this one, if the interrupt came earlier) and must not block.
    public consuming func deferred(
        isAwaited: Bool = false, onInterrupt: (@Sendable () -> Void)? = nil
    ) -> DeferredRequest {
        let (session, lock) = (session, lock)
        let context = context
        return DeferredRequest(
            take(), context: context, session: session, lock: lock, isAwaited: isAwaited,
            onInterrupt: onInterrupt)
    }

    private mutating func take() -> OpaquePointer? {
        defer { pointer = nil }
        return pointer
    }
}
