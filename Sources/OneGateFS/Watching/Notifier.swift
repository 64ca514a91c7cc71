import Dispatch
import FUSE
import Synchronization

/// The one thread that tells the kernel what is not true any more, and works on our own mount so that
/// watchers get events. Both take locks of the kernel's that a request may hold which waits for us: so
/// it is never a thread that answers requests.
final class Notifier: Sendable {
    /// What the thread does. It gets the mount's session, and the mount to work on.
    typealias Job = @Sendable (Session, OwnMount) -> Void

    private struct State {
        var session: Session?
        var mountPoint: [UInt8] = []
        var jobs: [Job] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let threadID = Atomic<Int32>(0)
    private let wakeUp = DispatchSemaphore(value: 0)

    /// Starts the thread.
    func start(_ session: Session, mountPoint: String) throws(Errno) {
        state.withLock { state in
            state.session = session
            state.mountPoint = Array(mountPoint.utf8)
        }
        try SystemThread(name: "notifier") { [self] in run() }.detach()
    }

    /// Ends the thread after the job that it does.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.jobs = []
            state.session = nil
        }
        wakeUp.signal()
    }

    /// The thread's id, as requests of its own have it in their context.
    var thread: Int32 { threadID.load(ordering: .relaxed) }

    private var mountPoint: [UInt8] { state.withLock { $0.mountPoint } }

    /// Has something done.
    func perform(_ job: @escaping Job) {
        let isWanted = state.withLock { state in
            guard state.session != nil, !state.isStopped else { return false }
            state.jobs.append(job)
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
        var device: UInt64?
        while true {
            wakeUp.wait()
            let (jobs, session, isStopped) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.session, state.isStopped)
            }
            if isStopped { return }
            guard let session else { continue }
            let mount = OwnMount(mountPoint, device: device)
            for job in jobs { job(session, mount) }
            device = device ?? mount.knownNumber
        }
    }
}
