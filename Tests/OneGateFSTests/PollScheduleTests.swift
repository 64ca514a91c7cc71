import Testing

@testable import OneGateFS

@Suite("When the server is polled")
struct PollScheduleTests {
    private enum Thing: PollSource {
        case own
        case service
        case peer(Int)

        var kind: Int { self == .own ? 0 : 1 }
        var usualAnswerTime: Duration { self == .own ? .milliseconds(30) : .milliseconds(750) }
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

        /// The longest time from the beginning of a request for a source to the end of the next.
        func longestGap(_ source: Thing, after start: Duration = .zero) -> Duration {
            let own = requests.filter { $0.source == source && $0.asked - origin >= start }
            return zip(own, own.dropFirst()).map { $1.finished - $0.asked }.max() ?? .zero
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
        "a change is known within the interval while the server is well",
        arguments: [[Thing.own], [.service], [.own, .service]])
    private func interval(sources: [Thing]) {
        for seed in 1...20 as ClosedRange<UInt64> {
            var guest = Guest(Set(sources), seed: seed)
            guest.run(for: .seconds(600)) { source, _ in (Self.well(source), .unchanged) }
            for source in sources {
                #expect(guest.longestGap(source) <= .milliseconds(5050))
                // And not much more often than needed.
                #expect(guest.requests.count { $0.source == source } < 180)
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
        #expect(guest.longestGap(.own) < .seconds(10))
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

    @Test("polls are quick for a while after a change")
    func quick() {
        var guest = Guest([.own])
        guest.run(for: .seconds(100)) { _, _ in (.milliseconds(20), .unchanged) }
        let changeAt = guest.requests.count
        guest.run(for: .seconds(100)) { _, number in
            (.milliseconds(20), number == changeAt ? .changed : .unchanged)
        }
        let after = guest.requests[changeAt...]
        let gaps = zip(after, after.dropFirst()).map { $1.asked - $0.asked }
        #expect(gaps[0] < .milliseconds(1000))
        #expect(gaps[3] < .milliseconds(2000))
        #expect(gaps[12] > .milliseconds(4000))
    }

    @Test("one slow answer is chance: the interval stays")
    func chance() {
        var guest = Guest([.own])
        guest.run(for: .seconds(600)) { _, number in
            (.milliseconds(number % 5 == 0 ? 300 : 20), .unchanged)
        }
        #expect(guest.longestGap(.own) < .milliseconds(5300))
    }

    @Test("slow answers make the interval longer, and good ones bring it back")
    func slowAndBack() {
        var guest = Guest([.own])
        guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
        guest.run(for: .seconds(600)) { _, _ in (.milliseconds(200), .unchanged) }
        #expect(guest.count(in: 360..<660) < 6)
        guest.run(for: .seconds(3000)) { _, _ in (.milliseconds(20), .unchanged) }
        #expect(guest.count(in: 3360..<3660) > 55)
    }

    @Test("a server that is slower for good becomes the measure in a few hours")
    func slowForGood() {
        var guest = Guest([.own])
        guest.run(for: .seconds(60)) { _, _ in (.milliseconds(20), .unchanged) }
        guest.run(for: .seconds(4 * 3600)) { _, _ in (.milliseconds(150), .unchanged) }
        #expect(guest.longestGap(.own, after: .seconds(4 * 3600 - 600)) < .milliseconds(5300))
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
        #expect(gaps[10] < .seconds(5))
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
        #expect(guest.longestGap(.own) <= .milliseconds(5050))
    }
}
