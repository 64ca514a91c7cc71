#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The environment of the process.
public enum ProcessEnvironment {
    /// Its variables.
    public static var variables: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return variables
    }
}

/// The user that the process runs as.
public enum ProcessUser {
    /// geteuid(2) and getegid(2).
    public static var effective: (owner: UInt32, group: UInt32) { (geteuid(), getegid()) }
}
