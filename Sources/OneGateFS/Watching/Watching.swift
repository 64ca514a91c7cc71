import FUSE
import Synchronization

/// What is polled, and when.
struct WatchState {
    var schedule: PollSchedule<Source>
    /// What is of interest has changed.
    var isInterestOld = false
    /// What the answers so far say about which request tells what.
    var knowledge: SourceKnowledge?
    /// When to see whether held folders still are.
    var sweepDue: ContinuousClock.Instant?
    var isStopped = false
}

/// The thread that watches for those who watch.
extension OneGateFileSystem {
    /// Starts watching. Without polling, the thread only notices when the machine slept.
    func startWatching() throws(Errno) {
        try SystemThread(name: "watching") { [self] in
            var absence = Absence(.now)
            while !watching.withLock({ $0.isStopped }) {
                if absence.notice(.now) { comeBack(.now) }
                watchAlarm.wait(until: options.watchInterval > .zero ? step(.now) : nil)
            }
        }.detach()
    }

    /// Time has passed in which this machine did not run: nothing is as young as it seems.
    private func comeBack(_ now: ContinuousClock.Instant) {
        logger.info("the machine slept, or its clock was set: asking everything anew")
        expireAll()
        watching.withLock { $0.schedule.comeBack(now: now) }
    }

    /// Ends watching.
    func stopWatching() {
        watching.withLock { $0.isStopped = true }
        watchAlarm.signal()
    }

    /// How long a name is left alone after it was used.
    private var idle: Duration { min(options.watchInterval / 2, .seconds(2)) }
    /// How long the kernel may take to forget.
    private var settleTime: Duration { .milliseconds(100) }

    /// Does what is due, and says when there is more to do; nil: nothing, until somebody looks something up.
    private func step(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        drop(now)
        sweep(now)
        settle(now)
        renewInterest(now)
        poll(now)
        let (idle, settleTime) = (idle, settleTime)
        let times = state.withLock { state in
            [
                state.interest.nextIdle(state.inodes, idle: idle),
                state.interest.nextSettled(settleTime),
            ]
        }
        return watching.withLock { watching in
            (times + [watching.sweepDue, watching.schedule.next?.time]).compactMap { $0 }.min()
        }
    }

    // MARK: Who is watching

    /// Drops names that are not in use.
    private func drop(_ now: ContinuousClock.Instant) {
        let idle = idle
        let (files, folders): ([KnownName], [KnownName]) = state.withLock { state in
            let nodes = state.interest.takeIdle(state.inodes, idle: idle, now: now)
            return (
                nodes.filter { !$0.isFolder }.compactMap(KnownName.init),
                nodes.filter(\.isFolder).compactMap(KnownName.init)
            )
        }
        if !files.isEmpty {
            invalidator.invalidateEntries(files) { [self] files in
                state.withLock { $0.interest.dropped(files.map(\.inode), at: .now) }
                watchAlarm.signal()
            }
        }
        probe(folders)
    }

    /// Drops the names of folders to see which the kernel does not forget, and looks those up again: a
    /// process that works in one would not find its way (getcwd(3)).
    private func probe(_ folders: [KnownName]) {
        for chunk in folders.chunks(of: 64) {
            notifier.perform(locking: chunk.map(\.parent)) { [self] mount in
                state.withLock { state in
                    state.interest.probe(chunk.map(\.inode).filter { (state.inodes[$0]?.lookups ?? 0) > 0 })
                }
                mount.prepare()
                invalidator.performAndWait { session in
                    for folder in chunk {
                        _ = session.invalidateEntry(parent: folder.parent, name: folder.name)
                    }
                }
                // What nobody holds is forgotten at once, and that is told before a request that comes after
                // it: at most eight others go first (fuse_dev_do_read in Linux's fs/fuse/dev.c). So when the
                // last of these look-ups is answered, it is known.
                for _ in 0..<10 where state.withLock({ $0.interest.isProbing }) { mount.look([Name.nothing]) }
                let held = state.withLock { state in
                    state.interest.endProbe(state.inodes).map(\.names)
                }
                for names in held { restore(names, mount) }
                guard !held.isEmpty else { return }
                watching.withLock { watching in
                    watching.isInterestOld = true
                    if watching.sweepDue == nil { watching.sweepDue = .now + options.watchInterval }
                }
                signalWatching()
            }
        }
    }

