import Glibc

/// A signal of signal(7).
public struct Signal: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public let rawValue: Int32

    /// The signal with this number.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// SIGHUP
    public static let hangUp = Signal(rawValue: SIGHUP)
    /// SIGINT
    public static let interrupt = Signal(rawValue: SIGINT)
    /// SIGTERM
    public static let terminate = Signal(rawValue: SIGTERM)
    /// SIGUSR1
    public static let user1 = Signal(rawValue: SIGUSR1)
    /// SIGUSR2
    public static let user2 = Signal(rawValue: SIGUSR2)

    /// The C name.
    public var description: String {
        switch self {
        case .hangUp: "SIGHUP"
        case .interrupt: "SIGINT"
        case .terminate: "SIGTERM"
        case .user1: "SIGUSR1"
        case .user2: "SIGUSR2"
        default: "signal \(rawValue)"
        }
    }
}
