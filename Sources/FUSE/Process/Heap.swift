import CFUSE

/// What the C library does with memory that nobody needs any more.
public enum Heap {
    /// Blocks from 256 KiB on go back to the kernel as soon as they are freed.
    ///
    /// glibc keeps blocks of up to 32 MiB once there was one: a few answers of that size would stay for ever. See M_MMAP_THRESHOLD
    /// in mallopt(3).
    public static func returnLargeBlocks() { cfuse_return_blocks_from(1 << 18) }
}
