/// Something that is timed, and how often it is done in what is timed.
struct Benchmark {
    let name: String
    /// What one time is of, such as a VM.
    let unit: String
    /// How many units one run has.
    let count: Int
    /// A run. What it gives is thrown away; that it gives something keeps it from being left out.
    let run: () throws -> Int

    /// The median of several runs, in microseconds a unit.
    func measure(rounds: Int) throws -> Double {
        var times: [Double] = []
        var results = 0
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            results &+= try run()
            times.append((ContinuousClock.now - start) / .microseconds(1) / Double(count))
        }
        precondition(results != .min)
        return times.sorted()[rounds / 2]
    }
}
