import FUSE

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the notifier's thread does on our own mount. Failures do not matter: then nobody sees an event.
///
/// It is done on a mount of the same file system that is attached nowhere, so that whoever wants to
/// unmount at that moment can. Where that cannot be had, without root, it is done through the mount itself.
///
/// It lives as long as what there is to do at the moment: such a mount keeps the file system alive after
/// it was unmounted, and takes the kernel a while to make and to drop.
final class OwnMount {
    private let mountPoint: [UInt8]
    /// The file system that it has to be: another one may be mounted there by now.
    private let device: UInt64?
    /// Whether the mount is read-only; then a writable one is worked on.
    private let isReadOnly: Bool
    private lazy var place: Place? = open()
    /// The file system's number, once something has been done.
    private(set) var knownNumber: UInt64?

    /// Where paths start.
    private struct Place {
        /// A descriptor of the folder, or AT_FDCWD.
        let base: CInt
        let prefix: [UInt8]
    }

    /// - Parameters:
    ///   - mountPoint: an absolute path.
    ///   - device: the file system's number, as it was found before.
    ///   - isReadOnly: whether the mount is read-only.
    init(_ mountPoint: [UInt8], device: UInt64?, isReadOnly: Bool) {
        self.mountPoint = mountPoint
        self.device = device
        self.isReadOnly = isReadOnly
    }

    deinit {
        if knownNumber != nil, let place, place.base >= 0 { close(place.base) }
    }

    private func open() -> Place? {
        let base =
            MountPoint.clone(String(decoding: mountPoint, as: UTF8.self), isWritable: isReadOnly) ?? AT_FDCWD
        let prefix = base >= 0 ? [] : mountPoint + [UInt8(ascii: "/")]
        var status = stat()
        let root: [UInt8] = prefix + [UInt8(ascii: "."), 0]
        let isThere = root.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { path in
            path.baseAddress.map { fstatat(base, $0, &status, AT_SYMLINK_NOFOLLOW) == 0 } ?? false
        }
        let number = UInt64(status.st_dev)
        guard isThere, device == nil || device == number else {
            if base >= 0 { close(base) }
            return nil
        }
        knownNumber = number
        return Place(base: base, prefix: prefix)
    }

    /// Does at once what would be done with the first use, and takes a while.
    func prepare() { _ = place }

    /// OPEN, MODIFY and CLOSE_WRITE on a file: openat(2), ftruncate(2), close(2).
    func touch(_ path: [FileName], size: Int) {
        let descriptor = at(path) { openat($0, $1, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return }
        _ = ftruncate(descriptor, off_t(size))
        close(descriptor)
    }

    /// CREATE: mknodat(2), mkdirat(2) or symlinkat(2). False if the name is there.
    func make(_ path: [FileName], _ item: Item) -> Bool {
        let status =
            switch item {
            case .file: at(path) { mknodat($0, $1, S_IFREG | 0o600, 0) }
            case .directory: at(path) { mkdirat($0, $1, 0o700) }
            case .link(let link):
                link.target.withCString { target in at(path) { symlinkat(target, $0, $1) } }
            }
        return status == 0
    }

    /// DELETE: unlinkat(2).
    func remove(_ path: [FileName], _ item: Item) {
        let isFolder = if case .directory = item { true } else { false }
        _ = at(path) { unlinkat($0, $1, isFolder ? AT_REMOVEDIR : 0) }
    }

    /// Looks a path up: fstatat(2).
    func look(_ path: [FileName]) {
        var status = stat()
        _ = at(path) { fstatat($0, $1, &status, AT_SYMLINK_NOFOLLOW) }
    }

    private func at(_ path: [FileName], _ body: (CInt, UnsafePointer<CChar>) -> CInt) -> CInt {
        guard let place else { return -1 }
        let bytes = place.prefix + path.map(\.bytes).joined(separator: [UInt8(ascii: "/")])
        return (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { body(place.base, $0) } ?? -1
        }
    }
}
