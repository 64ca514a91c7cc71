import Testing
import poll_simulation

/// The short version of `scripts/simulate-polling`.
@Suite("Thousands of guests of one server")
struct PollSimulationTests {
    @Test("10,000 guests that start at once come to share the server, with a short queue")
    func storm() {
        var scenario = Scenario("", guests: 10_000, source: .own, duration: 10_800, settled: 5400..<10_800)
        scenario.greedyInterval = 0.1
        let record = Simulation.run(scenario)
        // At first, what has to be: every guest's first two requests.
        #expect(record.longestQueue(record.columns(in: 0..<5400)) < 20_000)
        #expect(record.longestQueue(record.columns(in: 1800..<5400)) < 400)
        let settled = record.columns(in: scenario.settled)
        #expect(record.longestQueue(settled) < 200)
        #expect(record.meanWait(settled) < 1)
        #expect(settled.allSatisfy { $0.failed == 0 })
        #expect(record.load(settled) > 0.8)
        #expect(record.load(settled) < 1)
        #expect(record.fairness > 0.7)
        // Who wants 50 times as much gets no more than others by chance.
        #expect(record.polls[0] < 60)
    }

    @Test("after an outage there is no stampede, and all are back soon")
    func outage() {
        var scenario = Scenario("", guests: 2000, source: .own, duration: 6000, settled: 2400..<3600)
        scenario.outage = 3600..<4200
        let record = Simulation.run(scenario)
        let after = record.columns(in: 4200..<6000)
        #expect(record.longestQueue(after) < 400)
        #expect(after.allSatisfy { $0.failed == 0 })
        #expect(after.allSatisfy { $0.requests < 2 * 40 * Int(Simulation.step) })
        #expect(record.recovery(quantile: 0.5).map { $0 < 300 } ?? false)
        #expect(record.recovery(quantile: 0.95).map { $0 < 900 } ?? false)
    }

    @Test(
        "guests that all come to a queue that others made share the server when those are gone",
        arguments: [1, 6] as [Int64])
    func crowd(wait: Int64) {
        var scenario = Scenario("", guests: 1000, source: .own, duration: 3 * 3600, settled: 7200..<10_800)
        scenario.crowd = (3600, wait)
        let record = Simulation.run(scenario)
        let settled = record.columns(in: scenario.settled)
        // None of them has ever seen what the server needs until the queue is gone, and without the others
        // they are still enough to keep it.
        #expect(record.longestQueue(settled) < 100)
        #expect(record.meanWait(settled) < 0.2)
        #expect(record.fairness > 0.85)
    }

    @Test("500 guests of a service share it")
    func service() {
        let scenario = Scenario("", guests: 500, source: .service, duration: 14_400, settled: 7200..<14_400)
        let record = Simulation.run(scenario)
        let settled = record.columns(in: scenario.settled)
        #expect(record.longestQueue(settled) < 60)
        #expect(record.meanWait(settled) < 10)
        #expect(record.load(settled) > 0.8)
        #expect(record.fairness > 0.75)
    }

    @Test("when the server becomes three times slower, guests find the new measure")
    func slower() {
        var scenario = Scenario("", guests: 2000, source: .own, duration: 9000, settled: 6000..<9000)
        scenario.slowdown = (2400, 3)
        let record = Simulation.run(scenario)
        let settled = record.columns(in: scenario.settled)
        #expect(record.longestQueue(settled) < 200)
        #expect(settled.allSatisfy { $0.failed == 0 })
        #expect(record.load(settled) < 0.34)
        #expect(record.load(settled) > 0.2)
    }

    @Test("as many guests as the server can bear all have their interval")
    func few() {
        let scenario = Scenario("", guests: 60, source: .own, duration: 1800, settled: 600..<1800)
        let record = Simulation.run(scenario)
        #expect(record.polls(quantile: 0) >= 235)
        #expect(record.polls(quantile: 1) <= 240)
    }

    @Test("the same seed gives the same course of events")
    func deterministic() {
        let scenario = Scenario("", guests: 200, source: .own, duration: 600, settled: 0..<600)
        var other = scenario
        other.seed = 2
        #expect(Simulation.run(scenario).polls == Simulation.run(scenario).polls)
        #expect(Simulation.run(scenario).polls != Simulation.run(other).polls)
    }
}
