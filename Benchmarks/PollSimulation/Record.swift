/// What a simulation saw.
package struct Record: Sendable {
    /// One step of time.
    package struct Column: Sendable {
        /// How many requests came.
        package var requests = 0
        /// How many were answered, and how long these took in all, in seconds.
        package var answered = 0
        package var waited = 0.0
        /// How many failed.
        package var failed = 0
        /// The most requests that were waiting or answered.
        package var queue = 0

        /// How long an answer took, in seconds.
        package var wait: Double? { answered == 0 ? nil : waited / Double(answered) }
    }

    /// What was simulated.
    package let scenario: Scenario
    /// What happened in each ``Simulation/step``.
    package private(set) var columns: [Column]
    /// How many requests each guest made in the settled time.
    package private(set) var polls: [Int]
    /// When each guest got its first answer after the outage, in seconds.
    package private(set) var returns: [Double?]
    private static let second = 1_000_000_000.0

    init(_ scenario: Scenario) {
        self.scenario = scenario
        columns = Array(repeating: Column(), count: Int(scenario.duration / Simulation.step))
        polls = Array(repeating: 0, count: scenario.guests)
        returns = Array(repeating: nil, count: scenario.guests)
    }

    private func column(_ now: Int64) -> Int {
        min(columns.count - 1, Int(now / (Simulation.step * 1_000_000_000)))
    }

    mutating func begin(guest: Int, now: Int64, queue: Int) {
        let column = column(now)
        columns[column].requests += 1
        columns[column].queue = max(columns[column].queue, queue)
        if scenario.settled.contains(now / 1_000_000_000) { polls[guest] += 1 }
    }

    mutating func end(guest: Int, begun: Int64, now: Int64, answered: Bool) {
        let column = column(now)
        guard answered else {
            columns[column].failed += 1
            return
        }
        columns[column].answered += 1
        columns[column].waited += Double(now - begun) / Self.second
        if let end = scenario.outage?.upperBound, begun >= end * 1_000_000_000, returns[guest] == nil {
            returns[guest] = Double(now) / Self.second
        }
    }

    // MARK: What it comes to

    /// The columns of a time, in seconds.
    package func columns(in time: Range<Int64>) -> ArraySlice<Column> {
        let begin = Int(time.lowerBound / Simulation.step)
        return columns[begin..<min(columns.count, Int(time.upperBound / Simulation.step))]
    }

    /// The longest queue.
    package func longestQueue(_ columns: ArraySlice<Column>) -> Int { columns.map(\.queue).max() ?? 0 }

    /// How long answers took, in seconds.
    package func meanWait(_ columns: ArraySlice<Column>) -> Double {
        let answered = columns.reduce(0) { $0 + $1.answered }
        return answered == 0 ? 0 : columns.reduce(0) { $0 + $1.waited } / Double(answered)
    }

    /// How many requests came, by how many the server could have answered.
    package func load(_ columns: ArraySlice<Column>) -> Double {
        let requests = columns.reduce(0) { $0 + $1.requests }
        let time = Double(columns.count) * Double(Simulation.step)
        return Double(requests) / time * Double(scenario.source.serviceMilliseconds) / 1000
    }

    /// How often a guest polled in the settled time, that polled more than this part of them.
    package func polls(quantile: Double) -> Int {
        let sorted = polls.sorted()
        return sorted[min(sorted.count - 1, Int(quantile * Double(sorted.count)))]
    }

    /// Jain's index of the polls of the settled time: 1 when all guests polled as often, 1/n when
    /// one had all (Jain, Chiu and Hawe: "A Quantitative Measure of Fairness and Discrimination").
    package var fairness: Double {
        let sum = polls.reduce(0.0) { $0 + Double($1) }
        let squares = polls.reduce(0.0) { $0 + Double($1) * Double($1) }
        return squares == 0 ? 1 : sum * sum / (Double(polls.count) * squares)
    }

    /// How long after the outage this part of the guests had an answer, in seconds. Nil: never.
    package func recovery(quantile: Double) -> Double? {
        guard let end = scenario.outage?.upperBound else { return nil }
        let sorted = returns.map { $0 ?? .infinity }.sorted()
        let time = sorted[min(sorted.count - 1, Int(quantile * Double(sorted.count)))]
        return time.isFinite ? time - Double(end) : nil
    }
}
