import Glibc
import Synchronization

/// Tells whoever started the program, once, whether it came up. The first report wins.
public final class StartupReport: Sendable {
    /// No exit status of a failure, so it stands for success.
    static let readyByte: UInt8 = 0

    private struct State {
        /// The pipe to the parent; nil in the foreground.
        var writer: CInt?
        var isDone = false
    }

    private let state: Mutex<State>

    init(writer: CInt?) {
        state = Mutex(State(writer: writer))
    }

    deinit {
        if let writer = take()?.writer { close(writer) }
    }

    /// It came up: the parent exits with 0. In the background, this process begins a session of its own, its
    /// working directory becomes `/`, and its stdin, stdout and stderr /dev/null.
    ///
    /// - Returns: false if nobody waits any more, because the parent was killed: then it is better to stop.
    @discardableResult
    public func ready() -> Bool {
        guard let state = take() else { return true }
        guard let writer = state.writer else { return true }
        defer { close(writer) }
        setsid()
        _ = chdir("/")
        SystemCalls.silenceStandardStreams()
        if case .failure = SystemCalls.write(writer, [Self.readyByte]) { return false }
        return true
    }

    /// It did not: the parent prints the line to stderr and exits; in the foreground, this prints it. The caller
    /// ends this process.
    ///
    /// - Parameters:
    ///   - message: one line, without newline.
    ///   - status: the exit status, 1 to 255.
    public func fail(_ message: String, status: UInt8 = 1) {
        guard let state = take() else { return }
        guard let writer = state.writer else {
            Self.printLine(message)
            return
        }
        _ = SystemCalls.write(writer, [max(status, 1)] + message.utf8)
        close(writer)
    }

    private func take() -> State? {
        state.withLock { state in
            guard !state.isDone else { return nil }
            state.isDone = true
            return state
        }
    }

    /// Prints a line on standard error.
    public static func printLine(_ line: String) {
        _ = SystemCalls.write(STDERR_FILENO, [UInt8]((line + "\n").utf8))
    }
}
