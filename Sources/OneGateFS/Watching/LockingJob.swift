import FUSE

/// Something to be done on a thread of its own that takes locks of inodes in the kernel.
///
/// A program that waits for the server holds such locks until we answer it: that of a folder in which it looks a name up,
/// for one. Whoever wants the lock meanwhile waits as long, and cannot be killed. So what needs it is put off.
struct LockingJob<Context>: Sendable {
    /// Whose locks it takes.
    let inodes: @Sendable () -> [Inode]
    let run: @Sendable (Context) -> Void
    /// Whether everything before it has to be done first, what was put off too.
    let followsAll: Bool
    /// Since when it is put off, only because of requests that are young.
    private(set) var waitingSince: ContinuousClock.Instant?

    init(
        inodes: @escaping @Sendable () -> [Inode], followsAll: Bool = false,
        run: @escaping @Sendable (Context) -> Void
    ) {
        self.followsAll = followsAll
        self.inodes = inodes
        self.run = run
    }

    /// How often it is seen whether it can be done, if no program tells that it has its answer.
    static var pause: Duration { .milliseconds(100) }
    /// A request that is as old as this may never be answered. Where folders are always being looked at there is no moment in
    /// which nobody holds the locks: if for so long no request was as old as that, the server answers, and the kernel
    /// sees to it that whoever wants a lock gets it.
    static var longWait: Duration { .seconds(1) }

    /// Decides about one job after another, in their order.
    struct Round {
        let now: ContinuousClock.Instant
        /// Whether a program has held an inode's lock for at least so long.
        let isLocked: (Inode, Duration) -> Bool
        /// For whose locks a job was put off: those after it are not done before it.
        private var awaited: Set<Inode> = []

        init(now: ContinuousClock.Instant, isLocked: @escaping (Inode, Duration) -> Bool) {
            self.now = now
            self.isLocked = isLocked
        }

        /// Does the jobs that can be done now.
        ///
        /// - Returns: those that are put off.
        mutating func run(_ jobs: [LockingJob], _ context: Context) -> [LockingJob] {
            jobs.compactMap { job in
                var job = job
                guard !admits(&job) else {
                    job.run(context)
                    return nil
                }
                return job
            }
        }

        /// Whether a job can be done now; otherwise it is put off.
        private mutating func admits(_ job: inout LockingJob) -> Bool {
            if job.followsAll, !awaited.isEmpty { return false }
            let inodes = job.inodes()
            if let inode = inodes.first(where: { awaited.contains($0) || isLocked($0, LockingJob.longWait) })
            {
                job.waitingSince = nil
                awaited.insert(inode)
                return false
            }
            guard let inode = inodes.first(where: { isLocked($0, .zero) }) else { return true }
            let since = job.waitingSince ?? now
            job.waitingSince = since
            if since + LockingJob.longWait <= now { return true }
            awaited.insert(inode)
            return false
        }
    }
}
