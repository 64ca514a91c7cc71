#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How busy the server is with one kind of request, as far as one guest can tell: from how long
/// its own polls take, compared with the best of lately, as in TCP Vegas.
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
/// The numbers were found with `scripts/simulate-polling`.
struct PollPressure: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// An answer that takes less than this many times the best of lately is not slow.
    static let tolerance = 2.0
    /// The interval that a guest strives for, for each time the best of lately that its answers
    /// take beyond the tolerance.
    static let intervalPerWait = Duration.seconds(60)
    /// No interval gets longer.
    static let longest = Duration.seconds(3600)
    /// When no answer was as good as the best in this time and in this many answers, the server
    /// seems to have become slower: the best grows by a quarter.
    static let memory = (time: Duration.seconds(600), answers: 12)
    /// The best of lately is no more than this many times the usual: at first, so that who comes
    /// to a long queue sees that it is one, and after a long time.
    static let slowestBest = (first: 2.0, last: 8.0)

    private let interval: Duration
    private let usual: Duration
    private var best: Duration
    private var window: (begin: Instant, best: Duration, answers: Int)?
    /// How long the latest poll took, in times the best of lately.
    private var slowness = 0.0
    /// How many polls in a row were not slow, and how many in a row got no answer.
    private var goodPolls = 0
    private var silentPolls = 0
    /// The interval that the server bears; never less than the one that is wanted.
    private(set) var pace: Duration

    init(interval: Duration, usual: Duration) {
        self.interval = interval
        self.usual = usual
        best = usual * Self.slowestBest.first
        pace = interval
    }

    /// Whether the server has something left to give.
    var isRelaxed: Bool { pace <= interval && slowness <= Self.tolerance }

    /// Takes in how long an answer took, a poll's or another's.
    mutating func observe(_ time: Duration, at now: Instant) {
        best = min(best, max(time, usual))
        var seen = window ?? (begin: now, best: time, answers: 0)
        seen.best = min(seen.best, time)
        seen.answers += 1
        window = seen
        guard seen.answers >= Self.memory.answers, now - seen.begin >= Self.memory.time else { return }
        best = max(best, min(seen.best, best * 1.25, usual * Self.slowestBest.last))
        window = nil
    }

    /// Takes in what a poll's answer time means for the interval. One slow answer is chance, two in
    /// a row are a queue.
    ///
    /// - Parameter sources: how many sources of the kind this guest polls: it gets one share for all.
    mutating func adjust(after time: Duration, sources: Int) {
        let latest = time / best
        let excess = max(0, min(latest, slowness) - Self.tolerance)
        slowness = latest
        goodPolls = latest > Self.tolerance ? 0 : goodPolls + 1
        silentPolls = 0
        let goal = Self.intervalPerWait * (excess * Double(max(1, sources)))
        let ratio = max(interval, min(goal, Self.longest)) / pace
        if ratio > 1 {
            pace = pace * min(ratio.squareRoot(), 3)
        } else {
            let haste = Double(min(max(goodPolls, 1), 8)) / 64
            pace = pace * max(pow(ratio, haste), 0.7)
        }
        // Not a nanosecond above what is wanted, or all is never well.
        if pace < interval * 1.01 { pace = interval }
    }

    /// Takes in that a poll got no answer in a time. A refusal at once says nothing about how busy
    /// the server is; to wait in vain costs it an answer all the same.
    mutating func adjust(afterSilenceOf time: Duration) {
        guard time > best * Self.tolerance else { return }
        slowness = time / best
        goodPolls = 0
        silentPolls += 1
        let least = silentPolls > 1 ? max(pace, time * 4) : pace
        pace = max(interval, min(least * 2, Self.longest))
    }
}
