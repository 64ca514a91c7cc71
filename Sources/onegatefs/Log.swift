import Logging
import OneGateFS

/// The log: stderr, the journal or syslog, one line an event.
enum Log {
    /// A logger as the mount was told.
    static func logger(_ threshold: LogThreshold, isForeground: Bool) -> Logger {
        let destination = LogDestination.suitable(isForeground: isForeground)
        return Logger(label: "onegatefs") { _ in LogWriter(threshold, destination) }
    }
}
