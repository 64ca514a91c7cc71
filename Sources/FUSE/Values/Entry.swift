import CFUSE

/// A name that was looked up or made: `struct fuse_entry_param`.
///
/// Every entry that reaches the kernel raises the lookup count of its inode by one, and
/// ``FileSystem/forget(_:count:)`` lowers it; an entry without inode counts nothing.
public struct Entry: Hashable, Sendable {
    /// The file, or 0: there is none, and the kernel may remember that for ``entryTimeout``.
    public var inode: Inode
    /// Attributes of the file; `attributes.inode` is what stat(2) shows.
    public var attributes: FileAttributes
    /// For how many seconds the kernel may use the name without asking again.
    public var entryTimeout: Double
    /// For how many seconds the kernel may use the attributes without asking again.
    public var attributeTimeout: Double
    /// Tells files apart that had the same number one after the other. Only NFS exports look at it.
    public var generation: UInt64

    /// An entry for a file.
    public init(
        inode: Inode, attributes: FileAttributes, entryTimeout: Double = 0, attributeTimeout: Double = 0,
        generation: UInt64 = 0
    ) {
        self.inode = inode
        self.attributes = attributes
        self.entryTimeout = entryTimeout
        self.attributeTimeout = attributeTimeout
        self.generation = generation
    }

    /// "No such file", which the kernel may remember for so many seconds.
    public static func negative(timeout: Double) -> Entry {
        let nothing = FileAttributes(inode: Inode(rawValue: 0), kind: .regular, permissions: 0)
        return Entry(inode: nothing.inode, attributes: nothing, entryTimeout: timeout)
    }

    var parameter: fuse_entry_param {
        var result = fuse_entry_param()
        result.ino = inode.rawValue
        result.generation = generation
        result.attr = attributes.stat
        result.attr_timeout = attributeTimeout
        result.entry_timeout = entryTimeout
        return result
    }
}
