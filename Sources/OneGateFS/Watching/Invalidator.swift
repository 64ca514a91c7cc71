import Dispatch
import FUSE
import Synchronization

/// The one thread that tells the kernel what is not true any more. That takes locks of the kernel's that a request may hold
/// which waits for us: so it is never a thread that answers requests.
final class Invalidator: Sendable {
    typealias Job = LockingJob<Session>

    private struct State {
        var session: Session?
        var jobs: [Job] = []
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)
    private let hasPostponed = Atomic(false)

    /// Starts the thread.
    func start(_ session: Session) throws(Errno) {
        state.withLock { $0.session = session }
        try SystemThread(name: "invalidator") { [self] in run() }.detach()
    }

    /// Ends the thread after the job that it does.
    func stop() {
        state.withLock { state in
            state.session = nil
            state.jobs = []
        }
        wakeUp.signal()
    }

    /// Has something done as soon as possible.
    ///
    /// - Parameters:
    ///   - inodes: whose locks it takes: of a name that is dropped, the folder's.
    ///   - followsAll: whether everything before it has to be done first, what was put off too.
    ///   - body: does it.
    func perform(
        locking inodes: [Inode] = [], followsAll: Bool = false, _ body: @escaping @Sendable (Session) -> Void
    ) {
        let isFirst = state.withLock { state in
            guard state.session != nil else { return false }
            state.jobs.append(Job(inodes: { inodes }, followsAll: followsAll, run: body))
            return state.jobs.count == 1
        }
        if isFirst { wakeUp.signal() }
    }

    /// Has something done and waits until it is. Not from a thread that answers requests.
    func performAndWait(locking inodes: [Inode] = [], _ body: @escaping @Sendable (Session) -> Void) {
        let end = DispatchSemaphore(value: 0)
        // It may be dropped without having been done. Nobody but the job may keep this, or it would never be told.
        perform(locking: inodes) { [signal = AtEnd { end.signal() }] session in
            withExtendedLifetime(signal) { body(session) }
            end.signal()
        }
        end.wait()
    }

    /// A program has released a lock.
    func retry() {
        if hasPostponed.load(ordering: .relaxed) { wakeUp.signal() }
    }

    // MARK: Names

    /// The kernel forgets what a name in a folder is.
    func invalidateEntry(_ name: FileName, in parent: Inode) {
        perform(locking: [parent]) { _ = $0.invalidateEntry(parent: parent, name: name) }
    }

    /// The kernel forgets what a name in a folder is, before this returns. Not from a thread that answers requests.
    func invalidateEntryNow(_ name: FileName, in parent: Inode) {
        performAndWait(locking: [parent]) { _ = $0.invalidateEntry(parent: parent, name: name) }
    }

    /// The kernel forgets what names are, folder by folder.
    ///
    /// - Parameter completion: is called for those of which that is so.
    func invalidateEntries(
        _ names: [KnownName], completion: @escaping @Sendable ([KnownName]) -> Void = { _ in }
    ) {
        for (parent, names) in Dictionary(grouping: names, by: \.parent) {
            for part in names.chunks(of: 64) {
                perform(locking: [parent]) { session in
                    for name in part { _ = session.invalidateEntry(parent: parent, name: name.name) }
                    completion(Array(part))
                }
            }
        }
    }

    // MARK: The thread

    private func run() {
        var postponed: [Job] = []
        while true {
            if postponed.isEmpty { wakeUp.wait() } else { wakeUp.wait(for: Job.pause) }
            let (session, jobs) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.session, state.jobs)
            }
            guard let session else { return }
            var round = Job.Round(now: .now) { session.isLocked($0, for: $1) }
            postponed = round.run(postponed + jobs, session)
            hasPostponed.store(!postponed.isEmpty, ordering: .relaxed)
        }
    }

    /// Does something when the last reference goes.
    private final class AtEnd: Sendable {
        private let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        deinit { body() }
    }
}

extension DispatchSemaphore {
    /// Waits for a signal, but not for longer than `limit`.
    func wait(for limit: Duration) {
        _ = wait(timeout: .now() + .nanoseconds(max(0, Int(limit / .nanoseconds(1)))))
    }
}
