import Testing

@testable import OneGateFS

@Suite("When the server is polled")
struct PollScheduleTests {
    private enum Thing: PollSource {
        case own
        case service
        case peer(Int)

        var kind: Int { self == .own ? 0 : 1 }
    }

    /// A guest that does nothing but poll, on a clock of its own.
    private struct Guest {
        struct Request {
            let source: Thing
            let asked: ContinuousClock.Instant
            let finished: ContinuousClock.Instant
        }

        let origin = ContinuousClock.now
        var now: ContinuousClock.Instant
        var schedule: PollSchedule<Thing>
        var requests: [Request] = []

        init(_ sources: Set<Thing>, interval: Duration = .seconds(5), seed: UInt64 = 7) {
            now = origin
            schedule = PollSchedule(interval: interval, seed: seed)
            schedule.setInterest(sources, now: now)
        }

        /// Polls for a time; what a source's request, the so manieth, takes and comes to is
        /// told by the closure.
        mutating func run(
            for time: Duration,
            answer: (Thing, Int) -> (time: Duration, outcome: PollSchedule<Thing>.Outcome)
        ) {
            let end = now + time
            while let poll = schedule.next, poll.time < end {
                now = max(now, poll.time)
                schedule.begin(poll.source, now: now)
                let (time, outcome) = answer(poll.source, requests.count)
                requests.append(Request(source: poll.source, asked: now, finished: now + time))
                now += time
                schedule.noteAnswer(
                    poll.source, asked: now - time, finished: now, outcome: outcome)
                schedule.end(poll.source, now: now)
            }
            now = max(now, end)
        }

        /// The times from the beginning of one request for a source to that of the next.
        func gaps(_ source: Thing, after start: Duration = .zero) -> [Duration] {
            let own = requests.filter { $0.source == source && $0.asked - origin >= start }
            return zip(own, own.dropFirst()).map { $1.asked - $0.asked }
        }

        /// The longest of them.
        func longestGap(_ source: Thing, after start: Duration = .zero) -> Duration {
            gaps(source, after: start).max() ?? .zero
        }

        /// How many requests began in a time, in seconds.
        func count(in range: Range<Int>) -> Int {
            requests.count { range.contains(Int(($0.asked - origin).components.seconds)) }
        }

        /// The part of the time in which a request was under way.
        func busy(for time: Duration) -> Double {
            requests.reduce(Duration.zero) { $0 + ($1.finished - $1.asked) } / time
        }
    }

    private static func well(_ source: Thing) -> Duration {
        source == .own ? .milliseconds(20) : .milliseconds(770)
    }

    @Test("nothing is asked when nothing is of interest")
    func idle() {
        var guest = Guest([])
        #expect(guest.schedule.next == nil)
        guest.schedule.setInterest([.own], now: guest.now)
        #expect(guest.schedule.next?.source == .own)
        guest.schedule.setInterest([], now: guest.now)
        #expect(guest.schedule.next == nil)
    }

    @Test("nothing is asked while a poll is under way")
    func oneAtATime() {
        var guest = Guest([.own, .service])
        guest.schedule.begin(.own, now: guest.now)
        #expect(guest.schedule.next == nil)
        guest.schedule.end(.own, now: guest.now + .milliseconds(20))
        #expect(guest.schedule.next != nil)
    }

    @Test(
        "a server that is well is polled once an interval from the first poll on, however long it takes",
        arguments: [1, 20, 76, 300, 900])
    func well(milliseconds: Int) {
        for seed in 1...20 as ClosedRange<UInt64> {
            var guest = Guest([.own], seed: seed)
            var chance = PollJitter(seed: seed)
            guest.run(for: .seconds(3600)) { _, _ in
                (.milliseconds(milliseconds), chance.uniform(0...1) < 0.1 ? .changed : .unchanged)
            }
            let gaps = guest.gaps(.own)
            #expect(guest.requests[0].asked - guest.origin <= .seconds(5))
            #expect(gaps.allSatisfy { $0 >= .seconds(5) && $0 <= .milliseconds(5020) })
            #expect(Set(gaps).count > 100, "the interval is jittered")
        }
    }

