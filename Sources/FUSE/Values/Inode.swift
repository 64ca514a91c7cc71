/// The number of a file, as the kernel and the file system exchange it (`fuse_ino_t`).
public struct Inode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number itself. 0 is no inode: in an ``Entry`` it says that the name does not exist.
    public let rawValue: UInt64

    /// The inode with this number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The root of the mount (`FUSE_ROOT_ID`), which exists without a lookup.
    public static let root = Inode(rawValue: 1)

    /// The number in decimal.
    public var description: String { String(rawValue) }
}
