import Glibc
import Testing

/// Watches as programs do with inotify(7).
final class Inotify {
    /// All but what readers make.
    static let changes: UInt32 = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800

    private static let names: [(bit: UInt32, name: String)] = [
        (0x1, "ACCESS"), (0x2, "MODIFY"), (0x4, "ATTRIB"), (0x8, "CLOSE_WRITE"), (0x10, "CLOSE_NOWRITE"),
        (0x20, "OPEN"), (0x40, "MOVED_FROM"), (0x80, "MOVED_TO"), (0x100, "CREATE"), (0x200, "DELETE"),
        (0x400, "DELETE_SELF"), (0x800, "MOVE_SELF"), (0x2000, "UNMOUNT"), (0x4000, "Q_OVERFLOW"),
        (0x8000, "IGNORED"), (0x4000_0000, "ISDIR"),
    ]

    /// The mount point.
    private let root: String
    private let descriptor: CInt
    private var watches: [CInt: String] = [:]
    private var events: [String] = []

    /// - Parameters:
    ///   - gate: where the watched paths are.
    ///   - paths: what is watched from the beginning, below the mount point.
    ///   - mask: which events.
    init(_ gate: MountedGate, _ paths: String..., mask: UInt32 = Inotify.changes) throws {
        root = gate.path
        descriptor = try SystemError.check("inotify_init1", inotify_init1(Int32(O_NONBLOCK | O_CLOEXEC)))
        for path in paths { try watch(path, mask: mask) }
    }

    deinit { close(descriptor) }

    func watch(_ path: String, mask: UInt32 = Inotify.changes) throws {
        let watch = try SystemError.check(
            "watch \(path)", inotify_add_watch(descriptor, root + "/" + path, mask))
        watches[watch] = path
    }

    func unwatch(_ path: String) {
        for (watch, watched) in watches where watched == path { inotify_rm_watch(descriptor, watch) }
    }

    /// All events so far, as `PATH EVENT`; for a folder's event about a name, the path is the name's.
    var all: [String] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return events }
            buffer.withUnsafeBytes { bytes in
                var offset = 0
                while offset < count {
                    let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + 16
                    let name = bytes[start..<start + Int(event.len)].prefix { $0 != 0 }
                    add(event, String(decoding: name, as: UTF8.self))
                    offset = start + Int(event.len)
                }
            }
        }
    }

    /// Forgets the events so far.
    func clear() {
        _ = all
        events = []
    }

    private func add(_ event: inotify_event, _ name: String) {
        let path = (watches[event.wd] ?? "") + (name.isEmpty ? "" : "/" + name)
        let kinds = Inotify.names.filter { event.mask & $0.bit != 0 }.map(\.name)
        events.append(path + " " + kinds.joined(separator: ","))
    }

    /// Waits for an event.
    func wait(for event: String, sourceLocation: SourceLocation = #_sourceLocation) {
        eventually("\(event), not just \(events.suffix(20))", sourceLocation: sourceLocation) {
            all.contains(event)
        }
    }
}
