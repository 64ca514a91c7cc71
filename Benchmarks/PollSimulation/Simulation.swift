import OneGateFS

/// Many guests with the real schedule, one server, and a clock of its own.
package struct Simulation {
    private struct Guest {
        var schedule: PollSchedule<SimulatedSource>
        /// The poll under way: when it began and what comes of it.
        var poll: (begun: Int64, answered: Bool)?
        var joined = false
    }

    private static let second: Int64 = 1_000_000_000
    /// How long one column of the record is, in seconds.
    package static let step: Int64 = 10

    private let scenario: Scenario
    private let origin: ContinuousClock.Instant
    private var server: SimulatedServer
    private var guests: [Guest] = []
    private var events = EventQueue()
    private var chance: PollJitter
    private var record: Record

    private init(_ scenario: Scenario) {
        self.scenario = scenario
        origin = .now
        server = SimulatedServer(serviceTime: scenario.source.serviceMilliseconds * 1_000_000)
        server.outage = scenario.outage.map { $0.lowerBound * Self.second..<$0.upperBound * Self.second }
        server.slowdown = scenario.slowdown.map { ($0.from * Self.second, $0.factor) }
        server.crowd = scenario.crowd.map { ($0.until * Self.second, $0.wait * Self.second) }
        chance = PollJitter(seed: scenario.seed)
        record = Record(scenario)
        for index in 0..<scenario.guests {
            let interval = index == 0 ? scenario.greedyInterval : scenario.interval
            let schedule = PollSchedule<SimulatedSource>(
                interval: .milliseconds(Int64(interval * 1000)), seed: chance.next())
            guests.append(Guest(schedule: schedule))
            let joins = Double(scenario.joining * Self.second) * chance.uniform(0...1)
            events.insert(EventQueue.Event(time: Int64(joins), guest: Int32(index)))
        }
    }

    /// Plays a scenario from its beginning to its end.
    package static func run(_ scenario: Scenario) -> Record {
        var simulation = Simulation(scenario)
        let end = scenario.duration * second
        while let event = simulation.events.first, event.time < end {
            simulation.happen(event)
        }
        return simulation.record
    }

    private func instant(_ time: Int64) -> ContinuousClock.Instant { origin + .nanoseconds(time) }

    private mutating func happen(_ event: EventQueue.Event) {
        _ = events.removeFirst()
        let index = Int(event.guest)
        let now = instant(event.time)
        if !guests[index].joined {
            guests[index].joined = true
            guests[index].schedule.setInterest([scenario.source], now: now)
        } else if let poll = guests[index].poll {
            guests[index].poll = nil
            let isChange = chance.next() % 1_000_000 < scenario.changesPerMillion
            guests[index].schedule.noteAnswer(
                scenario.source, asked: instant(poll.begun), finished: now,
                outcome: poll.answered ? (isChange ? .changed : .unchanged) : .failed)
            guests[index].schedule.end(scenario.source, now: now)
            record.end(guest: index, begun: poll.begun, now: event.time, answered: poll.answered)
        } else {
            guests[index].schedule.begin(scenario.source, now: now)
            let result = server.request(at: event.time)
            guests[index].poll = (event.time, result.answered)
            record.begin(guest: index, now: event.time, queue: server.queue(at: event.time))
            events.insert(EventQueue.Event(time: result.time, guest: event.guest))
            return
        }
        guard let next = guests[index].schedule.next else { return }
        let time = Int64((next.time - origin) / .nanoseconds(1))
        events.insert(EventQueue.Event(time: max(event.time, time), guest: event.guest))
    }
}
