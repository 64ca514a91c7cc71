import CFUSE
import Glibc
import Synchronization

/// A mounted file system: a session of libfuse (`struct fuse_session`).
///
/// Make it, mount it, run it; it is good for one mount. It keeps its file system alive, so a file system that
/// keeps its session alive in turn never goes away.
public final class Session: Sendable {
    let fileSystem: any FileSystem
    let options: MountOptions
    let pending = PendingRequests()

    /// Set once, at the end of `init`, because libfuse gets the address of this object. libfuse locks for itself
    /// what its functions change.
    private(set) nonisolated(unsafe) var pointer: OpaquePointer?

    /// An eventfd(2): there is something new in the state for ``run(threads:patience:)``.
    let events: CInt

    private enum Phase {
        case new, mounted, running, over
    }

    private struct State {
        var phase = Phase.new
        /// Where it has to be unmounted; nil if somebody else made the mount, and once that was done.
        var path: String?
        /// Where it is mounted, whoever made the mount.
        var knownPath: String?
        var mount: MountTable.Mount?
        var isConnected = false
        /// What the kernel offers and the file system wants.
        var wanted: Capabilities = []
        var isExiting = false
        /// Whether somebody asked for the end again.
        var isHurried = false
        var activeWorkers = 0
        /// How many threads tell the kernel something just now.
        var notifications = 0
        var error: Errno?
    }

    private let state = Mutex(State())
    private let refuses = Atomic(false)

    /// Ends the workers' wait for the kernel. Ignored by default, so a stray one does no harm.
    private static let wakeUpSignal = SIGURG

    /// Makes a session that is not yet mounted.
    ///
    /// - Throws: ``MountError/invalidOptions(_:)`` if libfuse refuses the options.
    public init(fileSystem: any FileSystem, options: MountOptions) throws(MountError) {
        switch SystemCalls.eventCounter() {
        case .success(let descriptor): events = descriptor
        case .failure(let error): throw .failed(path: options.source, error)
        }
        self.fileSystem = fileSystem
        self.options = options

        var arguments = fuse_args()
        defer { fuse_opt_free_args(&arguments) }
        for argument in [options.source] + options.arguments {
            fuse_opt_add_arg(&arguments, argument)
        }
        var operations = Operations.table
        pointer = fuse_session_new(
            &arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size,
            Unmanaged.passUnretained(self).toOpaque())
        guard pointer != nil else { throw .invalidOptions(options.arguments.joined(separator: " ")) }
    }

    deinit {
        if state.withLock({ $0.phase == .mounted }) { finish() }
        if let pointer {
            // Only frees memory and closes the descriptor: finish() has cut it off from any mount.
            fuse_session_unmount(pointer)
            fuse_session_destroy(pointer)
        }
        close(events)
    }

    /// Mounts.
    ///
    /// The kernel sends its first requests at once, and programs that use the mount wait until
    /// ``run(threads:patience:)`` answers them. From here on the process ignores SIGPIPE.
    ///
    /// - Parameter path: an existing directory, or `/dev/fd/N` as mount.fuse3(8) gives it. A dead FUSE mount on
    ///   it is removed.
    /// - Throws: ``MountError``
    public func mount(at path: String) throws(MountError) {
        guard state.withLock({ $0.phase == .new }) else { throw .alreadyMounted }
        let point = try MountPoint(preparing: path, subtype: options.subtype)
        try point.checkPrerequisites(options)
        let isNew = state.withLock { state in
            defer { state.phase = .over }
            return state.phase == .new
        }
        guard isNew else { throw .alreadyMounted }

        _ = cfuse_ignore(SIGPIPE)
        let result = SystemCalls.withErrno { fuse_session_mount(pointer, point.path) }
        guard result.value == 0 else { throw reason(of: result.error, at: point) }
        // mount.fuse3 hands over a descriptor that survives exec.
        SystemCalls.setCloseOnExec(fuse_session_fd(pointer))
        let mount = point.isDescriptor ? nil : MountTable.current.mount(at: point.path)
        let found =
            point.isDescriptor ? MountTable.current.mount(ofConnection: fuse_session_fd(pointer)) : mount
        state.withLock { state in
            state.phase = .mounted
            state.knownPath = point.isDescriptor ? found?.path : point.path
            state.path = point.isDescriptor ? nil : point.path
            state.mount = mount
        }
    }

