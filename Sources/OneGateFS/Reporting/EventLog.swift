import FUSE
import OneGate
import Synchronization

/// The latest remote changes, as `.onegatefs/events` shows them: a JSON object a line.
final class EventLog: Sendable {
    /// How many are kept.
    static let capacity = 1000

    private struct State {
        var lines: [String] = []
        var revision = 0
    }

    private let state = Mutex(State())

    /// Changes when a line comes.
    var revision: Int { state.withLock { $0.revision } }

    /// All lines, the oldest first.
    var text: String { state.withLock { $0.lines }.map { $0 + "\n" }.joined() }

    /// Adds a change. The JSON twins only repeat what the other files tell.
    func append(_ change: TreeChange, time: Timestamp) {
        if let name = change.path.last?.string, name.hasSuffix(".json") { return }
        let line = EventLog.line(change, time: time)
        state.withLock { state in
            if state.lines.count == EventLog.capacity { state.lines.removeFirst() }
            state.lines.append(line)
            state.revision += 1
        }
    }

    static func line(_ change: TreeChange, time: Timestamp) -> String {
        let path = change.path.map(\.description).joined(separator: "/")
        var event: JSON
        switch change.kind {
        case .changed(let old, let new):
            event = ["time": .string(Clock.text(time)), "path": .string(path), "kind": "changed", "old": value(old), "new": value(new)]
        case .added(let item):
            event = ["time": .string(Clock.text(time)), "path": .string(path), "kind": "added", "old": .null, "new": item.map(value) ?? .null]
        case .removed(let item):
            event = ["time": .string(Clock.text(time)), "path": .string(path), "kind": "removed", "old": item.map(value) ?? .null, "new": .null]
        }
        return event.compact
    }

    private static func value(_ item: Item) -> JSON {
        switch item {
        case .file(let file): value(file)
        case .link(let link): .string(link.target)
        case .directory: .null
        }
    }

    private static func value(_ file: File) -> JSON { .string(String(decoding: file.value, as: UTF8.self)) }
}