    /// Sees from time to time whether held folders still are: their names are dropped, and looked up again
    /// at once. If nobody holds one, the kernel forgets it all the same. Files need no such look:
    /// their names stay dropped.
    private func sweep(_ now: ContinuousClock.Instant) {
        let isDue = watching.withLock { watching in
            guard let due = watching.sweepDue, due <= now else { return false }
            watching.sweepDue = nil
            return true
        }
        guard isDue else { return }
        let folders = state.withLock { state in
            state.interest.heldFolders(state.inodes).compactMap(KnownName.init)
        }
        for chunk in folders.chunks(of: 16) {
            notifier.perform(locking: chunk.map(\.parent)) { [self] mount in
                mount.prepare()
                for folder in chunk {
                    invalidator.invalidateEntryNow(folder.name, in: folder.parent)
                    if let names = state.withLock({ $0.inodes[folder.inode]?.names }) {
                        restore(names, mount)
                    }
                }
            }
        }
        notifier.perform(locking: []) { [self] _ in
            let hasFolders = state.withLock { !$0.interest.heldFolders($0.inodes).isEmpty }
            guard hasFolders else { return }
            // However many there are, this takes a small part of the time.
            let pause = max(options.watchInterval, now.duration(to: .now) * 10)
            watching.withLock { $0.sweepDue = .now + pause }
            signalWatching()
        }
    }

    /// Wakes the thread that watches, from the notifier's, which has no descriptors.
    private func signalWatching() { invalidator.perform { [watchAlarm] _ in watchAlarm.signal() } }

    /// Looks a folder up whose name was dropped.
    private func restore(_ names: [FileName], _ mount: OwnMount) {
        state.withLock { $0.isRestoring = true }
        mount.look(names)
        state.withLock { $0.isRestoring = false }
    }

    /// Notes which files are held after their names were dropped.
    private func settle(_ now: ContinuousClock.Instant) {
        let settleTime = settleTime
        let hasSettled = state.withLock { state in
            state.interest.settle(state.inodes, settleTime: settleTime, now: now)
        }
        if hasSettled { watching.withLock { $0.isInterestOld = true } }
    }

    /// Something that was held is not any more.
    func forgotten() {
        watching.withLock { $0.isInterestOld = true }
        watchAlarm.signal()
    }

    // MARK: What is polled

    /// Tells the schedule what is held.
    private func renewInterest(_ now: ContinuousClock.Instant) {
        let knowledge = state.withLock { SourceKnowledge($0.cache) }
        let isOld = watching.withLock { watching in
            defer {
                watching.isInterestOld = false
                watching.knowledge = knowledge
            }
            return watching.isInterestOld || watching.knowledge != knowledge
        }
        guard isOld else { return }
        let sources = state.withLock { state in
            Set(state.interest.held.compactMap { state.inodes[$0] }.flatMap { knowledge.sources(of: $0) })
        }
        watching.withLock { $0.schedule.setInterest(sources, now: now) }
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
            watchAlarm.signal()
        }
    }

    private func ttl(of source: Source) -> Duration { state.withLock { $0.cache.ttl(of: source) } }

    /// Notes that a request ended, a poll or not: it tells when to ask next, and how the server is.
    func noteAnswer(
        _ source: Source, asked: ContinuousClock.Instant, answered: ContinuousClock.Instant, failed: Bool,
        changed: Bool
    ) {
        if case .settled = source { return }
        watching.withLock { watching in
            watching.schedule.noteAnswer(
                source, asked: asked, finished: answered, known: .now,
                outcome: failed ? .failed : changed ? .changed : .unchanged)
        }
    }
}

extension Array {
    /// The elements, some at a time.
    func chunks(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min(self.count, $0 + count)] }
    }
}
