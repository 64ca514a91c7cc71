import Glibc

/// A directory to mount on.
public struct MountPoint: Hashable, Sendable {
    /// The absolute path, without symbolic links; or `/dev/fd/N` as it was given.
    public let path: String

    /// The mount was made by whoever started this process, who hands over the descriptor of the connection
    /// (mount.fuse3 does that with `drop_privileges`).
    public var isDescriptor: Bool { Self.isDescriptor(path) }

    /// Checks that the directory can be mounted on, and removes a dead FUSE mount from it.
    ///
    /// A dead mount is what a killed daemon leaves behind: "Transport endpoint is not connected".
    /// - Parameters:
    ///   - path: absolute, or relative to the working directory.
    ///   - subtype: a mount of this subtype that does not answer for five seconds is taken for dead, too.
    /// - Throws: ``MountError``
    public init(preparing path: String, subtype: String? = nil) throws(MountError) {
        if Self.isDescriptor(path) {
            self.path = path
            return
        }
        if let subtype { Self.removeHanging(path, subtype) }
        var wasCleaned = false
        while true {
            switch Self.liveStatus(of: path) {
            case .success(let attributes):
                guard attributes.st_mode & S_IFMT == S_IFDIR else { throw .notDirectory(path: path) }
                switch SystemCalls.resolve(path) {
                case .success(let resolved): self.path = resolved
                case .failure(let error): throw .inaccessible(path: path, error)
                }
                return
            case .failure(.notConnected) where !wasCleaned, .failure(.connectionAborted) where !wasCleaned:
                wasCleaned = true
                try Self.removeStale(path)
            case .failure(.noEntry):
                throw .missing(path: path)
            case .failure(.notDirectory):
                throw .notDirectory(path: path)
            case .failure(let error):
                throw wasCleaned ? .stale(path: path, error) : .inaccessible(path: path, error)
            }
        }
    }

    /// What stat(2) says, or ENOTCONN for a dead mount of whose root the kernel still knows the attributes.
    private static func liveStatus(of path: String) -> Result<stat, Errno> {
        SystemCalls.status(of: path).flatMap { attributes in
            if case .failure(let error) = SystemCalls.isAnswering(path),
                error == .notConnected || error == .connectionAborted
            {
                .failure(error)
            } else {
                .success(attributes)
            }
        }
    }

    /// Detaches what is mounted on this directory; open files in it stay open.
    ///
    /// umount2(2) with MNT_DETACH, and without the right to that, `fusermount3 -u -z`.
    /// - Returns: the failure of umount2(2) if neither worked.
    @discardableResult
    public static func detach(_ path: String) -> Result<Void, Errno> {
        let result = SystemCalls.detach(path)
        guard case .failure(.notPermitted) = result else { return result }
        guard case .success(0) = SystemCalls.run(["fusermount3", "-u", "-z", "-q", "--", path]) else {
            return result
        }
        return .success(())
    }

    /// Whether a FUSE file system is mounted on this directory, dead or alive. It is not asked.
    ///
    /// - Parameter path: absolute and without symbolic links, as in ``path``.
    public static func isMounted(_ path: String) -> Bool {
        MountTable.current.mount(at: path)?.isFUSE ?? false
    }

    /// Removes a mount whose daemon was killed and cannot end: one of its threads told the kernel to forget a name, and
    /// waits for a lock of somebody who waits for the daemon. Such a mount gives no error, it hangs.
    ///
    /// A daemon that lives answers statfs at once. Without CAP_SYS_ADMIN only the connection is ended, which the user who
    /// mounted may, if fusectl is mounted where it belongs.
    private static func removeHanging(_ path: String, _ subtype: String) {
        guard let absolute = resolveParent(of: path), let mount = MountTable.current.mount(at: absolute),
            mount.type == "fuse.\(subtype)", !answers(absolute, withinMilliseconds: 5000)
        else { return }
        guard case .failure(.notPermitted) = SystemCalls.detach(absolute, aborting: true),
            let number = mount.connection
        else { return }
        _ = SystemCalls.open("/sys/fs/fuse/connections/\(number)/abort", O_WRONLY).map { descriptor in
            defer { close(descriptor) }
            return SystemCalls.write(descriptor, Array("1".utf8))
        }
    }

    /// Whether a file system says anything, be it an error, before the time is over.
    private static func answers(_ path: String, withinMilliseconds limit: CInt) -> Bool {
        guard case .success(let pipe) = SystemCalls.pipe() else { return true }
        let probe = try? SystemThread(name: "probe") {
            _ = SystemCalls.isAnswering(path)
            close(pipe.writer)
        }
        guard let probe else {
            close(pipe.reader)
            close(pipe.writer)
            return true
        }
        // It may go on waiting; the abort ends that.
        probe.detach()
        defer { close(pipe.reader) }
        return SystemCalls.poll(pipe.reader, CInt(POLLIN), milliseconds: limit) != 0
    }

    private static func removeStale(_ path: String) throws(MountError) {
        // realpath(3) would fail at the dead mount itself: resolve what it lies in, then add its name.
        guard let absolute = resolveParent(of: path), isMounted(absolute) else {
            throw .inaccessible(path: path, .notConnected)
        }
        if case .failure(let error) = detach(absolute) { throw .stale(path: path, error) }
    }

    private static func resolveParent(of path: String) -> String? {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        guard let slash = trimmed.lastIndex(of: "/") else {
            return (try? SystemCalls.resolve(".").get()).map { join($0, trimmed) }
        }
        let parent = slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
        return (try? SystemCalls.resolve(parent).get()).map {
            join($0, trimmed[trimmed.index(after: slash)...])
        }
    }

