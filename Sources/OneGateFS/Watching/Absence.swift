#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Notices that time has passed in which this machine did not run. Nothing that is known is as young then
/// as it seems to the kernel, whose timeouts stand still, and after the second kind of absence not even
/// as it seems to us:
///
/// - The machine slept: `CLOCK_BOOTTIME` went on, `CLOCK_MONOTONIC` did not.
/// - A virtual machine was paused, or saved and restored: none of its clocks went on, and later the time of
///   day is set forward.
struct Absence {
    /// What the clocks say, each in the time since its own beginning.
    struct Clocks {
        /// `CLOCK_MONOTONIC`
        var running: Duration
        /// `CLOCK_BOOTTIME`
        var continuous: Duration
        /// `CLOCK_REALTIME`
        var day: Duration

        /// What they say now.
        static var now: Clocks {
            Clocks(
                running: read(CLOCK_MONOTONIC), continuous: read(CLOCK_BOOTTIME), day: read(CLOCK_REALTIME))
        }

        private static func read(_ clock: clockid_t) -> Duration {
            var time = timespec()
            clock_gettime(clock, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
    }

    /// Less sleep than this is none: the clocks are not read at the same moment.
    static let leastSleep = Duration.milliseconds(200)
    /// A time of day that is set forward by less than this is corrected: nobody was absent.
    static let leastStep = Duration.seconds(1)

    private var latest: Clocks

    init(_ clocks: Clocks) { latest = clocks }

    /// Whether there was an absence since the last call.
    mutating func notice(_ now: Clocks) -> Bool {
        let continuous = now.continuous - latest.continuous
        let slept = continuous - (now.running - latest.running)
        let step = now.day - latest.day - continuous
        latest = now
        return slept >= Self.leastSleep || step >= Self.leastStep
    }
}
