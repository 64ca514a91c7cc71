/// The flags of renameat2(2).
public struct RenameFlags: OptionSet, Hashable, Sendable {
    /// The C bits.
    public let rawValue: UInt32

    /// The flags with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// RENAME_NOREPLACE: fail with EEXIST if the new name exists.
    public static let noReplace = RenameFlags(rawValue: 1 << 0)
    /// RENAME_EXCHANGE: both names exist and change places.
    public static let exchange = RenameFlags(rawValue: 1 << 1)
}
