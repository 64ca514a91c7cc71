/// When to ask the server for what, so that changes are seen: one poll for all that watch a source.
///
/// Pure: what happened and the time go in, the next time comes out; it knows no clock, no task, no
/// request. Whoever drives it waits for ``next``, calls ``begin(_:now:)``, makes the request,
/// tells ``noteAnswer(_:asked:finished:outcome:)`` as for every other request, and calls
/// ``end(_:now:)``.
///
/// - While the server is well, there is one poll in each interval: never two whose beginnings are less than the
///   interval apart, and never more than a little jitter over it. A change is known the interval after it
///   at the latest, and the time that the answer takes.
/// - After a poll that took a time, three times that passes before the next, whatever it is for:
///   no more than a quarter of the time has a poll under way.
/// - When answers get slow, intervals grow (``PollPressure``); when polls fail, they double, at
///   random, and come back by halves.
/// - What changes once often changes again: after a change, intervals that have grown are shorter for a while,
///   if the server answers without a wait. They do not get shorter than the one that is wanted.
package struct PollSchedule<Source: PollSource>: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// What came of a request.
    package enum Outcome: Sendable {
        /// It says what the one before said.
        case unchanged
        /// It says something new.
        case changed
        /// No answer that tells anything.
        case failed
    }

    /// A poll to begin.
    package struct Poll: Sendable {
        /// When; it may be past.
        package let time: Instant
        /// What is asked for.
        package let source: Source
    }

    private struct Watch: Sendable {
        /// When the latest request that told something, or was a poll, began.
        var asked: Instant?
        /// When the next poll should begin.
        var due: Instant
        /// How long the latest request took until it was known what it says.
        var answerTime: Duration
        /// The interval while polls fail, and for a while after.
        var backoff: Duration?
        /// How many more answers without a change it takes until what is watched counts as quiet.
        var liveliness = 0

        /// Whether there was a change lately.
        var isLively: Bool { liveliness > 0 }
    }

    /// While polls fail, intervals get no longer than this, unless the server's answers were slow
    /// enough for longer ones.
    private static var longestBackoff: Duration { .seconds(300) }
    /// How many answers count as being soon after a change.
    private static var liveliness: Int { 4 }
    /// While all is well, this is the longest time that is added to an interval at random.
    private static var longestJitter: Duration { .milliseconds(20) }

    private let interval: Duration
    private var jitter: PollJitter
    private var interest: Set<Source> = []
    private var watches: [Source: Watch] = [:]
    private var pressures: [Source.Kind: PollPressure] = [:]
    private var underWay: (source: Source, begun: Instant)?
    /// Until when no poll begins.
    private var rest: Instant?
    /// When this machine last came back: a request that was under way while it slept took no longer than from then on.
    private var returned: Instant?

    /// - Parameters:
    ///   - interval: how long after it a change is known, while the server is well; above zero.
    ///   - seed: of the jitter; different in every guest.
    package init(interval: Duration, seed: UInt64) {
        self.interval = interval
        jitter = PollJitter(seed: seed)
    }

    /// Takes in what is of interest from now on: what is watched or open.
    package mutating func setInterest(_ sources: Set<Source>, now: Instant) {
        interest = sources
        for source in sources where watches[source] == nil {
            // Nobody has read it, so nobody can miss a change: no hurry.
            watches[source] = Watch(due: now + interval * jitter.uniform(0...1), answerTime: .zero)
        }
        watches = watches.filter { source, watch in
            sources.contains(source) || now - (watch.asked ?? watch.due) < Self.longestBackoff * 2
        }
    }

    /// Takes in that time has passed in which nothing was polled and nobody noticed: this machine slept. What is
    /// known may be old, so everything is asked for soon. Not at once: other guests of the same host may
    /// have slept as long.
    package mutating func comeBack(now: Instant) {
        returned = now
        // What was under way, or seemed to take as long as the sleep, says nothing of how busy the server is.
        rest = nil
        if let poll = underWay { underWay = (poll.source, now) }
        for (source, watch) in watches where watch.answerTime > Self.longestBackoff {
            watches[source]?.answerTime = .zero
        }
        for (source, watch) in watches where watch.backoff.map({ $0 > Self.longestBackoff }) ?? false {
            watches[source]?.backoff = nil
        }
        for (source, watch) in watches {
            let interval = watch.backoff ?? pressures[source.kind]?.pace ?? interval
            let soon = now + interval * jitter.uniform(0...1)
            watches[source]?.due = watch.due > now ? min(watch.due, soon) : soon
        }
    }

    // MARK: What next

    /// What to ask for next, and when. Nothing while a poll is under way or nothing is of interest.
    package var next: Poll? {
        guard underWay == nil, let first = earliest(where: { _, _ in true }) else { return nil }
        let begin = max(first.watch.due, rest ?? first.watch.due)
        // What costs little goes before what costs much, if it is due too, or would be later because of the
        // rest after the costly one than that would be if it waited.
        let end = begin + first.watch.answerTime * 4
        let other = earliest { source, watch in
            guard source != first.source, watch.answerTime * 4 < first.watch.answerTime, watch.due < end
            else { return false }
            guard watch.due > begin else { return true }
            return end - watch.due > watch.due + watch.answerTime * 4 - first.watch.due
        }
        guard let other else { return Poll(time: begin, source: first.source) }
        return Poll(time: max(other.watch.due, begin), source: other.source)
    }

    private func earliest(
        where isMeant: (Source, Watch) -> Bool
    ) -> (source: Source, watch: Watch)? {
        var first: (source: Source, watch: Watch)?
        for source in interest {
            guard let watch = watches[source], isMeant(source, watch) else { continue }
            if let known = first, known.watch.due <= watch.due { continue }
            first = (source, watch)
        }
        return first
    }

    /// How long it takes from one poll of each source to its next, as things are.
    package var intervals: [Source: Duration] {
        Dictionary(
            uniqueKeysWithValues: interest.map { source in
                (source, watches[source]?.backoff ?? pressures[source.kind]?.pace ?? interval)
            })
    }

    // MARK: What happens

    /// Takes in that a poll begins. One at a time.
    package mutating func begin(_ source: Source, now: Instant) {
        underWay = (source, now)
    }

    /// Takes in that the poll is over, after its answer was noted, or without one: there was
    /// nothing to ask for, or it was given up.
    package mutating func end(_ source: Source, now: Instant) {
        guard let poll = underWay, poll.source == source else { return }
        underWay = nil
        rest = now + (now - poll.begun) * 3
        guard var watch = watches[source], watch.due <= now else { return }
        watch.asked = poll.begun
        watch.due = poll.begun + interval
        watches[source] = watch
    }

    /// Takes in what came of a request: a poll's, or any other for a source, which spares a poll.
    ///
    /// - Parameters:
    ///   - asked: when the request began.
    ///   - finished: when its answer was there, or it was given up.
    ///   - known: when what it says was known, if making that out took time.
    package mutating func noteAnswer(
        _ source: Source, asked: Instant, finished: Instant, known: Instant? = nil, outcome: Outcome
    ) {
        let isPoll = underWay.map { $0.source == source } ?? false
        // That somebody's read failed says nothing about what to poll when.
        guard isPoll || outcome != .failed else { return }
        let began = max(asked, returned ?? asked)
        let sleptMeanwhile = began > asked
        let time = max(.zero, finished - began)
        var watch = watches[source] ?? Watch(due: finished, answerTime: time)
        if !isPoll, let latest = watch.asked, asked < latest { return }
        var pressure =
            pressures[source.kind] ?? PollPressure(interval: interval)
        if outcome == .failed {
            pressure.adjust(afterSilenceOf: time)
        } else if !sleptMeanwhile {
            pressure.observe(time, at: finished)
            if isPoll { pressure.adjust(after: time, sources: interest.count { $0.kind == source.kind }) }
        }
        pressures[source.kind] = pressure

        watch.asked = max(asked, watch.asked ?? asked)
        watch.answerTime = sleptMeanwhile ? time : max(time, (known ?? finished) - asked)
        switch outcome {
        case .failed:
            let least = max(pressure.pace, time * 3)
            let most = max(min((watch.backoff ?? interval) * 2, Self.longestBackoff), least * 1.5)
            watch.backoff = most
            watch.due = finished + least + (most - least) * jitter.uniform(0...1)
        case .changed:
            watch.liveliness = Self.liveliness
            watch.due = asked + delay(&watch, pressure)
        case .unchanged:
            watch.liveliness = max(0, watch.liveliness - 1)
            watch.due = asked + delay(&watch, pressure)
        }
        watches[source] = watch
    }

    /// From the beginning of an answered request to that of the next.
    private mutating func delay(_ watch: inout Watch, _ pressure: PollPressure) -> Duration {
        watch.backoff = watch.backoff.flatMap { $0 / 2 > pressure.pace ? $0 / 2 : nil }
        let delay = watch.backoff ?? (pressure.isWell && watch.isLively ? pressure.pace / 4 : pressure.pace)
        // Who has to wait long may as well wait a little longer: it keeps guests out of step.
        if delay > interval * 1.25 { return delay * jitter.uniform(0.8...1.2) }
        let most = pressure.isInTheWay ? interval / 10 : min(interval / 50, Self.longestJitter)
        return max(delay, interval) + most * jitter.uniform(0...1)
    }
}
