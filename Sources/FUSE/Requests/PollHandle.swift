import CFUSE

/// Wakes a program that waits in poll(2), select(2) or epoll_wait(2): `struct fuse_pollhandle`.
///
/// Keep it until the file has something to say or another handle for the same open file comes.
public final class PollHandle: Sendable {
    /// libfuse only reads what this points to, until it is destroyed here.
    private nonisolated(unsafe) let pointer: OpaquePointer
    /// The handle refers to libfuse's session.
    private let session: Session

    init(_ pointer: OpaquePointer, session: Session) {
        self.pointer = pointer
        self.session = session
    }

    deinit {
        fuse_pollhandle_destroy(pointer)
    }

    /// Makes the kernel ask for the events again. From any thread, any number of times.
    ///
    /// - Returns: a failure if the mount is gone.
    @discardableResult
    public func notify() -> Result<Void, Errno> {
        Errno.result(fuse_lowlevel_notify_poll(pointer))
    }
}
