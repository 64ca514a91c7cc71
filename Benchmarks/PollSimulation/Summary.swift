/// What a simulation came to, in words.
package enum Summary {
    /// A line for every ten minutes, and what the plot cannot show.
    package static func text(_ record: Record) -> String {
        let scenario = record.scenario
        var lines = [scenario.name, "  minute   load  answer s  queue  failed"]
        for begin in stride(from: 0, to: scenario.duration, by: 600) {
            let columns = record.columns(in: begin..<min(begin + 600, scenario.duration))
            let failed = columns.reduce(0) { $0 + $1.failed }
            lines.append(
                "  " + right(String(begin / 60), 6) + right(short(record.load(columns)), 7)
                    + right(short(record.meanWait(columns), digits: 3), 10)
                    + right(String(record.longestQueue(columns)), 7) + right(String(failed), 8))
        }
        let settled = record.columns(in: scenario.settled)
        lines.append(
            "  settled, minutes \(scenario.settled.lowerBound / 60) to \(scenario.settled.upperBound / 60): "
                + "load \(short(record.load(settled))), answer \(short(record.meanWait(settled), digits: 3)) s, "
                + "longest queue \(record.longestQueue(settled))")
        lines.append(
            "  polls of a guest: p10 \(record.polls(quantile: 0.1)), median \(record.polls(quantile: 0.5)), "
                + "p90 \(record.polls(quantile: 0.9)), most \(record.polls(quantile: 1)), the one that wants "
                + "more \(record.polls[0]); Jain's index \(short(record.fairness))")
        if scenario.outage != nil {
            let times = [0.5, 0.95, 0.999].map {
                record.recovery(quantile: $0).map { short($0 / 60) } ?? "never"
            }
            lines.append(
                "  minutes from the end of the outage until guests had an answer: half \(times[0]), "
                    + "95% \(times[1]), 99.9% \(times[2])")
        }
        return lines.joined(separator: "\n")
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
