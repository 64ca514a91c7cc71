import CFUSE
import Glibc

/// The system calls of this module; nothing else looks at errno.
enum SystemCalls {
    /// Repeats a call that a signal interrupted.
    private static func check(_ call: () -> CInt) -> Result<CInt, Errno> {
        while true {
            let result = call()
            if result >= 0 { return .success(result) }
            let error = Errno(rawValue: errno)
            if error != .interrupted { return .failure(error) }
        }
    }

    static func open(_ path: String, _ flags: CInt) -> Result<CInt, Errno> {
        check { Glibc.open(path, flags | O_CLOEXEC) }
    }

    /// A mount of the file system at a path that is attached nowhere: open_tree(2).
    static func cloneMount(_ path: String) -> Result<CInt, Errno> {
        check { cfuse_clone_mount(path) }
    }

    /// Makes one mount of a file system read-only, or takes that back: mount_setattr(2).
    static func setReadOnly(_ isReadOnly: Bool, at descriptor: CInt = AT_FDCWD, _ path: String = "")
        -> Result<Void, Errno>
    {
        check { cfuse_set_read_only(descriptor, path, isReadOnly ? 1 : 0) }.map { _ in }
    }

    static func status(of path: String) -> Result<stat, Errno> {
        var status = stat()
        return check { stat(path, &status) }.map { _ in status }
    }

    /// Whether the file system answers at all: statvfs(3), which the kernel never answers from a cache.
    static func isAnswering(_ path: String) -> Result<Void, Errno> {
        var statistics = statvfs()
        return check { statvfs(path, &statistics) }.map { _ in }
    }

    static func access(_ path: String, _ mask: CInt) -> Result<Void, Errno> {
        check { Glibc.access(path, mask) }.map { _ in }
    }

    /// The absolute path without links: realpath(3).
    static func resolve(_ path: String) -> Result<String, Errno> {
        guard let resolved = realpath(path, nil) else { return .failure(Errno(rawValue: errno)) }
        defer { free(resolved) }
        return .success(String(cString: resolved))
    }

    static func contents(of path: String) -> Result<[UInt8], Errno> {
        open(path, O_RDONLY).flatMap { descriptor in
            defer { close(descriptor) }
            var bytes: [UInt8] = []
            while true {
                switch read(descriptor, count: 65536) {
                case .success(let part) where part.isEmpty: return .success(bytes)
                case .success(let part): bytes += part
                case .failure(let error): return .failure(error)
                }
            }
        }
    }

