import CFUSE

/// What kernel and file system can agree on: `FUSE_CAP_*` of fuse_common.h, where each is explained.
public struct Capabilities: OptionSet, Hashable, Sendable {
    /// The C bits.
    public let rawValue: UInt32

    /// The capabilities with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ bit: CInt) {
        self.init(rawValue: UInt32(bitPattern: bit))
    }

    /// FUSE_CAP_ASYNC_READ: several reads of one open file at once. On by default.
    ///
    /// With it, a read through the page cache cannot be interrupted: the kernel asks in the background, sends no
    /// interrupt for that, and only a signal that kills ends the wait. Without it, or with
    /// ``OpenReply/directIO``, every signal does.
    public static let asyncRead = Capabilities(FUSE_CAP_ASYNC_READ)
    /// FUSE_CAP_ATOMIC_O_TRUNC: O_TRUNC comes with open and not as a change of the size before. On by default.
    public static let atomicTruncate = Capabilities(FUSE_CAP_ATOMIC_O_TRUNC)
    /// FUSE_CAP_EXPORT_SUPPORT: lookups of `.` and `..`.
    public static let exportSupport = Capabilities(FUSE_CAP_EXPORT_SUPPORT)
    /// FUSE_CAP_DONT_MASK: the umask is left to the file system.
    public static let doNotMask = Capabilities(FUSE_CAP_DONT_MASK)
    /// FUSE_CAP_SPLICE_WRITE: not used by this binding.
    public static let spliceWrite = Capabilities(FUSE_CAP_SPLICE_WRITE)
    /// FUSE_CAP_SPLICE_MOVE: not used by this binding.
    public static let spliceMove = Capabilities(FUSE_CAP_SPLICE_MOVE)
    /// FUSE_CAP_SPLICE_READ: not used by this binding.
    public static let spliceRead = Capabilities(FUSE_CAP_SPLICE_READ)
    /// FUSE_CAP_IOCTL_DIR: ioctl(2) on directories. On by default.
    public static let directoryControl = Capabilities(FUSE_CAP_IOCTL_DIR)
    /// FUSE_CAP_AUTO_INVAL_DATA: a new mtime or size drops cached data. On by default.
    public static let autoInvalidateData = Capabilities(FUSE_CAP_AUTO_INVAL_DATA)
    /// FUSE_CAP_READDIRPLUS: directories are read with readDirectoryPlus.
    public static let readdirplus = Capabilities(FUSE_CAP_READDIRPLUS)
    /// FUSE_CAP_READDIRPLUS_AUTO: with readDirectory where that seems to be enough.
    public static let readdirplusAuto = Capabilities(FUSE_CAP_READDIRPLUS_AUTO)
    /// FUSE_CAP_ASYNC_DIO: several direct reads and writes of one open file at once. On by default.
    public static let asyncDirectIO = Capabilities(FUSE_CAP_ASYNC_DIO)
    /// FUSE_CAP_WRITEBACK_CACHE: the kernel collects writes.
    public static let writebackCache = Capabilities(FUSE_CAP_WRITEBACK_CACHE)
    /// FUSE_CAP_NO_OPEN_SUPPORT: ENOSYS to open means success. Cannot be wanted, only be available.
    public static let noOpenSupport = Capabilities(FUSE_CAP_NO_OPEN_SUPPORT)
    /// FUSE_CAP_PARALLEL_DIROPS: lookups and reads of one directory at once. On by default.
    public static let parallelDirectoryOperations = Capabilities(FUSE_CAP_PARALLEL_DIROPS)
    /// FUSE_CAP_POSIX_ACL
    public static let posixACL = Capabilities(FUSE_CAP_POSIX_ACL)
    /// FUSE_CAP_HANDLE_KILLPRIV: the file system clears set-id bits. On by default.
    public static let handleKillPriv = Capabilities(FUSE_CAP_HANDLE_KILLPRIV)
    /// FUSE_CAP_CACHE_SYMLINKS: targets of links are cached until their inode is invalidated.
    public static let cacheSymbolicLinks = Capabilities(FUSE_CAP_CACHE_SYMLINKS)
    /// FUSE_CAP_NO_OPENDIR_SUPPORT: ENOSYS to openDirectory means success. Cannot be wanted, only be available.
    public static let noOpendirSupport = Capabilities(FUSE_CAP_NO_OPENDIR_SUPPORT)
    /// FUSE_CAP_EXPLICIT_INVAL_DATA: cached data is dropped when the file system says so, and only then.
    public static let explicitInvalidateData = Capabilities(FUSE_CAP_EXPLICIT_INVAL_DATA)

    static let splice: Capabilities = [.spliceRead, .spliceWrite, .spliceMove]
}