    /// Serves the mount until it is unmounted, or ``exit()`` is called. Call it from a dedicated thread.
    ///
    /// Every worker thread reads requests from the kernel and calls the file system. When this returns, they
    /// have ended, the mount is gone, deferred requests have been answered ENOTCONN, and the file system is
    /// destroyed. The process's handler of SIGURG is replaced by one that does nothing.
    ///
    /// - Parameters:
    ///   - threads: how many workers, at least 1.
    ///   - patience: how long the end waits for the answers to deferred requests that are awaited, and for threads that tell the
    ///     kernel something.
    /// - Returns: the error that ended it, or nil if it was unmounted or asked to exit.
    @discardableResult
    public func run(threads: Int, patience: Duration = .seconds(5)) -> Errno? {
        let count = max(threads, 1)
        let isMounted = state.withLock { state in
            guard state.phase == .mounted else { return false }
            state.phase = .running
            state.activeWorkers = count
            return true
        }
        guard isMounted else { return .notConnected }

        greet()
        _ = cfuse_interrupt_calls_with(Self.wakeUpSignal)
        var workers: [SystemThread] = []
        for index in 1...count {
            do throws(Errno) {
                let worker = try SystemThread(name: "fuse-\(index)", accepting: [Self.wakeUpSignal]) {
                    self.work()
                }
                workers.append(worker)
            } catch {
                // Fewer workers do as well; none do not.
                endWorker(error: workers.isEmpty ? error : nil, isLast: workers.isEmpty)
            }
        }
        wait(for: workers, patience)
        finish()
        return state.withLock { $0.error }
    }

    /// Ends ``run(threads:patience:)`` soon, also while programs have files of the mount open. From any thread.
    ///
    /// The mount is detached at once. Programs that still use it get ENOTCONN, but for those that wait for an awaited
    /// answer. Called again, it waits for nothing.
    public func exit() {
        let phase = state.withLock { state in
            state.isHurried = state.isExiting
            state.isExiting = true
            return state.phase
        }
        if phase == .mounted { unmount() }
        wakeUp()
    }

    /// Where it was mounted: an absolute path without symbolic links; nil if it was not, or if the mount was made by
    /// whoever handed over the descriptor and the kernel does not tell which it is.
    public var mountPath: String? { state.withLock { $0.knownPath } }

    /// Whether the kernel has greeted: the mount answers.
    public var isConnected: Bool {
        state.withLock { $0.isConnected }
    }

    /// Whether the session is to end.
    var isExiting: Bool { state.withLock { $0.isExiting } }

    /// Whether what programs ask for is only refused: see ``wait(for:)``.
    var isRefusing: Bool { refuses.load(ordering: .relaxed) }

    /// What the kernel offers and the file system wants.
    var wanted: Capabilities { state.withLock { $0.wanted } }

    /// Negotiates with the kernel. Called by libfuse before all other requests.
    func connect(_ info: inout fuse_conn_info) {
        var connection = Connection(info)
        fileSystem.initialize(&connection)
        connection.apply(to: &info, maxRead: options.maxRead ?? 0)
        let wanted = connection.wanted.intersection(connection.available)
        state.withLock { state in
            state.wanted = wanted
            state.isConnected = true
        }
    }

    // MARK: Workers

    private func work() {
        // libfuse allocates the memory at the first call and reuses it.
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        var failure: Errno?
        while fuse_session_exited(pointer) == 0 {
            let size = fuse_session_receive_buf(pointer, &buffer)
            if size > 0 {
                fuse_session_process_buf(pointer, &buffer)
            } else if size == 0 {
                break
            } else if size != -EINTR, size != -EAGAIN {
                failure = Errno(rawValue: -size)
                break
            }
        }
        endWorker(error: failure, isLast: true)
    }

