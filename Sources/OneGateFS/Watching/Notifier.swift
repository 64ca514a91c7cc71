import Dispatch
import FUSE
import Synchronization

/// The one thread that tells the kernel what is not true any more, and works on our own mount so that
/// watchers get events. Both take locks of the kernel's that a request may hold which waits for us: so
/// it is never a thread that answers requests.
final class Notifier: Sendable {
    /// What the thread does. It gets the mount's session, and the mount to work on.
    typealias Job = @Sendable (Session, OwnMount) -> Void

    fileprivate struct State {
        var session: Session?
        var mountPoint: [UInt8] = []
        var isReadOnly = false
        var jobs: [Job] = []
        /// Events that are to be made, and the paths of those that only tell of another content.
        var events: [Job] = []
        var changedPaths: Set<[FileName]> = []
        /// When events were last made.
        var eventsMade: ContinuousClock.Instant?
        var isStopped = false
    }

    /// The least time between events and those before them. A program that writes a thousand times makes `vm.json`
    /// another one each time: who watches wants to know of the last.
    private static let pause = Duration.milliseconds(10)

    private let state = Mutex(State())
    private let threadID = Atomic<Int32>(0)
    private let wakeUp = DispatchSemaphore(value: 0)

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
            state.isStopped = true
            state.jobs = []
            state.events = []
            state.session = nil
        }
        wakeUp.signal()
    }

    /// The thread's id, as requests of its own have it in their context.
    var thread: Int32 { threadID.load(ordering: .relaxed) }

    /// Has something done as soon as possible.
    func perform(_ job: @escaping Job) {
        append { $0.jobs.append(job) }
    }

    /// Has an event made, soon. What is told of other contents of one file before that is told once.
    ///
    /// - Parameters:
    ///   - path: the file's.
    ///   - isChange: whether it is there as before, with another content.
    ///   - job: makes the event of what is so by then.
    func makeEvent(at path: [FileName], isChange: Bool, _ job: @escaping Job) {
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
        let isWanted = state.withLock { state in
            guard state.session != nil, !state.isStopped else { return false }
            change(&state)
            return true
        }
        if isWanted { wakeUp.signal() }
    }

    /// The kernel forgets what a name in a folder is.
    func invalidateEntry(_ name: FileName, in parent: Inode) {
        perform { session, _ in _ = session.invalidateEntry(parent: parent, name: name) }
    }

    private func run() {
        threadID.store(SystemThread.currentID, ordering: .relaxed)
        let (mountPoint, isReadOnly) = state.withLock { ($0.mountPoint, $0.isReadOnly) }
        var device: UInt64?
        while true {
            wait()
            let (jobs, session, isStopped) = state.withLock { state in
                (state.takeJobs(at: .now, pause: Notifier.pause), state.session, state.isStopped)
            }
            if isStopped { return }
            guard let session, !jobs.isEmpty else { continue }
            let mount = OwnMount(mountPoint, device: device, isReadOnly: isReadOnly)
            for job in jobs { job(session, mount) }
            device = device ?? mount.knownNumber
        }
    }

    /// Waits for something to do.
    private func wait() {
        let pause: Duration? = state.withLock { state in
            guard !state.events.isEmpty, let made = state.eventsMade else { return nil }
            return ContinuousClock.now.duration(to: made + Notifier.pause)
        }
        guard let pause else { return wakeUp.wait() }
        let nanoseconds = Int(pause.components.attoseconds / 1_000_000_000)
        _ = wakeUp.wait(timeout: .now() + .nanoseconds(max(0, nanoseconds)))
    }
}

extension Notifier.State {
    /// What has to be done now: events only if the last ones were made a while ago.
    fileprivate mutating func takeJobs(at now: ContinuousClock.Instant, pause: Duration) -> [Notifier.Job] {
        defer { jobs = [] }
        guard !events.isEmpty, eventsMade.map({ $0 + pause <= now }) ?? true else { return jobs }
        defer {
            events = []
            changedPaths = []
            eventsMade = now
        }
        return jobs + events
    }
}
