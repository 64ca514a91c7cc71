import CFUSE
import Glibc
import Synchronization

/// The messages of libfuse, which go to stderr unless they are routed somewhere else.
///
/// libfuse has one log for the whole process, and its function gets no context: so this is global too, and
/// the last call wins. A few failures of system calls are printed by libfuse with perror(3) and cannot be routed.
public enum LibraryLog {
    /// How much a message matters: `enum fuse_log_level`, which are those of syslog(3).
    public enum Level: UInt32, Comparable, Sendable {
        /// FUSE_LOG_EMERG
        case emergency, alert, critical, error, warning, notice, info, debug

        /// Whether the left level matters more.
        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    private static let destination = Mutex<(@Sendable (Level, String) -> Void)?>(nil)

    /// Sends every later message, one line without newline, to the closure, from whatever thread it comes from;
    /// nil: to stderr again.
    public static func route(to closure: (@Sendable (Level, String) -> Void)?) {
        destination.withLock { $0 = closure }
        guard closure != nil else {
            fuse_set_log_func(nil)
            return
        }
        fuse_set_log_func { level, format, arguments in
            let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
                guard let format, let arguments = LibraryLog.optional(arguments) else { return "" }
                vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
                return buffer.baseAddress.map { String(cString: $0) } ?? ""
            }
            var line = text[...]
            while line.last?.isNewline == true { line.removeLast() }
            let closure = LibraryLog.destination.withLock { $0 }
            closure?(Level(rawValue: level.rawValue) ?? .error, String(line))
        }
    }

    /// A `va_list` is imported as optional on some architectures and not on others.
    private static func optional<Value>(_ value: Value?) -> Value? { value }
}
