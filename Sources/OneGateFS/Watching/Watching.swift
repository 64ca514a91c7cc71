import Dispatch
import FUSE
import Synchronization

/// What is polled, and when.
struct WatchState {
    var schedule: PollSchedule<Source>
    /// What is of interest has changed.
    var isInterestOld = false
    /// When names were dropped and the kernel's answer is to be looked at.
    var settleDue: ContinuousClock.Instant?
    /// When to see whether held folders still are.
    var sweepDue: ContinuousClock.Instant?
    var isStopped = false
}

/// The thread that watches for those who watch.
extension OneGateFileSystem {
    /// Starts watching.
    func startWatching() throws(Errno) {
        guard options.watchInterval > .zero else { return }
        try SystemThread(name: "watching") { [self] in
            while true {
                let next = step(.now)
                if watching.withLock({ $0.isStopped }) { return }
                guard let next else {
                    watchSignal.wait()
                    continue
                }
                let wait = ContinuousClock.now.duration(to: next).components
                let nanoseconds = max(0, wait.seconds * 1_000_000_000 + wait.attoseconds / 1_000_000_000)
                _ = watchSignal.wait(timeout: .now() + .nanoseconds(Int(min(nanoseconds, 3_600_000_000_000))))
            }
        }.detach()
    }

    /// Ends watching.
    func stopWatching() {
        watching.withLock { $0.isStopped = true }
        watchSignal.signal()
    }

    /// How long a name is left alone after it was used.
    private var idle: Duration { min(options.watchInterval / 2, .seconds(2)) }
    /// How long the kernel may take to forget.
    private var settleTime: Duration { min(options.watchInterval / 4, .milliseconds(100)) }

    /// Does what is due, and says when there is more to do; nil: nothing, until somebody looks something up.
    private func step(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        drop(now)
        settle(now)
        renewInterest(now)
        poll(now)
        let idle = idle
        let nextIdle = state.withLock { $0.interest.nextIdle($0.inodes, idle: idle) }
        return watching.withLock { watching in
            [nextIdle, watching.settleDue, watching.sweepDue, watching.schedule.next?.time].compactMap { $0 }
                .min()
        }
    }

    /// Drops names that are not in use, and those of held folders from time to time.
    private func drop(_ now: ContinuousClock.Instant) {
        let isSweep = watching.withLock { watching in
            guard let due = watching.sweepDue, due <= now else { return false }
            watching.sweepDue = nil
            return true
        }
        let idle = idle
        let names: [(parent: Inode, name: FileName)] = state.withLock { state in
            var nodes = state.interest.takeIdle(state.inodes, idle: idle, now: now)
            if isSweep { nodes += state.interest.takeHeldFolders(state.inodes) }
            return nodes.compactMap { node in node.parent.map { ($0.inode, node.name) } }
        }
        guard !names.isEmpty else { return }
        notifier.perform { session in
            for (parent, name) in names { _ = session.invalidateEntry(parent: parent, name: name) }
        }
        watching.withLock { $0.settleDue = now + settleTime }
    }

    /// Notes what is held after names were dropped.
    private func settle(_ now: ContinuousClock.Instant) {
        let isDue = watching.withLock { watching in
            guard let due = watching.settleDue, due <= now else { return false }
            watching.settleDue = nil
            watching.isInterestOld = true
            return true
        }
        guard isDue else { return }
        let folders = state.withLock { state in state.interest.settle(state.inodes).map(\.path) }
        guard !folders.isEmpty else { return }
        restore(folders)
        watching.withLock { $0.sweepDue = now + options.watchInterval }
    }

    /// Tells the schedule what is held.
    private func renewInterest(_ now: ContinuousClock.Instant) {
        let isOld = watching.withLock { watching in
            defer { watching.isInterestOld = false }
            return watching.isInterestOld
        }
        guard isOld else { return }
        let sources = state.withLock { state in
            Set(state.interest.held.compactMap { state.inodes[$0] }.flatMap { self.sources(of: $0, state) })
        }
        watching.withLock { $0.schedule.setInterest(sources, now: now) }
    }

    /// Which requests tell whether something that a node shows has changed.
    private func sources(of node: Node, _ state: MountState) -> [Source] {
        let inService = if case .present = state.cache.service.knowledge { true } else { false }
        let inRouter = if case .present = state.cache.router.knowledge { true } else { false }
        let everything: [Source] = [.own] + (inService ? [.service] : []) + (inRouter ? [.router] : [])
        switch node.resource.node.kind {
        case .machine(let id):
            if id == own { return [.own] }
            if let service = state.cache.service.value, service.members.contains(id), service.complete {
                return [.service]
            }
            return [.machine(id)]
        case .service: return [.service]
        case .router, .networks: return [.router]
        case .network(let id): return [.network(id)]
        case .networkExtended(let id): return [.networkExtended(id)]
        case .root, .machines: return everything
        case .aboutFile(.events): return everything
        case .ownLink, .about, .aboutFile, .inner: return []
        }
    }

    /// Begins a poll that is due.
    private func poll(_ now: ContinuousClock.Instant) {
        let source: Source? = watching.withLock { watching in
            guard let next = watching.schedule.next, next.time <= now else { return nil }
            watching.schedule.begin(next.source, now: now)
            return next.source
        }
        guard let source else { return }
        fetch(source, arrival: now + ttl(of: source)) { [self] failure in
            watching.withLock { $0.schedule.end(source, now: .now) }
            if let failure { logger.debug("polling: \(failure)") }
            watchSignal.signal()
        }
    }

    private func ttl(of source: Source) -> Duration { state.withLock { $0.cache.ttl(of: source) } }

    /// Notes that a request ended, a poll or not: it tells when to ask next, and how the server is.
    func noteAnswer(_ source: Source, asked: ContinuousClock.Instant, failed: Bool, changed: Bool) {
        if case .settled = source { return }
        watching.withLock { watching in
            watching.schedule.noteAnswer(
                source, asked: asked, finished: .now,
                outcome: failed ? .failed : changed ? .changed : .unchanged)
        }
    }

    /// Something that was held is not any more.
    func forgotten() {
        watching.withLock { $0.isInterestOld = true }
        watchSignal.signal()
    }
}

extension Source: PollSource {
    /// What is asked for: the cost of a request depends on it.
    package enum Kind: Hashable, Sendable {
        case own, service, router, machine, network, networkExtended, settled
    }

    package var kind: Kind {
        switch self {
        case .own: .own
        case .service: .service
        case .router: .router
        case .machine: .machine
        case .network: .network
        case .networkExtended: .networkExtended
        case .settled: .settled
        }
    }

    /// Measured at a real server with one client.
    package var usualAnswerTime: Duration {
        switch self {
        case .own, .router: .milliseconds(19)
        case .network, .networkExtended: .milliseconds(32)
        case .service: .milliseconds(770)
        case .machine: .milliseconds(780)
        case .settled: .zero
        }
    }
}
