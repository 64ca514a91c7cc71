/// When to ask the server for what, so that changes are seen: one poll for all that watch a source.
///
/// Pure: what happened and the time go in, the next time comes out; it knows no clock, no task, no
/// request. Whoever drives it waits for ``next``, calls ``begin(_:now:)``, makes the request,
/// tells ``noteAnswer(_:asked:finished:outcome:)`` as for every other request, and calls
/// ``end(_:now:)``.
///
/// - While the server is well, a change is known the interval after it at the latest: the jitter
///   only shortens, and the time that the answer takes is taken off.
/// - After a poll that took a time, three times that passes before the next, whatever it is for:
///   no more than a quarter of the time has a poll under way.
/// - When answers get slow, intervals grow (``PollPressure``); when polls fail, they double, at
///   random, and come back by halves.
/// - After a change, while the server is well, polls are quick for a while: what changes once
///   often changes again.
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
        /// The interval for a while after a change.
        var quick: Duration?
    }

    /// While polls fail, intervals get no longer than this, unless the server's answers were slow
    /// enough for longer ones.
    private static var longestBackoff: Duration { .seconds(300) }

    private let interval: Duration
    private var jitter: PollJitter
    private var interest: Set<Source> = []
    private var watches: [Source: Watch] = [:]
    private var pressures: [Source.Kind: PollPressure] = [:]
    private var underWay: (source: Source, begun: Instant)?
    /// Until when no poll begins.
    private var rest: Instant?

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
            watches[source] = Watch(
                due: now + interval * jitter.uniform(0...1), answerTime: source.usualAnswerTime)
        }
        watches = watches.filter { source, watch in
            sources.contains(source) || now - (watch.asked ?? watch.due) < Self.longestBackoff * 2
        }
    }

    // MARK: What next

    /// What to ask for next, and when. Nothing while a poll is under way or nothing is of interest.
    package var next: Poll? {
        guard underWay == nil, let first = earliest(where: { _, _ in true }) else { return nil }
        let begin = max(first.watch.due, rest ?? first.watch.due)
        // What costs little and would be late if it waited until the rest after a costly poll is
        // over goes before that, a little early.
        let end = begin + first.watch.answerTime * 4
        let other = earliest { source, watch in
            guard source != first.source, watch.answerTime * 4 < first.watch.answerTime, watch.due < end
            else { return false }
            guard let asked = watch.asked else { return true }
            return watch.due - asked < (begin - asked) * 4
        }
        guard let other else { return Poll(time: begin, source: first.source) }
        let early = begin - other.watch.answerTime * 4
        return Poll(time: max(early, rest ?? early), source: other.source)
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
        let time = finished - asked
        var watch = watches[source] ?? Watch(due: finished, answerTime: time)
        if !isPoll, let latest = watch.asked, asked < latest { return }
        var pressure =
            pressures[source.kind] ?? PollPressure(interval: interval, usual: source.usualAnswerTime)
        if outcome == .failed {
            pressure.adjust(afterSilenceOf: time)
        } else {
            pressure.observe(time, at: finished)
            if isPoll { pressure.adjust(after: time, sources: interest.count { $0.kind == source.kind }) }
        }
        pressures[source.kind] = pressure

        watch.asked = max(asked, watch.asked ?? asked)
        watch.answerTime = max(time, (known ?? finished) - asked)
        switch outcome {
        case .failed:
            let least = max(pressure.pace, time * 3)
            let most = max(min((watch.backoff ?? interval) * 2, Self.longestBackoff), least * 1.5)
            watch.backoff = most
            watch.quick = nil
            watch.due = finished + least + (most - least) * jitter.uniform(0...1)
        case .changed:
            watch.quick = interval / 5
            watch.due = asked + delay(&watch, pressure)
        case .unchanged:
            watch.quick = watch.quick.flatMap { $0 * 1.2 < interval ? $0 * 1.2 : nil }
            watch.due = asked + delay(&watch, pressure)
        }
        watches[source] = watch
    }

    /// From the beginning of an answered request to that of the next.
    private mutating func delay(_ watch: inout Watch, _ pressure: PollPressure) -> Duration {
        watch.backoff = watch.backoff.flatMap { $0 / 2 > pressure.pace ? $0 / 2 : nil }
        let delay = watch.backoff ?? pressure.pace
        // Who has to wait long may as well wait a little longer: it keeps guests out of step.
        if delay > interval { return delay * jitter.uniform(0.8...1.2) }
        let goal = pressure.isRelaxed ? watch.quick ?? interval : interval
        return (goal - min(watch.answerTime, goal)) * jitter.uniform(0.9...1)
    }
}