    static func read(_ descriptor: CInt, count: Int) -> Result<[UInt8], Errno> {
        var result: Result<CInt, Errno> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            result = check {
                CInt(truncatingIfNeeded: Glibc.read(descriptor, buffer.baseAddress, buffer.count))
            }
            initialized = Int((try? result.get()) ?? 0)
        }
        return result.map { _ in bytes }
    }

    static func write(_ descriptor: CInt, _ bytes: [UInt8]) -> Result<Void, Errno> {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest
            let result = part.withUnsafeBytes { buffer in
                check { CInt(truncatingIfNeeded: Glibc.write(descriptor, buffer.baseAddress, buffer.count)) }
            }
            switch result {
            case .success(let count): rest = rest.dropFirst(Int(count))
            case .failure(let error): return .failure(error)
            }
        }
        return .success(())
    }

    static func pipe() -> Result<(reader: CInt, writer: CInt), Errno> {
        var descriptors: [CInt] = [-1, -1]
        return check { cfuse_pipe(&descriptors, O_CLOEXEC) }.map { _ in (descriptors[0], descriptors[1]) }
    }

    static func eventCounter() -> Result<CInt, Errno> {
        check { cfuse_event_counter() }
    }

    /// A timer of the clock that goes on while the machine sleeps: timerfd_create(2).
    static func timer() -> Result<CInt, Errno> { check { cfuse_timer() } }

    /// Has a timer fire after a time, or never.
    static func set(_ timer: CInt, after time: Duration?) {
        // A time of zero would mean never.
        let (seconds, attoseconds) = time.map { max($0, .nanoseconds(1)).components } ?? (0, 0)
        _ = check { cfuse_set_timer(timer, seconds, Int(attoseconds / 1_000_000_000)) }
    }

    /// A timer that becomes readable when the time of day is set and when the machine wakes up.
    static func clockWitness() -> Result<CInt, Errno> { check { cfuse_clock_witness() } }

    /// Makes it unreadable until the next time.
    static func reset(clockWitness: CInt) { _ = check { cfuse_set_clock_witness(clockWitness) } }

    /// Waits until one of the descriptors is readable.
    static func waitForAny(_ descriptors: [CInt]) {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = check { Glibc.poll(&entries, nfds_t(entries.count), -1) }
    }

    /// Makes `target` another number of the same file, at once: dup3(2).
    static func replace(_ target: CInt, with descriptor: CInt, closeOnExec: Bool = true) -> Result<
        Void, Errno
    > {
        check { cfuse_replace(descriptor, target, closeOnExec ? O_CLOEXEC : 0) }.map { _ in }
    }

    /// Makes the standard streams /dev/null.
    static func silenceStandardStreams() {
        guard case .success(let null) = open("/dev/null", O_RDWR) else { return }
        for descriptor in STDIN_FILENO...STDERR_FILENO where descriptor != null {
            _ = replace(descriptor, with: null, closeOnExec: false)
        }
        if null > STDERR_FILENO { close(null) }
    }

    /// Another number of the same file.
    static func duplicate(_ descriptor: CInt) -> Result<CInt, Errno> {
        check { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
    }

    static func setCloseOnExec(_ descriptor: CInt) {
        _ = check { fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    }

    /// Waits until the descriptor is readable; nil: without end. Returns what poll(2) reports, 0 at the timeout.
    static func poll(_ descriptor: CInt, _ events: CInt, milliseconds: CInt?) -> CInt {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        _ = check { Glibc.poll(&entry, 1, milliseconds ?? -1) }
        return CInt(entry.revents)
    }

    /// umount2(2) with MNT_DETACH; with MNT_FORCE, what waits for a FUSE file system gets an error first.
    static func detach(_ path: String, aborting: Bool = false) -> Result<Void, Errno> {
        check { umount2(path, CInt(MNT_DETACH) | (aborting ? CInt(MNT_FORCE) : 0)) }.map { _ in }
    }

    /// Runs a program and waits for its end. Returns its wait status.
    static func run(_ arguments: [String]) -> Result<CInt, Errno> {
        guard let program = arguments.first else { return .failure(.invalid) }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { argv.forEach { free($0) } }
        argv.append(nil)
        // A child inherits blocked and ignored signals, which are this process's own affair.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var child = pid_t()
        let error = posix_spawnp(&child, program, nil, &attributes, argv, environ)
        guard error == 0 else { return .failure(Errno(rawValue: error)) }
        return wait(for: child)
    }

    static func wait(for child: pid_t) -> Result<CInt, Errno> {
        var status: CInt = 0
        return check { waitpid(child, &status, 0) }.map { _ in status }
    }

    /// Sends one datagram to a socket of the file system, or with a leading `@` to an abstract one: unix(7).
    static func send(_ bytes: [UInt8], toSocket path: String) -> Result<Void, Errno> {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = [UInt8](path.utf8)
        guard let first = name.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") else {
            return .failure(.invalid)
        }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return .failure(.nameTooLong) }
        if first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + name.count } ?? 0
        return check { socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0) }
            .flatMap { descriptor in
                defer { close(descriptor) }
                return check {
                    withUnsafePointer(to: &address) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                            CInt(
                                truncatingIfNeeded: sendto(
                                    descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL), address,
                                    socklen_t(size)))
                        }
                    }
                }.map { _ in }
            }
    }

    /// What a call of libfuse left in errno, for calls that say no more than "failed".
    static func withErrno<Value>(_ body: () -> Value) -> (value: Value, error: Errno) {
        errno = 0
        let value = body()
        return (value, Errno(rawValue: errno))
    }
}

extension Errno {
    /// libfuse and the kernel return 0 or more, or a negative error number.
    static func result(_ status: CInt) -> Result<Void, Errno> {
        status < 0 ? .failure(Errno(rawValue: -status)) : .success(())
    }
}
