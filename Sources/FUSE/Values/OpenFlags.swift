import Glibc

/// The flags of open(2), as far as the kernel leaves them to the file system.
public struct OpenFlags: OptionSet, Hashable, Sendable {
    /// The C flags, the access mode included.
    public let rawValue: Int32

    /// The flags with these bits.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// O_APPEND
    public static let append = OpenFlags(rawValue: O_APPEND)
    /// O_TRUNC: arrives with ``Capabilities/atomicTruncate`` only; else there is a change of the size before.
    public static let truncate = OpenFlags(rawValue: O_TRUNC)
    /// O_EXCL
    public static let exclusive = OpenFlags(rawValue: O_EXCL)
    /// O_CREAT
    public static let create = OpenFlags(rawValue: O_CREAT)
    /// O_NONBLOCK
    public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    /// O_DIRECTORY
    public static let directory = OpenFlags(rawValue: O_DIRECTORY)
    /// O_NOFOLLOW
    public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    /// O_SYNC
    public static let synchronous = OpenFlags(rawValue: O_SYNC)

    /// What the file is opened for.
    public enum AccessMode: Hashable, Sendable {
        /// O_RDONLY
        case readOnly
        /// O_WRONLY
        case writeOnly
        /// O_RDWR
        case readWrite
    }

    /// The access mode, which is a number within the flags and not a flag.
    public var accessMode: AccessMode {
        switch rawValue & O_ACCMODE {
        case O_WRONLY: .writeOnly
        case O_RDWR: .readWrite
        default: .readOnly
        }
    }

    /// Opened for reading, perhaps among other things.
    public var isReadable: Bool { accessMode != .writeOnly }

    /// Opened for writing, perhaps among other things.
    public var isWritable: Bool { accessMode != .readOnly }
}
