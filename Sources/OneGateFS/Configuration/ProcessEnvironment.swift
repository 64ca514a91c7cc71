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
            let scalars = String(cString: entry).unicodeScalars
            if let equals = scalars.firstIndex(of: "=") {
                variables[String(scalars[..<equals])] = String(scalars[scalars.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }

    /// Takes a variable out of the environment, for the programs that are started later and for /proc/PID/environ, which
    /// shows the memory where it was. Only while there is one thread.
    public static func erase(_ name: String) {
        guard let value = getenv(name) else { return }
        memset(value, 0, strlen(value))
        unsetenv(name)
    }
}

/// The user that the process runs as.
public enum ProcessUser {
    /// geteuid(2) and getegid(2).
    public static var effective: (owner: UInt32, group: UInt32) { (geteuid(), getegid()) }
}
