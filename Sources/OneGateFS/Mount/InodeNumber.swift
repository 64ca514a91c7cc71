import FUSE

/// Inode numbers that follow from the path alone, so that they are the same after the kernel forgot a
/// file and looks it up again, for the life of the mount and beyond, without a table that grows.
enum InodeNumber {
    /// 64-bit FNV-1a, finished with a mixing step so that near names get far numbers.
    static func hash(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
        var hash = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in bytes {
            hash ^= UInt64(byte)
            hash = hash &* 0x0000_0100_0000_01B3
        }
        hash ^= hash >> 32
        hash = hash &* 0x9E37_79B9_7F4A_7C15
        return hash ^ hash >> 29
    }

    /// The number of a name in a folder. Small numbers have other meanings and are never given.
    static func of(_ name: FileName, in parent: Inode) -> Inode {
        Inode(rawValue: hash(name.bytes, seed: parent.rawValue &* 0x2545_F491_4F6C_DD1D) | 1 << 63)
    }
}