    private static func join(_ parent: String, _ name: Substring) -> String {
        parent.hasSuffix("/") ? parent + name : parent + "/" + name
    }

    /// Whether a path is `/dev/fd/N`.
    public static func isDescriptor(_ path: String) -> Bool {
        path.hasPrefix("/dev/fd/") && Int(path.dropFirst("/dev/fd/".count)) != nil
    }

    /// What would make mounting fail, found out before libfuse fails without a reason.
    func checkPrerequisites(_ options: MountOptions) throws(MountError) {
        if isDescriptor { return }
        if let subtype = options.subtype, MountTable.current.mount(at: path)?.type == "fuse.\(subtype)" {
            throw .busy(path: path)
        }
        try Self.checkDevice()
        try Self.checkRights(allowOther: options.allowOther, path: path)
        if geteuid() == 0 { return }
        guard case .success = SystemCalls.access(path, W_OK) else { throw .notWritable(path: path) }
    }

    /// Checks that /dev/fuse is there and can be opened.
    ///
    /// - Throws: ``MountError/noDevice`` or ``MountError/deviceDenied(_:)``
    public static func checkDevice() throws(MountError) {
        switch SystemCalls.open("/dev/fuse", O_RDWR) {
        case .success(let descriptor): close(descriptor)
        case .failure(.noEntry), .failure(.noDevice): throw .noDevice
        // fusermount3 opens it as root.
        case .failure(.access) where geteuid() != 0: break
        case .failure(let error): throw .deviceDenied(error)
        }
    }

    /// Checks that this process may mount somewhere: root needs CAP_SYS_ADMIN, others fusermount3.
    ///
    /// - Throws: ``MountError/noFusermount``, ``MountError/allowOtherDenied`` or ``MountError/notPermitted(path:)``
    public static func checkRights(allowOther: Bool, path: String) throws(MountError) {
        if geteuid() == 0 {
            guard mayHaveAdministratorCapability else { throw .notPermitted(path: path) }
            return
        }
        guard isInPath("fusermount3") else { throw .noFusermount }
        if allowOther, !usersMayAllowOther { throw .allowOtherDenied }
    }

    /// CAP_SYS_ADMIN, bit 21 of the bounding set in /proc/self/status: without it there fusermount3, which is setuid
    /// root, does not get it either. See capabilities(7).
    private static var mayHaveAdministratorCapability: Bool {
        guard case .success(let bytes) = SystemCalls.contents(of: "/proc/self/status") else { return true }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("CapBnd:")
        }
        guard let digits = line?.split(whereSeparator: \.isWhitespace).last,
            let set = UInt64(digits, radix: 16)
        else { return true }
        return set & (1 << 21) != 0
    }

    /// What is at a path where something might be mounted.
    public enum Occupation: Hashable, Sendable {
        /// A directory that can be mounted on.
        case free
        /// A FUSE file system whose daemon lives.
        case mounted
        /// A FUSE file system whose daemon is gone: mounting cleans it away.
        case dead
    }

    /// Looks at a mount point without changing anything.
    ///
    /// - Parameter path: absolute, or relative to the working directory.
    /// - Throws: ``MountError``, for what cannot be mounted on.
    public static func occupation(of path: String) throws(MountError) -> Occupation {
        switch liveStatus(of: path) {
        case .failure(.notConnected), .failure(.connectionAborted): return .dead
        default:
            let point = try MountPoint(preparing: path)
            return isMounted(point.path) ? .mounted : .free
        }
    }

    private static func isInPath(_ program: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { directory in
            if case .success = SystemCalls.access("\(directory)/\(program)", X_OK) { true } else { false }
        }
    }

    /// mount.fuse3(8): a line `user_allow_other` in /etc/fuse.conf. If it cannot be read, fusermount3 decides.
    private static var usersMayAllowOther: Bool {
        switch SystemCalls.contents(of: "/etc/fuse.conf") {
        case .success(let bytes):
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
                line.split(separator: " ").first == "user_allow_other"
            }
        case .failure(let error):
            error != .noEntry
        }
    }
}

extension MountPoint {
    /// Opens a mount of the file system that is mounted here, one that is attached nowhere and goes when the
    /// descriptor is closed: open_tree(2) with OPEN_TREE_CLONE. What is done below it does not keep the mount here
    /// busy for umount(2). Needs CAP_SYS_ADMIN and Linux 5.2.
    ///
    /// - Parameters:
    ///   - path: where the file system is mounted.
    ///   - isWritable: whether the new mount can be written through where the one at the path is read-only, which needs
    ///     Linux 5.12.
    /// - Returns: a descriptor, which the caller closes, or nil.
    public static func clone(_ path: String, isWritable: Bool = false) -> Int32? {
        guard let descriptor = try? SystemCalls.cloneMount(path).get() else { return nil }
        guard isWritable, case .failure = SystemCalls.setReadOnly(false, at: descriptor) else {
            return descriptor
        }
        close(descriptor)
        return nil
    }

    /// Makes the mount at a path read-only, but not its file system: other mounts of it, such as a
    /// ``clone(_:isWritable:)``, may be written through. mount_setattr(2); needs CAP_SYS_ADMIN and Linux 5.12.
    ///
    /// - Returns: whether it is so now, and a writable clone can be had.
    public static func makeReadOnly(_ path: String) -> Bool {
        guard case .success = SystemCalls.setReadOnly(true, path) else { return false }
        if let clone = clone(path, isWritable: true) {
            close(clone)
            return true
        }
        _ = SystemCalls.setReadOnly(false, path)
        return false
    }
}
