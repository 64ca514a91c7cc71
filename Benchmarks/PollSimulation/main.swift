// Usage: poll-simulation [SVG]

var scenarios = [
    Scenario.day("10,000 guests watch themselves (40 answers a second)", guests: 10_000, source: .own),
    Scenario.day("500 guests watch a service (2 answers a second)", guests: 500, source: .service),
]
let plotted = scenarios.count

var joining = Scenario(
    "10,000 guests come within ten minutes", guests: 10_000, source: .own, duration: 4 * 3600,
    settled: 7200..<14_400)
joining.joining = 600
scenarios.append(joining)

var absent = Scenario(
    "10,000 guests come while the server is gone", guests: 10_000, source: .own, duration: 4 * 3600,
    settled: 7200..<14_400)
absent.outage = 0..<600
scenarios.append(absent)

for (guests, source) in [(1, SimulatedSource.own), (100, .own), (1000, .own), (1, .service)] {
    scenarios.append(
        Scenario(
            "\(guests) guests, \(source)", guests: guests, source: source, duration: 3600,
            settled: 1800..<3600))
}

var records: [Record] = []
for scenario in scenarios {
    let record = Simulation.run(scenario)
    print(Summary.text(record), terminator: "\n\n")
    records.append(record)
}

if CommandLine.arguments.count > 1 {
    let path = CommandLine.arguments[1]
    let isWritten = OutputFile.write(Plot.svg(Array(records.prefix(plotted))), to: path)
    print(isWritten ? "wrote \(path)" : "cannot write \(path)")
}
