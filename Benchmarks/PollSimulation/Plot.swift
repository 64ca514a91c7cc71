/// The records of simulations side by side, as an SVG picture.
package enum Plot {
    private static let style = """
        text { font: 11px sans-serif; fill: #333 } .title { font-weight: bold; font-size: 12px }
        .head { font-weight: bold; font-size: 15px } .note { fill: #666; font-size: 10px }
        .frame { fill: none; stroke: #888 } .grid { stroke: #e4e4e4 } .axis { stroke: #888 }
        .span { fill: #f6e3d0 } .bar { fill: #4a7fb5 } .limit { stroke: #b03a2e; stroke-dasharray: 5 3 }
        polyline { fill: none; stroke: #4a7fb5 }
        """

    /// A picture with one column of diagrams for each record.
    package static func svg(_ records: [Record]) -> String {
        let head = 54.0
        let width = Double(records.count) * Panel.size.width
        let height = head + 4 * Panel.size.height
        var out =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(short(width)) \(short(height))\">\n"
        out += "<style>\(style)</style>\n"
        out += "<rect width=\"\(short(width))\" height=\"\(short(height))\" fill=\"#fff\"/>\n"
        for (index, record) in records.enumerated() {
            let left = Double(index) * Panel.size.width
            out += "<text class=\"head\" x=\"\(short(left + 62))\" y=\"24\">\(record.scenario.name)</text>\n"
            out += "<text class=\"note\" x=\"\(short(left + 62))\" y=\"42\">\(subtitle(record))</text>\n"
            for (row, panel) in panels(record).enumerated() {
                out += panel.svg(x: left, y: head + Double(row) * Panel.size.height)
            }
        }
        return out + "</svg>\n"
    }

    private static func subtitle(_ record: Record) -> String {
        "every guest wants an interval of \(short(record.scenario.interval)) s (one: "
            + "\(short(record.scenario.greedyInterval)) s) and knows only how long its own requests take"
    }

    private static func panels(_ record: Record) -> [Panel] {
        let scenario = record.scenario
        let hours = Double(scenario.duration) / 3600
        let step: Int64 = 60
        let steps = stride(from: 0, to: scenario.duration, by: Int(step)).map {
            (hour: (Double($0) + Double(step) / 2) / 3600, columns: record.columns(in: $0..<$0 + step))
        }
        let capacity = 1000 / Double(scenario.source.serviceMilliseconds)
        func panel(_ title: String, _ unit: String, _ up: ClosedRange<Double>) -> Panel {
            var panel = Panel(
                title: title, unit: unit, across: 0...hours, up: up,
                marks: Array(stride(from: 0, through: hours, by: 1)), acrossUnit: "hours")
            if let outage = scenario.outage {
                panel.spans.append(
                    (Double(outage.lowerBound) / 3600...Double(outage.upperBound) / 3600, "server gone"))
            }
            if let slowdown = scenario.slowdown {
                panel.spans.append(
                    (Double(slowdown.from) / 3600...hours, "server \(slowdown.factor) times slower"))
            }
            return panel
        }

        var load = panel("Requests that come", "a second", capacity / 100...capacity * 100)
        load.curve = steps.map { ($0.hour, record.load($0.columns) * capacity) }
        load.limits = [(capacity, "what the server can answer")]

        var queue = panel("Queue at the server (the longest of a minute)", "requests", 1...100_000)
        queue.curve = steps.map { ($0.hour, Double(record.longestQueue($0.columns))) }

        var wait = panel("Time to an answer (the mean of a minute)", "seconds", 0.01...100)
        wait.curve = steps.map { step in
            (step.hour, step.columns.contains { $0.answered > 0 } ? record.meanWait(step.columns) : nil)
        }
        wait.limits = [(Double(SimulatedServer.timeout) / 1e9, "guests give up")]

        return [load, queue, wait, fairness(record)]
    }

    private static func fairness(_ record: Record) -> Panel {
        let settled = record.scenario.settled
        let most = Double(max(record.polls(quantile: 1), 10))
        var panel = Panel(
            title: "Polls of a guest from hour \(settled.lowerBound / 3600) to \(settled.upperBound / 3600)",
            unit: "guests", across: 0...most + 1, up: 0.5...Double(record.scenario.guests),
            marks: Array(stride(from: 0, through: most, by: 10)), acrossUnit: "polls")
        panel.note =
            "Jain's index of fairness \(short(record.fairness)); the guest that wants more: \(record.polls[0])"
        var guests: [Int: Int] = [:]
        for polls in record.polls { guests[polls, default: 0] += 1 }
        panel.bars = guests.map { (Double($0.key), 0.9, Double($0.value)) }.sorted { $0.0 < $1.0 }
        return panel
    }
}
