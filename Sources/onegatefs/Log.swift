import Logging
import OneGateFS

/// The log: stderr, one line an event.
enum Log {
    /// A logger as the mount was told.
    static func logger(_ configuration: MountConfiguration) -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "onegatefs")
        logger.logLevel =
            switch configuration.logLevel {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        return logger
    }
}
