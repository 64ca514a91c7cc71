import Glibc

/// The events of poll(2).
public struct PollEvents: OptionSet, Hashable, Sendable {
    /// The C bits.
    public let rawValue: UInt32

    /// The events with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(_ bits: some BinaryInteger) {
        self.init(rawValue: UInt32(truncatingIfNeeded: bits))
    }

    /// POLLIN
    public static let readable = PollEvents(POLLIN)
    /// POLLPRI
    public static let priority = PollEvents(POLLPRI)
    /// POLLOUT
    public static let writable = PollEvents(POLLOUT)
    /// POLLERR
    public static let error = PollEvents(POLLERR)
    /// POLLHUP
    public static let hangUp = PollEvents(POLLHUP)
    /// POLLRDNORM
    public static let normalReadable = PollEvents(POLLRDNORM)
    /// POLLWRNORM
    public static let normalWritable = PollEvents(POLLWRNORM)
}
