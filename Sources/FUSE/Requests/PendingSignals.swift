import Glibc

/// The signals that wait until a thread comes back from the kernel, as /proc tells of them.
enum PendingSignals {
    /// What comes at any time, of children, terminals and schedulers. To other file systems a program may be told of it
    /// in the middle of a write(2) and need not know: bash has a handler for SIGCHLD, Go's runtime one for SIGURG.
    private static let harmless = [SIGCHLD, SIGCONT, SIGURG, SIGWINCH].reduce(0) {
        $0 | UInt64(1) << ($1 - 1)
    }

    /// Whether no signal waits for a thread that is meant to interrupt it. False if that cannot be found out.
    static func areHarmless(for thread: Int32) -> Bool {
        guard thread > 0, case .success(let descriptor) = SystemCalls.open("/proc/\(thread)/status", O_RDONLY)
        else { return false }
        defer { close(descriptor) }
        guard case .success(let bytes) = SystemCalls.read(descriptor, count: 8192),
            let pending = pending(in: String(decoding: bytes, as: UTF8.self))
        else { return false }
        return pending & ~harmless == 0
    }

    /// The set of signals that wait and are not blocked: proc_pid_status(5).
    static func pending(in status: String) -> UInt64? {
        var sets: [Substring: UInt64] = [:]
        for line in status.split(separator: "\n") where line.hasPrefix("S") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let set = UInt64(parts[1].drop { $0 == "\t" || $0 == " " }, radix: 16)
            else {
                continue
            }
            sets[parts[0]] = set
        }
        guard let own = sets["SigPnd"], let shared = sets["ShdPnd"], let blocked = sets["SigBlk"] else {
            return nil
        }
        return (own | shared) & ~blocked
    }
}
