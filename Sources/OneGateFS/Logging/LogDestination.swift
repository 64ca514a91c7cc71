import FUSE
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the log goes, and how a line looks there.
public enum LogDestination: Equatable, Sendable {
    /// stderr: time, level, words.
    case standardError
    /// stderr, which is connected to systemd's journal: `<N>` for the level, see sd-daemon(3), and the words.
    case journal
    /// syslog(3), for a process in the background, whose stderr leads nowhere.
    case systemLog

    /// What suits the process.
    ///
    /// - Parameter isForeground: whether it stays in the foreground.
    public static func suitable(isForeground: Bool) -> LogDestination {
        guard isForeground else { return .systemLog }
        guard let stream = getenv("JOURNAL_STREAM") else { return .standardError }
        return suitable(journalStream: String(cString: stream))
    }

    /// - Parameter journalStream: `DEVICE:INODE` of the socket that systemd connected to the journal, see
    ///   systemd.exec(5). A program that a service starts inherits the variable, but may have another stderr.
    static func suitable(journalStream: String) -> LogDestination {
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return .standardError }
        return journalStream == "\(status.st_dev):\(status.st_ino)" ? .journal : .standardError
    }

    /// The line for an event, without its newline.
    func line(_ level: Logger.Level, _ words: String, at time: Timestamp) -> String {
        switch self {
        case .standardError: "\(Clock.text(time)) \(level): \(words)"
        case .journal: "<\(Self.priority(of: level))>\(words)"
        case .systemLog: words
        }
    }

    /// Writes a line, whole.
    func write(_ level: Logger.Level, _ line: String) {
        switch self {
        case .standardError, .journal:
            let bytes = Array((line + "\n").utf8)
            // Who does not read his log does not want it.
            _ = Self.write(bytes)
        case .systemLog:
            line.withCString { line in
                withVaList([line]) { vsyslog(Self.priority(of: level) | LOG_DAEMON, "%s", $0) }
            }
        }
    }

    private static func write(_ bytes: [UInt8]) -> Int {
        #if canImport(Glibc)
            Glibc.write(STDERR_FILENO, bytes, bytes.count)
        #else
            Musl.write(STDERR_FILENO, bytes, bytes.count)
        #endif
    }

    /// The priority of syslog(3).
    static func priority(of level: Logger.Level) -> CInt {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}