    @Test(
        "nothing but the quarter of the time makes the interval longer while a server is well",
        arguments: [76, 240, 300, 900, 2400])
    func wellAndShort(milliseconds: Int) {
        var guest = Guest([.service], interval: .seconds(1))
        guest.run(for: .seconds(3600)) { _, _ in (.milliseconds(milliseconds), .unchanged) }
        let shortest = max(.seconds(1), .milliseconds(milliseconds) * 4)
        #expect(guest.gaps(.service).allSatisfy { $0 >= shortest && $0 <= shortest + .milliseconds(20) })
    }

    @Test("a server that is well and noisy is polled at the interval")
    func noisy() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var chance = PollJitter(seed: seed)
            var guest = Guest([.own], seed: seed)
            guest.run(for: .seconds(4 * 3600)) { _, _ in
                (.milliseconds(chance.uniform(0...1) < 0.05 ? 100 : chance.uniform(15...38)), .unchanged)
            }
            let gaps = guest.gaps(.own)
            #expect(gaps.count { $0 > .milliseconds(5050) } < gaps.count / 20)
            #expect(gaps.count > 2800)
        }
    }

    @Test("there is never more than one poll of a source in an interval, changes or not")
    func atMostOne() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var chance = PollJitter(seed: seed)
            var guest = Guest([.own, .service, .peer(1)], interval: .seconds(2), seed: seed)
            guest.run(for: .seconds(3600)) { _, _ in
                let time = Duration.milliseconds(chance.uniform(5...200))
                let dice = chance.uniform(0...1)
                return (time, dice < 0.02 ? .failed : dice < 0.3 ? .changed : .unchanged)
            }
            for source in [Thing.own, .service, .peer(1)] {
                #expect(guest.gaps(source).allSatisfy { $0 >= .seconds(2) })
            }
        }
    }

    @Test("two sources that cost differently keep their intervals")
    func side() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var guest = Guest([.own, .service], seed: seed)
            guest.run(for: .seconds(3600)) { source, _ in (Self.well(source), .unchanged) }
            // The first polls come at random times, and may have to make room for each other.
            for source in [Thing.own, .service] {
                #expect(guest.longestGap(source, after: .seconds(10)) <= .milliseconds(5150))
                #expect(guest.gaps(source).allSatisfy { $0 >= .seconds(5) })
            }
        }
    }

    @Test("while an answer takes a second, at most one request in four seconds is made")
    func slow() {
        var guest = Guest([.own, .service, .peer(1), .peer(2)], interval: .seconds(1))
        guest.run(for: .seconds(600)) { _, _ in (.seconds(1), .changed) }
        #expect(guest.requests.count > 50)
        for (one, next) in zip(guest.requests, guest.requests.dropFirst()) {
            #expect(next.asked - one.asked >= .seconds(4))
        }
    }

    @Test("polls are under way a quarter of the time at most, whatever happens")
    func quarter() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var chance = PollJitter(seed: seed)
            let sources = Set((0..<20).map { Thing.peer($0) } + [.own, .service])
            var guest = Guest(sources, interval: .milliseconds(500), seed: seed)
            guest.run(for: .seconds(3000)) { _, _ in
                let time = Duration.milliseconds(chance.uniform(1...3000))
                let dice = chance.uniform(0...1)
                return (time, dice < 0.2 ? .failed : dice < 0.5 ? .changed : .unchanged)
            }
            for (one, next) in zip(guest.requests, guest.requests.dropFirst()) {
                #expect(next.asked - one.finished >= (one.finished - one.asked) * 3)
            }
            #expect(guest.busy(for: .seconds(3000)) <= 0.25 + 0.001)
        }
    }

    @Test("all sources get their turn when there is no time for all")
    func turns() {
        var guest = Guest(Set((0..<10).map { .peer($0) } + [.own]))
        guest.run(for: .seconds(1200)) { source, _ in (Self.well(source), .unchanged) }
        for peer in 0..<10 { #expect(guest.longestGap(.peer(peer)) < .seconds(40)) }
        // What costs little is found out with the first answers.
        #expect(guest.longestGap(.own, after: .seconds(60)) < .seconds(10))
    }

    @Test("guests do not poll in step")
    func jitter() {
        func times(seed: UInt64) -> [Duration] {
            var guest = Guest([.own], seed: seed)
            guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
            return guest.requests.map { $0.asked - guest.origin }
        }
        #expect(times(seed: 1) == times(seed: 1))
        #expect(Set(times(seed: 1)).isDisjoint(with: times(seed: 2)))
    }

    @Test("a read spares a poll")
    func reads() {
        var guest = Guest([.own])
        for second in 1...100 {
            let time = guest.origin + .seconds(second)
            guest.schedule.noteAnswer(
                .own, asked: time, finished: time + .milliseconds(20), outcome: .unchanged)
            #expect(guest.schedule.next.map { $0.time > time + .seconds(2) } ?? false)
        }
    }

    @Test("a read that fails changes nothing")
    func failedReads() {
        var guest = Guest([.own])
        guest.run(for: .seconds(20)) { _, _ in (.milliseconds(20), .unchanged) }
        let before = guest.schedule.next?.time
        guest.schedule.noteAnswer(
            .own, asked: guest.now, finished: guest.now + .seconds(1), outcome: .failed)
        #expect(guest.schedule.next?.time == before)
    }

    @Test("a poll that had nothing to ask for is not repeated at once")
    func nothingToAsk() {
        var guest = Guest([.own])
        guest.schedule.begin(.own, now: guest.now + .seconds(5))
        guest.schedule.end(.own, now: guest.now + .seconds(5))
        #expect(guest.schedule.next?.time == guest.now + .seconds(10))
    }

    @Test("while intervals are long, they are shorter for a while after a change")
    func lively() {
        func gaps(changes: Bool) -> [Duration] {
            var guest = Guest([.own])
            guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
            guest.run(for: .seconds(1200)) { _, _ in (.milliseconds(120), .unchanged) }
            let good = guest.requests.count
            guest.run(for: .seconds(3600)) { _, number in
                (.milliseconds(20), changes && number == good ? .changed : .unchanged)
            }
            return zip(guest.requests[good...], guest.requests[(good + 1)...]).map { $1.asked - $0.asked }
        }
        let (quiet, lively) = (gaps(changes: false), gaps(changes: true))
        #expect(quiet[0] > .seconds(60))
        #expect(lively[0] < quiet[0] / 2)
        #expect(lively.allSatisfy { $0 >= .seconds(5) })
    }

    @Test("one slow answer is chance: the interval stays")
    func chance() {
        var guest = Guest([.own])
        guest.run(for: .seconds(600)) { _, number in
            (.milliseconds(number % 3 == 0 ? 300 : 20), .unchanged)
        }
        #expect(guest.longestGap(.own) < .milliseconds(5050))
    }

    @Test(
        "a server that becomes three times slower than it was is asked less, and gently more when it is well",
        arguments: [20, 76, 300, 900])
    func slowAndBack(milliseconds: Int) {
        var guest = Guest([.own])
        guest.run(for: .seconds(600)) { _, _ in (.milliseconds(milliseconds), .unchanged) }
        guest.run(for: .seconds(1200)) { _, _ in (.milliseconds(milliseconds * 3), .unchanged) }
        // Half as often at least: by a little if it is a little, in time.
        #expect(guest.count(in: 900..<1800) < 90)
        let good = guest.requests.count
        guest.run(for: .seconds(3000)) { _, _ in (.milliseconds(milliseconds), .unchanged) }
        let gaps = zip(guest.requests[good...], guest.requests[(good + 1)...]).map { $1.asked - $0.asked }
        #expect(gaps.dropFirst(50).allSatisfy { $0 >= .seconds(5) && $0 <= .milliseconds(5020) })
        #expect(gaps.prefix(3).allSatisfy { $0 > .seconds(7) })
        for (one, next) in zip(gaps, gaps.dropFirst()) { #expect(next > one * 0.4) }
    }

    @Test("a guest that comes to a queue takes it for the server's nature no longer than it lasts")
    func comesToQueue() {
        for queue in [200, 1000, 2400, 10_000] {
            var guest = Guest([.own])
            guest.run(for: .seconds(3600)) { _, _ in (.milliseconds(queue), .unchanged) }
            guest.run(for: .seconds(7200)) { _, _ in (.milliseconds(20), .unchanged) }
            #expect(guest.count(in: 10_200..<10_800) > 115, "all is well: a queue of \(queue) ms is over")
            guest.run(for: .seconds(1800)) { _, _ in (.milliseconds(100), .unchanged) }
            #expect(guest.count(in: 11_400..<12_600) < 40, "100 ms is slow, though \(queue) ms was not")
        }
    }

    @Test("answers that take very long are slow, even if there was never a better one")
    func longQueue() {
        var guest = Guest([.own])
        guest.run(for: .seconds(2 * 3600)) { _, _ in (.seconds(10), .unchanged) }
        #expect(guest.longestGap(.own, after: .seconds(3600)) > .seconds(300))
    }

    @Test("a queue that lasts does not become the measure soon")
    func lastingQueue() {
        var guest = Guest([.own])
        guest.run(for: .seconds(3600)) { _, _ in (.milliseconds(20), .unchanged) }
        guest.run(for: .seconds(2 * 3600)) { _, _ in (.milliseconds(200), .unchanged) }
        #expect(guest.gaps(.own, after: .seconds(5000)).min().map { $0 > .seconds(100) } ?? false)
    }

    @Test("a server that is slower for good becomes the measure in some hours", arguments: [60, 150])
    func slowForGood(milliseconds: Int) {
        var guest = Guest([.own])
        guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
        guest.run(for: .seconds(12 * 3600)) { _, _ in (.milliseconds(milliseconds), .unchanged) }
        #expect(guest.longestGap(.own, after: .seconds(12 * 3600 - 600)) < .milliseconds(5050))
    }

    @Test("after the machine slept all is asked for soon, and guests not in step")
    func slept() {
        var times: Set<Duration> = []
        for seed in 1...20 as ClosedRange<UInt64> {
            var guest = Guest([.own, .service], seed: seed)
            guest.run(for: .seconds(600)) { source, _ in (Self.well(source), .unchanged) }
            guest.now += .seconds(8 * 3600)
            let woken = guest.now
            guest.schedule.comeBack(now: woken)
            guest.requests = []
            guest.run(for: .seconds(20)) { source, _ in (Self.well(source), .changed) }
            let soon = guest.requests.filter { $0.asked - woken < .seconds(9) }
            #expect(Set(soon.map(\.source)) == [.own, .service])
            times.insert(guest.requests[0].asked - woken)
        }
        #expect(times.count == 20)
        #expect((times.max() ?? .zero) - (times.min() ?? .zero) > .seconds(1))
    }

    @Test(
        "a request that was under way while the machine slept took no longer than since then",
        arguments: [true, false], [true, false])
    func sleptMeanwhile(noticedFirst: Bool, hasFailed: Bool) throws {
        var guest = Guest([.own])
        guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
        let poll = try #require(guest.schedule.next)
        guest.schedule.begin(poll.source, now: poll.time)
        guest.now = poll.time + .seconds(8 * 3600)
        let woken = guest.now
        if noticedFirst { guest.schedule.comeBack(now: woken) }
        guest.schedule.noteAnswer(
            poll.source, asked: poll.time, finished: woken, outcome: hasFailed ? .failed : .changed)
        guest.schedule.end(poll.source, now: woken)
        if !noticedFirst { guest.schedule.comeBack(now: woken) }
        guest.requests = []
        guest.run(for: .seconds(30)) { _, _ in (.milliseconds(20), .unchanged) }
        #expect(try #require(guest.requests.first).asked - woken < .seconds(16))
    }

    @Test("failures make the interval longer, up to some minutes, and it comes back in steps")
    func outage() {
        var guest = Guest([.own])
        guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
        guest.run(for: .seconds(3600)) { _, _ in (.milliseconds(1), .failed) }
        #expect(guest.count(in: 60..<3660) < 60)
        #expect(guest.longestGap(.own) < .seconds(310))
        let outage = guest.requests.count
        guest.run(for: .seconds(1800)) { _, _ in (.milliseconds(20), .unchanged) }
        let gaps = zip(guest.requests[outage...], guest.requests[(outage + 1)...]).map { $1.asked - $0.asked }
        #expect(gaps[0] > .seconds(60))
        #expect(gaps[10] < .milliseconds(5050))
    }

    @Test("a server that hangs is asked less and less")
    func silence() {
        var guest = Guest([.own, .service])
        guest.run(for: .seconds(4 * 3600)) { _, _ in (.seconds(30), .failed) }
        #expect(guest.requests.count < 25)
    }

    @Test("one source that fails does not slow the others")
    func oneFails() {
        var guest = Guest([.own, .service])
        guest.run(for: .seconds(600)) { source, _ in
            source == .own ? (.milliseconds(20), .unchanged) : (.milliseconds(50), .failed)
        }
        #expect(guest.longestGap(.own, after: .seconds(10)) <= .milliseconds(5250))
    }
}
