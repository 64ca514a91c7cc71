#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads small files whole; the one place of this library that makes system calls.
enum FileContent {
    /// Contexts may carry whole scripts, but not more than this, in bytes.
    static let envFileLimit = 16 << 20

    /// Why a file could not be read.
    struct Failure: Error, CustomStringConvertible {
        /// The errno, or nil when the file is too large.
        let code: Int32?

        var isMissing: Bool { code == ENOENT || code == ENOTDIR }

        var description: String {
            guard let code else { return "it is too large" }
            switch code {
            case ENOENT, ENOTDIR: return "there is no such file"
            case EACCES, EPERM: return "permission denied"
            case EISDIR: return "it is a directory"
            default: return "error \(code)"
            }
        }
    }

    /// The file's text; what is not UTF-8 in it is replaced.
    static func text(at path: String, limit: Int) throws(Failure) -> String {
        // O_NONBLOCK: a FIFO with no writer must not hang the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(code: errno)
            }
            if count == 0 { return String(decoding: content, as: UTF8.self) }
            content += piece[..<count]
            if content.count > limit { throw Failure(code: nil) }
        }
    }

    /// A variable of the process's environment.
    static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