    /// A worker ends because the session is over, then the others have to end too.
    private func endWorker(error: Errno?, isLast: Bool) {
        state.withLock { state in
            state.activeWorkers -= 1
            // When it is ending anyway, how the connection breaks off does not matter: the last program may have gone.
            if state.error == nil, !state.isExiting { state.error = error }
            if isLast { state.isExiting = true }
        }
        wakeUp()
    }

    /// Waits until the workers have ended.
    ///
    /// Before they are ended they refuse what programs ask for, as long as there are answers to come that are awaited, or some
    /// thread tells the kernel something: it may be waiting for a lock that a program holds until it has an answer. It
    /// would wait for ever, and so would the program, since that thread keeps the connection open.
    private func wait(for workers: [SystemThread], _ patience: Duration) {
        var end: ContinuousClock.Instant?
        var isEnding = false
        while true {
            let (active, shouldExit, isHurried, notifications) = state.withLock {
                ($0.activeWorkers, $0.isExiting, $0.isHurried, $0.notifications)
            }
            if active == 0 { break }
            if shouldExit, end == nil {
                // That may ask the file system something.
                unmount()
                refuses.store(true, ordering: .relaxed)
                end = .now + patience
            }
            if let end, !isEnding {
                let isAwaiting = pending.endUnawaited(with: .notConnected)
                if isHurried || end < .now || !isAwaiting && notifications == 0 {
                    isEnding = true
                    fuse_session_exit(pointer)
                }
            }
            // A signal that comes just before a worker's read(2) is lost, so they are repeated.
            if isEnding { workers.forEach { $0.send(Self.wakeUpSignal) } }
            if SystemCalls.poll(events, CInt(POLLIN), milliseconds: end != nil ? 10 : nil) != 0 {
                _ = SystemCalls.read(events, count: 8)
            }
        }
        workers.forEach { $0.join() }
    }

    /// Tells the kernel something, unless the session ends.
    func notify(_ body: () -> CInt) -> Result<Void, Errno> {
        let isAllowed = state.withLock { state in
            if !state.isExiting { state.notifications += 1 }
            return !state.isExiting
        }
        guard isAllowed else { return .failure(.notConnected) }
        defer {
            let isAwaited = state.withLock { state in
                state.notifications -= 1
                return state.isExiting && state.notifications == 0
            }
            if isAwaited { wakeUp() }
        }
        return Errno.result(body())
    }

    private func wakeUp() {
        // Fails if the counter is full, and then there is enough to wake up from.
        _ = SystemCalls.write(events, [1, 0, 0, 0, 0, 0, 0, 0])
    }

    // MARK: The end

    private func finish() {
        fuse_session_exit(pointer)
        pending.endAll(with: .notConnected)
        unmount()
        sever()
        let wasConnected = state.withLock { state in
            state.phase = .over
            return state.isConnected
        }
        if wasConnected { fileSystem.destroy() }
    }

    /// Detaches the mount, if it is still there and still ours.
    private func unmount() {
        let (path, mount) = state.withLock { state in
            defer { state.path = nil }
            return (state.path, state.mount)
        }
        guard let path else { return }
        if let mount, MountTable.current.mount(at: path) != mount { return }
        MountPoint.detach(path)
    }

    /// Closes the connection, which ends what programs still wait for, but keeps the descriptor's number: a late
    /// answer from another thread must not get into a file that was opened in the meantime. What takes its
    /// place is a pipe without reader; also because libfuse takes that (POLLERR) for "already unmounted".
    private func sever() {
        guard case .success(let pipe) = SystemCalls.pipe() else { return }
        close(pipe.reader)
        _ = SystemCalls.replace(fuse_session_fd(pointer), with: pipe.writer)
        close(pipe.writer)
    }

    private func reason(of error: Errno, at point: MountPoint) -> MountError {
        if point.isDescriptor { return .badDescriptor(path: point.path) }
        // Without root it was fusermount3 that failed, and errno is nothing to go by.
        if geteuid() != 0 { return .notPermitted(path: point.path) }
        switch error {
        case .notPermitted, .access: return .notPermitted(path: point.path)
        case .busy: return .busy(path: point.path)
        case .invalid: return .invalidOptions(options.arguments.joined(separator: " "))
        default: return .failed(path: point.path, error)
        }
    }
}
