import Logging
import Synchronization

/// From which level on events are logged. It can be changed while the program runs.
public final class LogThreshold: Sendable {
    /// From the quietest to the most talkative.
    private static let steps: [Logger.Level] = [.error, .warning, .info, .debug, .trace]

    private let step: Atomic<Int>
    private let first: Int

    /// - Parameter level: what was asked for.
    public init(_ level: MountConfiguration.LogLevel) {
        let level: Logger.Level =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        first = Self.steps.firstIndex(of: level) ?? 0
        step = Atomic(first)
    }

    /// The level.
    public var level: Logger.Level { Self.steps[step.load(ordering: .relaxed)] }

    /// One step more is logged, if there is one.
    public func raise() {
        let more = min(step.load(ordering: .relaxed) + 1, Self.steps.count - 1)
        step.store(more, ordering: .relaxed)
    }

    /// What was asked for counts again.
    public func reset() { step.store(first, ordering: .relaxed) }
}
