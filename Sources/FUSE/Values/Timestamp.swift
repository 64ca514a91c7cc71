import Glibc

/// A point in time: seconds and nanoseconds since 1970-01-01 00:00:00 UTC.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Whole seconds; negative before 1970.
    public var seconds: Int64
    /// 0 to 999 999 999, added to the seconds.
    public var nanoseconds: Int32

    /// The time this long after the epoch.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
    }

    /// 1970-01-01 00:00:00 UTC
    public static let epoch = Timestamp(seconds: 0)

    /// The system's wall clock (`CLOCK_REALTIME`).
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(time)
    }

    /// Whether the left time is earlier.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    var systemTime: timespec {
        timespec(tv_sec: time_t(truncatingIfNeeded: seconds), tv_nsec: Int(nanoseconds))
    }
}
