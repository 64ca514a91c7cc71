import Dispatch
import FUSE
import Synchronization

/// The one thread that works on our own mount so that watchers get events. That takes locks of the kernel's that a request
/// may hold which waits for us: so it is never a thread that answers requests.
///
/// It has no descriptor of the process's, which keep the connection with the kernel open, and so the mount alive: a process
/// that is killed would otherwise wait for a thread that waits in the kernel for an answer of that process.
final class Notifier: Sendable {
    /// What the thread does, on the mount that it gets. It may use no descriptor that was not opened by it.
    typealias Job = LockingJob<OwnMount>

    fileprivate struct State {
        var mountPoint: [UInt8] = []
        var isReadOnly = false
        var jobs: [Job] = []
        var events: [Job] = []
        /// The paths of those events that only tell of another content.
        var changedPaths: Set<[FileName]> = []
        /// When events were last made.
        var eventsMade: ContinuousClock.Instant?
        var session: Session?
    }

    /// The least time between events and those before them. A program that writes a thousand times makes `vm.json`
    /// another one each time: who watches wants to know of the last.
    fileprivate static let pause = Duration.milliseconds(10)

    private let state = Mutex(State())
    private let threadID = Atomic<Int32>(0)
    private let wakeUp = DispatchSemaphore(value: 0)
    private let hasPostponed = Atomic(false)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - session: the mount's.
    ///   - mountPoint: where it is.
    ///   - isReadOnly: whether the mount there is read-only, but not its file system.
    func start(_ session: Session, mountPoint: String, isReadOnly: Bool) throws(Errno) {
        state.withLock { state in
            state.session = session
            state.mountPoint = Array(mountPoint.utf8)
            state.isReadOnly = isReadOnly
        }
        try SystemThread(name: "notifier") { [self] in run() }.detach()
    }

    /// Ends the thread after the job that it does.
    func stop() {
        state.withLock { state in
            state.jobs = []
            state.events = []
            state.session = nil
        }
        wakeUp.signal()
    }

    /// The thread's id, as requests of its own have it in their context.
    var thread: Int32 { threadID.load(ordering: .relaxed) }

    /// Has something done as soon as possible.
    ///
    /// - Parameters:
    ///   - inodes: whose locks it takes.
    ///   - body: does it.
    func perform(locking inodes: [Inode], _ body: @escaping @Sendable (OwnMount) -> Void) {
        append { $0.jobs.append(Job(inodes: { inodes }, run: body)) }
    }

    /// Has an event made, soon. What is told of other contents of one file before that is told once.
    ///
    /// - Parameters:
    ///   - path: the file's.
    ///   - isChange: whether it is there as before, with another content.
    ///   - job: makes the event of what is so by then.
    func makeEvent(at path: [FileName], isChange: Bool, _ job: Job) {
        append { state in
            if isChange {
                guard state.changedPaths.insert(path).inserted else { return }
            } else {
                state.changedPaths.remove(path)
            }
            state.events.append(job)
        }
    }

    private func append(_ change: (inout State) -> Void) {
        let hasToWake = state.withLock { state in
            guard state.session != nil else { return false }
            let (jobs, events) = (state.jobs.count, state.events.count)
            change(&state)
            // Whoever put the first one there woke it up; for more events it knows when to look.
            return state.jobs.count > jobs ? jobs == 0 : state.events.count > events && jobs + events == 0
        }
        if hasToWake { wakeUp.signal() }
    }

    /// A program has released a lock.
    func retry() {
        if hasPostponed.load(ordering: .relaxed) { wakeUp.signal() }
    }

    // MARK: The thread

    private func run() {
        threadID.store(SystemThread.currentID, ordering: .relaxed)
        SystemThread.leaveDescriptors()
        let (mountPoint, isReadOnly) = state.withLock { ($0.mountPoint, $0.isReadOnly) }
        var device: UInt64?
        var postponed: [Job] = []
        while true {
            wait()
            let (jobs, session) = state.withLock { ($0.takeJobs(at: .now), $0.session) }
            guard let session else { return }
            guard !jobs.isEmpty || !postponed.isEmpty else { continue }
            let mount = OwnMount(mountPoint, device: device, isReadOnly: isReadOnly)
            var round = Job.Round(now: .now) { session.isLocked($0, for: $1) }
            postponed = round.run(postponed + jobs, mount)
            hasPostponed.store(!postponed.isEmpty, ordering: .relaxed)
            device = device ?? mount.knownNumber
        }
    }

    /// Waits for something to do.
    private func wait() {
        let made = state.withLock { $0.events.isEmpty ? nil : $0.eventsMade }
        if let made {
            wakeUp.wait(for: ContinuousClock.now.duration(to: made + Notifier.pause))
        } else if hasPostponed.load(ordering: .relaxed) {
            wakeUp.wait(for: Job.pause)
        } else {
            wakeUp.wait()
        }
    }
}

extension Notifier.State {
    /// What has to be done now: events only if the last ones were made a while ago.
    fileprivate mutating func takeJobs(at now: ContinuousClock.Instant) -> [Notifier.Job] {
        defer { jobs = [] }
        guard !events.isEmpty, eventsMade.map({ $0 + Notifier.pause <= now }) ?? true else { return jobs }
        defer {
            events = []
            changedPaths = []
            eventsMade = now
        }
        return jobs + events
    }
}
