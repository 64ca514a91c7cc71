/// The flags of setxattr(2).
public struct ExtendedAttributeFlags: OptionSet, Hashable, Sendable {
    /// The C bits.
    public let rawValue: Int32

    /// The flags with these bits.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// XATTR_CREATE: fail with EEXIST if the attribute exists.
    public static let create = ExtendedAttributeFlags(rawValue: 1)
    /// XATTR_REPLACE: fail with ENODATA if the attribute does not exist.
    public static let replace = ExtendedAttributeFlags(rawValue: 2)
}
