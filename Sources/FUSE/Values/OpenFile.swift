import CFUSE

/// The open file that a request is about: what the kernel fills into `struct fuse_file_info`.
public struct OpenFile: Hashable, Sendable {
    /// What ``OpenReply/handle`` was at open.
    public var handle: UInt64
    /// The flags of open(2). Empty in requests for attributes, where the kernel does not send them.
    public var flags: OpenFlags
    /// Who closes or locks; the same for descriptors that share locks. 0 where it is not sent.
    public var lockOwner: UInt64

    /// An open file.
    public init(handle: UInt64, flags: OpenFlags = [], lockOwner: UInt64 = 0) {
        self.handle = handle
        self.flags = flags
        self.lockOwner = lockOwner
    }

    init(_ info: fuse_file_info) {
        self.init(handle: info.fh, flags: OpenFlags(rawValue: info.flags), lockOwner: info.lock_owner)
    }
}
