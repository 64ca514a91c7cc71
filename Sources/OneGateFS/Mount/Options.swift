/// What a mount may be told.
public struct FileSystemOptions: Sendable {
    /// How old what is shown may be.
    public var freshness = Freshness()
    /// How often what is watched is compared with the server; zero: never (`watch`).
    public var watchInterval: Duration = .seconds(5)
    /// Whether what was stored is read back and compared (`noverify` is the opposite).
    public var verify = true
    /// The longest that a change waits for those before it: as long as a request may take (`timeout`).
    public var patience: Duration = .seconds(30)
    /// Whether nothing can be changed (`ro`).
    public var readOnly = false
    /// The owner of everything that is shown.
    public var owner: UInt32 = 0
    /// The group of everything that is shown.
    public var group: UInt32 = 0
    /// Permission bits that nothing has (`umask`).
    public var umask: UInt16 = 0o077

    /// The contract's defaults, for root.
    public init() {}
}
