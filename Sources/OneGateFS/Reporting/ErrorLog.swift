import FUSE
import OneGate
import Synchronization

/// The latest failures, as `.onegatefs/errors` shows them.
final class ErrorLog: Sendable {
    /// How many are kept.
    static let capacity = 200

    /// One failure.
    struct Line: Sendable {
        let time: Timestamp
        let path: String
        let operation: String
        let failure: Failure

        /// `2026-11-24T22:05:01.250Z write /vm/9/USER_TEMPLATE/X EPERM 403 "Attribute (X) cannot be modified"`
        var text: String {
            let status = failure.status.map(String.init) ?? "-"
            return "\(Clock.text(time)) \(operation) \(path) \(failure.errno.name) \(status) \(JSON.string(failure.words).compact)"
        }
    }

    private struct State {
        var lines: [Line] = []
        var revision = 0
    }

    private let state = Mutex(State())

    /// Changes when a line comes.
    var revision: Int { state.withLock { $0.revision } }

    /// All lines, the oldest first.
    var text: String { state.withLock { $0.lines }.map { $0.text + "\n" }.joined() }

    /// Adds a line.
    func append(_ line: Line) {
        state.withLock { state in
            if state.lines.count == ErrorLog.capacity { state.lines.removeFirst() }
            state.lines.append(line)
            state.revision += 1
        }
    }
}
