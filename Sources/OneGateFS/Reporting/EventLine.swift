import FUSE
import OneGate

/// Lines of `.onegatefs/events`: remote changes as JSON objects.
enum EventLine {
    /// The lines of a change, without their newlines. A folder that came or went is followed by the
    /// values inside. The JSON twins have no line: they only repeat what the other files tell.
    static func lines(_ change: TreeChange, time: Timestamp) -> [String] {
        switch change.kind {
        case .changed(let old, let new):
            guard !isTwin(change.path) else { return [] }
            return [line(change.path, "changed", old: value(old), new: value(new), time)]
        case .added(let item):
            return everything(in: item, at: change.path).map { path, value in
                line(path, "added", old: .null, new: value, time)
            }
        case .removed(let item):
            return everything(in: item, at: change.path).map { path, value in
                line(path, "removed", old: value, new: .null, time)
            }
        }
    }

    private static func isTwin(_ path: [FileName]) -> Bool { path.last?.string?.hasSuffix(".json") ?? false }

    private static func line(
        _ path: [FileName], _ kind: String, old: JSON, new: JSON, _ time: Timestamp
    ) -> String {
        let event: JSON = [
            "time": .string(Clock.text(time)),
            "path": .string(path.map(\.description).joined(separator: "/")),
            "kind": .string(kind), "old": old, "new": new,
        ]
        return event.compact
    }

    /// An item, and what is inside: null for folders, without what only takes commands.
    private static func everything(in item: Item?, at path: [FileName]) -> [(path: [FileName], value: JSON)] {
        guard !isTwin(path) else { return [] }
        switch item {
        case .file(let file):
            return file.purpose == .control || file.purpose == .update ? [] : [(path, value(file))]
        case .link(let link): return [(path, .string(link.target))]
        case .directory(let directory):
            return [(path, .null)]
                + directory.items.flatMap { name, item in everything(in: item, at: path + [name]) }
        case nil: return [(path, .null)]
        }
    }

    private static func value(_ file: File) -> JSON { .string(String(decoding: file.value, as: UTF8.self)) }
}
