import FUSE

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the notifier's thread does on our own mount. Failures do not matter: then nobody sees an event.
enum OwnMount {
    /// OPEN, MODIFY and CLOSE_WRITE on a file: open(2), ftruncate(2), close(2).
    static func touch(_ path: [UInt8], size: Int) {
        let descriptor = withPath(path) { open($0, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return }
        _ = ftruncate(descriptor, off_t(size))
        close(descriptor)
    }

    /// CREATE: mknod(2), mkdir(2) or symlink(2). False if the name is there.
    static func make(_ path: [UInt8], _ item: Item) -> Bool {
        let status =
            switch item {
            case .file: withPath(path) { mknod($0, S_IFREG | 0o600, 0) }
            case .directory: withPath(path) { mkdir($0, 0o700) }
            case .link(let link): link.target.withCString { target in withPath(path) { symlink(target, $0) } }
            }
        return status == 0
    }

    /// DELETE: unlink(2) or rmdir(2).
    static func remove(_ path: [UInt8], _ item: Item) {
        if case .directory = item {
            _ = withPath(path) { rmdir($0) }
        } else {
            _ = withPath(path) { unlink($0) }
        }
    }

    /// Looks a path up: lstat(2).
    static func look(_ path: [UInt8]) {
        var status = stat()
        _ = withPath(path) { lstat($0, &status) }
    }

    private static func withPath(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> CInt) -> CInt {
        (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map(body) ?? -1
        }
    }
}
