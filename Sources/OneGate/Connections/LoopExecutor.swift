import NIOCore
import NIOPosix
import Synchronization

/// Runs tasks on the thread that the connections have, so that a request and its answer need not wake up another.
///
/// Each way from one thread to another takes as long as a short answer of the server's; a change of one value is a
/// request and another one that reads back, with little to compute between them.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop
    private let isOpen = Mutex(true)

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let isTaken = isOpen.withLock { isOpen in
            if isOpen { loop.execute { job.runSynchronously(on: executor) } }
            return isOpen
        }
        guard !isTaken else { return }
        // What is left is to say that there are no connections any more.
        NIOThreadPool.singleton.submit { _ in job.runSynchronously(on: executor) }
    }

    /// Before the loop ends: tasks that still run go on elsewhere.
    func close() async {
        isOpen.withLock { $0 = false }
        // What was put into the loop before has run when this has.
        try? await loop.submit {}.get()
    }
}
