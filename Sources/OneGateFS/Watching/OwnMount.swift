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
struct OwnMount: ~Copyable {
    /// The folder that paths start at, a descriptor.
    private let base: CInt
    private let prefix: [UInt8]

    /// - Parameter mountPoint: an absolute path.
    init(_ mountPoint: [UInt8]) {
        if let descriptor = MountPoint.clone(String(decoding: mountPoint, as: UTF8.self)) {
            base = descriptor
            prefix = []
        } else {
            base = AT_FDCWD
            prefix = mountPoint + [UInt8(ascii: "/")]
        }
    }

    deinit {
        if base >= 0 { close(base) }
    }

    /// OPEN, MODIFY and CLOSE_WRITE on a file: openat(2), ftruncate(2), close(2).
    func touch(_ path: [FileName], size: Int) {
        let descriptor = at(path) { openat(base, $0, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return }
        _ = ftruncate(descriptor, off_t(size))
        close(descriptor)
    }

    /// CREATE: mknodat(2), mkdirat(2) or symlinkat(2). False if the name is there.
    func make(_ path: [FileName], _ item: Item) -> Bool {
        let status =
            switch item {
            case .file: at(path) { mknodat(base, $0, S_IFREG | 0o600, 0) }
            case .directory: at(path) { mkdirat(base, $0, 0o700) }
            case .link(let link):
                link.target.withCString { target in at(path) { symlinkat(target, base, $0) } }
            }
        return status == 0
    }

    /// DELETE: unlinkat(2).
    func remove(_ path: [FileName], _ item: Item) {
        let isFolder = if case .directory = item { true } else { false }
        _ = at(path) { unlinkat(base, $0, isFolder ? AT_REMOVEDIR : 0) }
    }

    /// Looks a path up: fstatat(2).
    func look(_ path: [FileName]) {
        var status = stat()
        _ = at(path) { fstatat(base, $0, &status, AT_SYMLINK_NOFOLLOW) }
    }

    private func at(_ path: [FileName], _ body: (UnsafePointer<CChar>) -> CInt) -> CInt {
        let bytes = prefix + path.map(\.bytes).joined(separator: [UInt8(ascii: "/")])
        return (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map(body) ?? -1
        }
    }
}
