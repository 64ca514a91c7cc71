import FUSE
import Logging
import OneGate
import Synchronization

/// OneGate as a file system. What a path means is in `Tree`, where the data comes from in `Snapshots`,
/// what a write does in `Writing`, how changes get out in `Watching`; this type joins them to FUSE.
final class OneGateFileSystem: FileSystem {
    let client: Client
    let options: FileSystemOptions
    let logger: Logger
    let state: Mutex<MountState>
    let errors = LineLog(capacity: 256 << 10)
    let events = LineLog(capacity: 1 << 20)
    let metrics: Metrics
    let invalidator = Invalidator()
    let notifier = Notifier()
    let watching: Mutex<WatchState>
    let watchAlarm: Alarm
    let own: Int
    /// Whether the kernel opens files and folders without asking: on a mount that it keeps read-only.
    private let leavesOpens = Atomic(false)
    private let onReady: @Sendable () -> Void

    /// - Parameters:
    ///   - client: the connection; its settings say which VM this is.
    ///   - options: what the mount was told.
    ///   - metrics: where requests are counted; the client reports them there.
    ///   - logger: gets a line for every failure.
    ///   - onReady: called once, when the kernel has greeted.
    init(
        client: Client, options: FileSystemOptions, metrics: Metrics, logger: Logger,
        onReady: @escaping @Sendable () -> Void = {}
    ) throws(Errno) {
        watchAlarm = try Alarm()
        self.onReady = onReady
        self.client = client
        self.options = options
        self.logger = logger
        self.metrics = metrics
        own = client.settings.vmID
        watching = Mutex(
            WatchState(
                schedule: PollSchedule(
                    interval: max(options.watchInterval, .milliseconds(1)), seed: .random(in: 0...UInt64.max))
            ))
        state = Mutex(
            MountState(
                cache: Cache(own: client.settings.vmID, freshness: options.freshness), mounted: Clock.now))
    }

    /// Agrees with the kernel on how they work together.
    func initialize(_ connection: inout Connection) {
        // O_TRUNC comes with OPEN, so that it publishes nothing by itself.
        connection.wanted.insert([.atomicTruncate, .readdirplus, .parallelDirectoryOperations])
        let mayLeaveOpens = connection.available.isSuperset(of: [.noOpenSupport, .noOpendirSupport])
        if !mayLeaveOpens { leavesOpens.store(false, ordering: .relaxed) }
        if opensAreLeft {
            // What the page cache holds is old when the time of the last change is another one.
            connection.wanted.insert(.autoInvalidateData)
        } else {
            // What the page cache holds is told to be old when it is.
            connection.wanted.remove(.autoInvalidateData)
        }
        // Reads in the background could not be interrupted.
        connection.wanted.remove(.asyncRead)
        // RELEASE is a request in the background. If only a few of those are let through, handles pile up
        // while many programs open files.
        connection.maxBackground = 1024
        connection.congestionThreshold = 768
        onReady()
    }

    /// From now on the kernel opens files and folders alone. Call it before the first request.
    func leaveOpensToKernel() { leavesOpens.store(true, ordering: .relaxed) }

    /// Whether the kernel opens files and folders without asking.
    var opensAreLeft: Bool { leavesOpens.load(ordering: .relaxed) }

    /// Forgets how old everything is, here and in the kernel, as SIGHUP wants it.
    func expireAll() {
        let (files, folders): ([KnownName], [KnownName]) = state.withLock { state in
            state.cache.expireAll(at: .now)
            state.serviceIsPlainUntil = nil
            let nodes = state.inodes.known
            for node in nodes where !node.isFolder { forget(node) }
            return (
                nodes.filter { !$0.isFolder }.compactMap(KnownName.init),
                nodes.filter(\.isFolder).compactMap(KnownName.init)
            )
        }
        invalidator.invalidateEntries(files)
        // The names of folders stay: processes work in them. What is in them is asked for anew.
        invalidator.perform { session in
            for folder in folders { _ = session.invalidate(inode: folder.inode) }
        }
    }

    // MARK: Serving

    /// What an attempt to serve a request came to.
    enum Outcome: Sendable {
        /// The answer. If it cannot be delivered, what it gave the kernel is taken back.
        case reply(Reply, lookups: [Inode] = [], handle: UInt64? = nil)
        /// Something has to be asked for first; then the attempt is made again.
        case needs(Source)
        /// Somebody still reads another version; then the attempt is made again.
        case waits(Inode)
        /// It cannot be done: a failure that is worth a line in the log.
        case failed(Failure, Inode?, FileName? = nil)

