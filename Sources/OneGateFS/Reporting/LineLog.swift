import Synchronization

/// Lines that are read while more come: only appended to, until the oldest half goes.
final class LineLog: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var revision = 0
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: in bytes.
    init(capacity: Int) { self.capacity = capacity }

    /// Changes when a line comes.
    var revision: Int { state.withLock { $0.revision } }

    /// All lines, the oldest first.
    var bytes: [UInt8] { state.withLock { $0.bytes } }

    /// Adds a line, given without its newline.
    func append(_ line: String) {
        state.withLock { state in
            state.bytes += Array(line.utf8) + [0x0A]
            state.revision += 1
            guard state.bytes.count > capacity else { return }
            let half = state.bytes.count / 2
            let end = state.bytes[half...].firstIndex(of: 0x0A).map { $0 + 1 } ?? state.bytes.count
            state.bytes.removeFirst(end)
        }
    }
}
