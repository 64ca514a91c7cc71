import CFUSE

/// Who asks: `struct fuse_ctx`.
public struct RequestContext: Hashable, Sendable {
    /// The user of the calling process.
    public var uid: UInt32
    /// The group of the calling process.
    public var gid: UInt32
    /// The calling *thread's* id (gettid(2)), as the daemon's pid namespace numbers it; 0 if it has no number there.
    public var pid: Int32
    /// The umask of the calling process; sent with the requests that make files, else 0.
    public var umask: UInt16

    /// A context.
    public init(uid: UInt32, gid: UInt32, pid: Int32, umask: UInt16 = 0) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.umask = umask
    }

    init(_ context: fuse_ctx) {
        self.init(
            uid: context.uid, gid: context.gid, pid: context.pid,
            umask: UInt16(truncatingIfNeeded: context.umask))
    }
}
