import FUSE
import OneGate

/// One line of `.onegatefs/events`: a remote change as a JSON object.
enum EventLine {
    /// Whether a change is worth a line. The JSON twins only repeat what the other files tell.
    static func isNeeded(_ change: TreeChange) -> Bool {
        !(change.path.last?.string?.hasSuffix(".json") ?? false)
    }

    /// The line, without its newline.
    static func line(_ change: TreeChange, time: Timestamp) -> String {
        let path = change.path.map(\.description).joined(separator: "/")
        var event: JSON
        switch change.kind {
        case .changed(let old, let new):
            event = [
                "time": .string(Clock.text(time)), "path": .string(path), "kind": "changed",
                "old": value(old), "new": value(new),
            ]
        case .added(let item):
            event = [
                "time": .string(Clock.text(time)), "path": .string(path), "kind": "added", "old": .null,
                "new": item.map(value) ?? .null,
            ]
        case .removed(let item):
            event = [
                "time": .string(Clock.text(time)), "path": .string(path), "kind": "removed",
                "old": item.map(value) ?? .null, "new": .null,
            ]
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
