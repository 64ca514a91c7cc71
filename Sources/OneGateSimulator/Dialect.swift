/// Which OneGate server the simulator answers like. Both were recorded from real servers.
public enum Dialect: String, Hashable, Sendable, CaseIterable {
    /// The current server (the 7.x line, behind Puma): what the core refuses is
    /// `Internal server error`, and idle connections are closed after 20 seconds.
    case current
    /// Release 6.10 (behind Thin): what the core refuses is told in the core's words, what goes
    /// wrong in the server itself is an HTML page, and idle connections are closed after 60 seconds.
    case v6_10 = "6.10"
}
