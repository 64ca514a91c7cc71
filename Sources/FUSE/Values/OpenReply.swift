import CFUSE

/// How a file was opened: what a file system fills into `struct fuse_file_info`.
public struct OpenReply: Hashable, Sendable {
    /// Comes back in every request about this open file (``OpenFile/handle``).
    public var handle: UInt64
    /// Every read(2) and write(2) becomes a request of its own; the page cache is not used.
    public var directIO: Bool
    /// What the page cache holds of the file stays valid.
    public var keepCache: Bool
    /// close(2) sends no flush.
    public var noFlush: Bool
    /// lseek(2) fails.
    public var nonSeekable: Bool
    /// The kernel may cache the entries; of openDirectory only.
    public var cacheReaddir: Bool

    /// An open file with this handle.
    public init(
        handle: UInt64 = 0, directIO: Bool = false, keepCache: Bool = false, noFlush: Bool = false,
        nonSeekable: Bool = false, cacheReaddir: Bool = false
    ) {
        self.handle = handle
        self.directIO = directIO
        self.keepCache = keepCache
        self.noFlush = noFlush
        self.nonSeekable = nonSeekable
        self.cacheReaddir = cacheReaddir
    }

    var fileInfo: fuse_file_info {
        var info = fuse_file_info()
        info.fh = handle
        info.direct_io = directIO ? 1 : 0
        info.keep_cache = keepCache ? 1 : 0
        info.noflush = noFlush ? 1 : 0
        info.nonseekable = nonSeekable ? 1 : 0
        info.cache_readdir = cacheReaddir ? 1 : 0
        return info
    }
}
