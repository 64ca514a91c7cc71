#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How busy the server is with one kind of request, as far as one guest can tell: from how long
/// its own polls take, compared with the best answers that it has itself seen lately, as in TCP Vegas.
///
/// Thousands of guests that know nothing of each other share one server. Each strives for an
/// interval that grows with the wait that it sees; since all see the same waits, all come to the
/// same interval, the one at which the server just keeps up. Two things make that stable:
///
/// - It works on the short waits that chance makes in a server with something left to give, and
///   not on a long queue. A queue tells how long the load was too high, not how high it is, and a
///   guest that polls every few minutes hears of it minutes late: guests that steer by it swing
///   between a flood and nothing.
/// - Intervals grow fast and shrink slowly, and faster the longer all is well.
///
/// What a good answer is nobody tells the guest: a server that needs 20 ms and one that needs 900 ms
/// are both well. So the first answers are believed, and a better one is believed at once. A guest that
/// comes to a queue takes it for the server's nature only until it has seen the queue shorter, which the
/// others' going slow, or its own (``longWait``), brings about.
///
/// The numbers were found with `scripts/simulate-polling`.
struct PollPressure: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// An answer that takes less than this many times the best of lately is not slow, nor one that takes
    /// this much longer than the best: networks do that.
    static let tolerance = (times: 2.0, time: Duration.milliseconds(25))
    /// The interval that a guest strives for when its answers take once the best of lately beyond the
    /// tolerance; it grows with the square of that time, so that a little does little.
    static let intervalOfWait = Duration.seconds(30)
    /// An answer that takes longer is slow whatever the best of lately was: there may be a queue that
    /// has never been shorter since this guest came.
    static let longWait = Duration.milliseconds(2500)
    /// No interval gets longer.
    static let longest = Duration.seconds(3600)
    /// The best of lately is the best of at least this time and this many answers, and of twice that at
    /// most. From one such time to the next it gets worse by no more than this many times: a queue that
    /// lasts is not to become the measure soon.
    static let memory = (time: Duration.seconds(1800), answers: 12, growth: 1.5)

    /// The best of one time in the memory.
    private struct Window {
        var begin: Instant
        var best: Duration
        var answers = 1
    }

    private let interval: Duration
    /// The best of the time before the present one.
    private var before: Duration?
    private var present: Window?
    /// How long the latest polls took beyond what is tolerated, in times the best of lately, the latest
    /// first; and how long they took in all.
    private var latest: [(excess: Double, time: Duration)] = []
    /// How many polls in a row were not slow, how many in a row were, and how many in a row got no answer.
    private var goodPolls = 0
    private var slowPolls = 0
    private var silentPolls = 0
    /// The interval that the server bears; never less than the one that is wanted.
    private(set) var pace: Duration

    init(interval: Duration) {
        self.interval = interval
        pace = interval
    }

    /// The best of lately; nil as long as there was no answer.
    var best: Duration? {
        guard let present else { return before }
        return before.map { min($0, present.best) } ?? present.best
    }

    /// Whether the latest poll was answered without a wait.
    var isWell: Bool { goodPolls > 0 }

    /// Whether polls seem to come at the same moments as those of others, who keep to an interval too.
    var isInTheWay: Bool { slowPolls > 1 }

    /// Takes in how long an answer took, a poll's or another's.
    mutating func observe(_ time: Duration, at now: Instant) {
        guard var seen = present else {
            present = Window(begin: now, best: time)
            return
        }
        seen.best = min(seen.best, time)
        seen.answers += 1
        present = seen
        guard seen.answers >= Self.memory.answers, now - seen.begin >= Self.memory.time else { return }
        before = before.map { min(seen.best, $0 * Self.memory.growth) } ?? seen.best
        present = nil
    }

    /// Takes in what a poll's answer time means for the interval.
    ///
    /// - Parameter sources: how many sources of the kind this guest polls: it gets one share for all.
    mutating func adjust(after time: Duration, sources: Int) {
        let unit = max(best ?? time, Self.tolerance.time)
        let bearable = (best ?? time) + unit * (Self.tolerance.times - 1)
        let isSlow = time > bearable || time > Self.longWait
        latest.insert((max(0, (time - bearable) / unit), time), at: 0)
        // One slow answer is chance, two in a row are a queue; six, while all seems well.
        latest = Array(latest.prefix(pace > interval ? 2 : 6))
        let excess = latest.map(\.excess).min() ?? 0
        let wait = latest.map(\.time).min() ?? .zero
        goodPolls = isSlow ? 0 : goodPolls + 1
        slowPolls = isSlow ? slowPolls + 1 : 0
        silentPolls = 0
        var goal = Self.intervalOfWait * (excess * excess * Double(max(1, sources)))
        let long = wait / Self.longWait
        if long > 1 { goal = max(goal, wait * 4 * (long * long)) }
        let ratio = max(interval, min(goal, Self.longest)) / pace
        if ratio > 1 {
            pace = pace * min(ratio.squareRoot(), 1.5)
        } else {
            let haste = Double(min(max(goodPolls, 1), 8)) / 64
            pace = pace * max(pow(ratio, haste), 0.7)
        }
        // Not a nanosecond above what is wanted, or all is never well.
        if pace < interval * 1.05 { pace = interval }
    }

    /// Takes in that a poll got no answer in a time. A refusal at once says nothing about how busy
    /// the server is; to wait in vain costs it an answer all the same.
    mutating func adjust(afterSilenceOf time: Duration) {
        guard time > max((best ?? .zero) * Self.tolerance.times, min(interval / 4, .seconds(1))) else {
            return
        }
        latest = []
        goodPolls = 0
        silentPolls += 1
        let least = silentPolls > 1 ? max(pace, time * 4) : pace
        pace = max(interval, min(least * 2, Self.longest))
    }
}
