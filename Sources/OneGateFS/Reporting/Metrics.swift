import FUSE
import OneGate
import Synchronization

/// What a mount counts, as `.onegatefs/metrics` shows it in Prometheus' text format.
public final class Metrics: Sendable {
    /// The upper bounds of the histogram of request times, in seconds.
    static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private struct Requests: Hashable {
        let kind: String
        let outcome: String
    }

    private struct State {
        var requests: [Requests: Int] = [:]
        var buckets = [Int](repeating: 0, count: Metrics.bounds.count + 1)
        var seconds = 0.0
        var failures: [Operation: [Int32: Int]] = [:]
        var answer: Timestamp?
        var failure: (time: Timestamp, words: String)?
    }

    private let state = Mutex(State())
    /// How often each operation was answered well: counted without a lock.
    private let answered = Operation.allCases.map { _ in Counter() }

    /// How often a file operation was answered from what was known, and how often the server had to be asked.
    private let cached = Counter()
    private let asked = Counter()

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    /// Nothing counted yet.
    public init() {}

    /// When the server last answered, and when and how it last did not.
    var lastContact: (answer: Timestamp?, failure: (time: Timestamp, words: String)?) {
        state.withLock { ($0.answer, $0.failure) }
    }

    /// Counts a request to the server.
    public func count(_ report: RequestReport) {
        let components = report.duration.components
        let seconds = Double(components.seconds) + Double(components.attoseconds) * 1e-18
        let outcome = report.status.map(String.init) ?? report.error.map { "\($0)" } ?? "none"
        let now = Clock.now
        state.withLock { state in
            state.requests[Requests(kind: report.kind, outcome: outcome), default: 0] += 1
            state.buckets[Metrics.bounds.firstIndex { seconds <= $0 } ?? Metrics.bounds.count] += 1
            state.seconds += seconds
            if report.status != nil {
                state.answer = now
            } else {
                state.failure = (now, "\(report.method) \(report.kind): \(outcome)")
            }
        }
    }

    /// Counts a file operation.
    func count(_ operation: Operation, _ reply: Reply) {
        guard case .error(let errno) = reply else {
            answered[operation.rawValue].value.add(1, ordering: .relaxed)
            return
        }
        state.withLock { $0.failures[operation, default: [:]][errno.rawValue, default: 0] += 1 }
    }

    /// Counts whether a file operation could be answered from what was known.
    func count(fromCache isCached: Bool) { (isCached ? cached : asked).value.add(1, ordering: .relaxed) }

    /// Everything in Prometheus' text format, with gauges that others know.
    func text(gauges: [Gauge]) -> String {
        let state = state.withLock { $0 }
        var lines = [
            "# HELP onegatefs_requests_total Requests to the OneGate server.",
            "# TYPE onegatefs_requests_total counter",
        ]
        for (key, count) in state.requests.sorted(by: {
            ($0.key.kind, $0.key.outcome) < ($1.key.kind, $1.key.outcome)
        }) {
            lines.append("onegatefs_requests_total{kind=\"\(key.kind)\",status=\"\(key.outcome)\"} \(count)")
        }
        lines += [
            "# HELP onegatefs_request_duration_seconds How long requests took.",
            "# TYPE onegatefs_request_duration_seconds histogram",
        ]
        var sum = 0
        for (index, count) in state.buckets.enumerated() {
            sum += count
            let bound = index < Metrics.bounds.count ? "\(Metrics.bounds[index])" : "+Inf"
            lines.append("onegatefs_request_duration_seconds_bucket{le=\"\(bound)\"} \(sum)")
        }
        lines.append("onegatefs_request_duration_seconds_sum \(state.seconds)")
        lines.append("onegatefs_request_duration_seconds_count \(sum)")
        lines += [
            "# HELP onegatefs_operations_total File operations that the kernel asked for.",
            "# TYPE onegatefs_operations_total counter",
        ]
        for operation in Operation.allCases {
            let labels = "onegatefs_operations_total{operation=\"\(operation)\",errno="
            let count = answered[operation.rawValue].value.load(ordering: .relaxed)
            if count > 0 { lines.append("\(labels)\"\"} \(count)") }
            for (errno, count) in (state.failures[operation] ?? [:]).sorted(by: { $0.key < $1.key }) {
                lines.append("\(labels)\"\(Errno(rawValue: errno).name)\"} \(count)")
            }
        }
        for (name, help, counter) in [
            ("hits", "File operations that were answered from what was known.", cached),
            ("misses", "File operations for which the server had to be asked.", asked),
        ] {
            let name = "onegatefs_cache_\(name)_total"
            lines += [
                "# HELP \(name) \(help)", "# TYPE \(name) counter",
                "\(name) \(counter.value.load(ordering: .relaxed))",
            ]
        }
        for gauge in gauges where !gauge.samples.isEmpty {
            lines += ["# HELP \(gauge.name) \(gauge.help)", "# TYPE \(gauge.name) gauge"]
            for (labels, value) in gauge.samples { lines.append("\(gauge.name)\(labels) \(value)") }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
