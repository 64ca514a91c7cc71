import Foundation
import Testing

/// Runs tests on threads of their own, a few at a time: they wait for child processes and for system calls, which
/// must not be done on the threads that Swift's tasks share with every other test.
final class OwnThreads: TaskExecutor {
    static let shared = OwnThreads()

    private let queue: OperationQueue = {
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = max(4, ProcessInfo.processInfo.activeProcessorCount)
        return queue
    }()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.addOperation { job.runSynchronously(on: executor) }
    }
}

/// The trait of tests that run on threads of their own.
struct OnOwnThread: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(OwnThreads.shared) { try await function() }
    }
}

extension Trait where Self == OnOwnThread {
    /// Runs tests on threads of their own.
    static var onOwnThread: Self { OnOwnThread() }
}
