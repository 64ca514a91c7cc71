import Glibc

/// What access(2) asks about; empty (F_OK): whether the file exists.
public struct AccessMask: OptionSet, Hashable, Sendable {
    /// The C bits.
    public let rawValue: Int32

    /// The mask with these bits.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// R_OK
    public static let read = AccessMask(rawValue: R_OK)
    /// W_OK
    public static let write = AccessMask(rawValue: W_OK)
    /// X_OK
    public static let execute = AccessMask(rawValue: X_OK)
}
