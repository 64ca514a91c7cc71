import Glibc

/// The process's file descriptors.
public enum Descriptors {
    /// Why there are too few.
    public struct LimitError: Error, CustomStringConvertible {
        /// How many the process may have.
        public let limit: UInt64
        /// One line.
        public var description: String {
            "at most \(limit) open files are allowed here (ulimit -n), and \(Descriptors.needed) are needed"
        }
    }

    /// How many a mount needs: for itself, for its connections and for what is read now and then.
    public static let needed: UInt64 = 32

    /// Opens /dev/null where standard input, output or error are closed: what is opened later would get their numbers,
    /// and be taken for them.
    public static func openStandardStreams() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free is the one that is given. It is kept by who is started later.
            _ = Glibc.open("/dev/null", O_RDWR)
        }
    }

    /// Sees to it that there may be as many as are needed.
    public static func reserve() throws(LimitError) {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < rlim_t(needed) else { return }
        limit.rlim_cur = min(rlim_t(needed), limit.rlim_max)
        guard limit.rlim_cur == rlim_t(needed), setrlimit(files, &limit) == 0 else {
            throw LimitError(limit: UInt64(limit.rlim_cur))
        }
    }
}
