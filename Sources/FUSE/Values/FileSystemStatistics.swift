import Glibc

/// What statfs(2) and df(1) show: `struct statvfs`.
public struct FileSystemStatistics: Hashable, Sendable {
    /// Bytes in a block.
    public var blockSize: UInt64
    /// Blocks in all.
    public var blocks: UInt64
    /// Blocks free for root.
    public var freeBlocks: UInt64
    /// Blocks free for others.
    public var availableBlocks: UInt64
    /// Files in all.
    public var files: UInt64
    /// Files that could still be made.
    public var freeFiles: UInt64
    /// The longest name, in bytes.
    public var longestName: UInt64

    /// Statistics of a file system that has no blocks, unless they are given.
    public init(
        blockSize: UInt64 = 4096, blocks: UInt64 = 0, freeBlocks: UInt64 = 0, availableBlocks: UInt64 = 0,
        files: UInt64 = 0, freeFiles: UInt64 = 0, longestName: UInt64 = 255
    ) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.availableBlocks = availableBlocks
        self.files = files
        self.freeFiles = freeFiles
        self.longestName = longestName
    }

    var statvfs: statvfs {
        var result = Glibc.statvfs()
        result.f_bsize = numericCast(blockSize)
        result.f_frsize = numericCast(blockSize)
        result.f_blocks = numericCast(blocks)
        result.f_bfree = numericCast(freeBlocks)
        result.f_bavail = numericCast(availableBlocks)
        result.f_files = numericCast(files)
        result.f_ffree = numericCast(freeFiles)
        result.f_favail = numericCast(freeFiles)
        result.f_namemax = numericCast(longestName)
        return result
    }
}