        /// An errno that is an ordinary answer.
        static func error(_ errno: Errno) -> Outcome { .reply(.error(errno)) }
    }

    /// Something to be answered from what is known; it is tried again when more is known.
    typealias Attempt = @Sendable (inout MountState, Cache.Query) -> Outcome

    /// How often an attempt is made. More means that answers are always too old when they come.
    static let attemptLimit = 16

    /// Answers a request at once if what is known suffices, otherwise when the server has answered: no
    /// thread waits.
    func serve(_ request: consuming Request, _ operation: Operation, _ attempt: @escaping Attempt) {
        let query = isOurs(request.context) ? Cache.Query.ours : Cache.Query(arrival: .now)
        switch state.withLock({ attempt(&$0, query) }) {
        case .reply(let reply, let lookups, let handle):
            metrics.count(operation, reply)
            metrics.count(fromCache: true)
            if !request.answer(reply) { takeBack(lookups, handle) }
        case .failed(let failure, let inode, let name):
            report(failure, inode, operation, name: name)
            request.answer(.error(failure.errno))
        case .needs where query.isOurs, .waits where query.isOurs:
            request.answer(.error(.noEntry))
        case .waits(let inode):
            let deferred = request.deferred()
            whenRead(inode) { [self] in
                retry(deferred, operation, query, OneGateFileSystem.attemptLimit, attempt)
            }
        case .needs(let source):
            metrics.count(fromCache: false)
            let deferred = request.deferred()
            ask(source, query, attemptsLeft: OneGateFileSystem.attemptLimit) { [self] query, left in
                self.retry(deferred, operation, query, left, attempt)
            }
        }
    }

    private func ask(
        _ source: Source, _ query: Cache.Query, attemptsLeft: Int,
        then continuation: @escaping @Sendable (Cache.Query, Int) -> Void
    ) {
        fetch(source, arrival: query.arrival) { failure in
            var query = query
            if let failure { query.failures[source] = failure }
            continuation(query, attemptsLeft - 1)
        }
    }

    private func retry(
        _ deferred: DeferredRequest, _ operation: Operation, _ query: Cache.Query, _ left: Int,
        _ attempt: @escaping Attempt
    ) {
        guard !deferred.isAnswered else { return }
        switch state.withLock({ attempt(&$0, query) }) {
        case .reply(let reply, let lookups, let handle):
            metrics.count(operation, reply)
            if !deferred.answer(reply) { takeBack(lookups, handle) }
        case .failed(let failure, let inode, let name):
            report(failure, inode, operation, name: name)
            deferred.answer(.error(failure.errno))
        case .waits(let inode):
            whenRead(inode) { [self] in retry(deferred, operation, query, left, attempt) }
        case .needs(let source):
            guard left > 0 else {
                let failure = Failure(.io, "the server's answers are always older than what was asked for")
                report(failure, path: "/", operation)
                deferred.answer(.error(failure.errno))
                return
            }
            ask(source, query, attemptsLeft: left) { [self] query, left in
                self.retry(deferred, operation, query, left, attempt)
            }
        }
    }

    /// Undoes what an answer that did not arrive would have given the kernel.
    func takeBack(_ lookups: [Inode], _ handle: UInt64?) {
        state.withLock { state in
            for inode in lookups { forget(inode, count: 1, &state) }
            if let handle { close(handle, &state) }
        }
    }

    /// A line in `.onegatefs/errors` and in the log.
    func report(_ failure: Failure, _ inode: Inode?, _ operation: Operation, name: FileName? = nil) {
        let path = inode.flatMap { inode in state.withLock { $0.inodes[inode]?.path } } ?? "/"
        report(
            failure, path: name.map { path + (path == "/" ? "" : "/") + $0.description } ?? path, operation)
    }

    /// A line in `.onegatefs/errors` and in the log.
    func report(_ failure: Failure, path: String, _ operation: Operation) {
        metrics.count(operation, .error(failure.errno))
        errors.append(
            ErrorLine(time: Clock.now, path: path, operation: "\(operation)", failure: failure).text)
        deliver(.errors)
        logger.warning("\(operation) \(path): \(failure)")
    }
}
