import Glibc

/// What stat(2) shows of a file.
public struct FileAttributes: Hashable, Sendable {
    /// `st_ino`
    public var inode: Inode
    /// The type bits of `st_mode`.
    public var kind: FileKind
    /// The other twelve bits of `st_mode`: permissions, set-id and sticky bits.
    public var permissions: UInt16
    /// `st_nlink`
    public var linkCount: UInt32
    /// `st_uid`
    public var owner: UInt32
    /// `st_gid`
    public var group: UInt32
    /// `st_size` in bytes. The kernel reads no further than this (unless the file was opened with
    /// ``OpenReply/directIO``), so it has to be exact. Of a symbolic link: the length of its target.
    public var size: Int64
    /// `st_blksize`: the preferred size of one read.
    public var blockSize: UInt32
    /// `st_mtim`
    public var modified: Timestamp
    /// `st_ctim`
    public var changed: Timestamp
    /// `st_atim`
    public var accessed: Timestamp

    /// Attributes; the three times are the same unless given.
    public init(
        inode: Inode, kind: FileKind, permissions: UInt16, size: Int64 = 0, linkCount: UInt32 = 1,
        owner: UInt32 = 0, group: UInt32 = 0, modified: Timestamp = .epoch, changed: Timestamp? = nil,
        accessed: Timestamp? = nil, blockSize: UInt32 = 4096
    ) {
        self.inode = inode
        self.kind = kind
        self.permissions = permissions
        self.linkCount = linkCount
        self.owner = owner
        self.group = group
        self.size = size
        self.blockSize = blockSize
        self.modified = modified
        self.changed = changed ?? modified
        self.accessed = accessed ?? modified
    }

    var stat: stat {
        var result = Glibc.stat()
        result.st_ino = ino_t(inode.rawValue)
        result.st_mode = kind.typeBits | mode_t(permissions & 0o7777)
        result.st_nlink = numericCast(linkCount)
        result.st_uid = owner
        result.st_gid = group
        result.st_size = off_t(size)
        result.st_blksize = numericCast(blockSize)
        // st_blocks counts units of 512 bytes whatever the block size is: stat(2).
        result.st_blocks = numericCast((max(size, 0) + 511) / 512)
        result.st_mtim = modified.systemTime
        result.st_ctim = changed.systemTime
        result.st_atim = accessed.systemTime
        return result
    }
}
