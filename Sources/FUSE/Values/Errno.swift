import Glibc

/// An error number of the system, see errno(3).
public struct Errno: RawRepresentable, Hashable, Error, Sendable, CustomStringConvertible {
    /// The positive number, such as `ENOENT`.
    public let rawValue: Int32

    /// The error with this number.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// ENOENT
    public static let noEntry = Errno(rawValue: ENOENT)
    /// EIO
    public static let io = Errno(rawValue: EIO)
    /// EACCES
    public static let access = Errno(rawValue: EACCES)
    /// EPERM
    public static let notPermitted = Errno(rawValue: EPERM)
    /// EINVAL
    public static let invalid = Errno(rawValue: EINVAL)
    /// EILSEQ
    public static let illegalSequence = Errno(rawValue: EILSEQ)
    /// EFBIG
    public static let fileTooLarge = Errno(rawValue: EFBIG)
    /// E2BIG
    public static let argumentListTooLong = Errno(rawValue: E2BIG)
    /// EHOSTUNREACH
    public static let hostUnreachable = Errno(rawValue: EHOSTUNREACH)
    /// ETIMEDOUT
    public static let timedOut = Errno(rawValue: ETIMEDOUT)
    /// EROFS
    public static let readOnly = Errno(rawValue: EROFS)
    /// EINTR
    public static let interrupted = Errno(rawValue: EINTR)
    /// ECANCELED
    public static let canceled = Errno(rawValue: ECANCELED)
    /// EEXIST
    public static let exists = Errno(rawValue: EEXIST)
    /// EISDIR
    public static let isDirectory = Errno(rawValue: EISDIR)
    /// ENOTDIR
    public static let notDirectory = Errno(rawValue: ENOTDIR)
    /// ENOTEMPTY
    public static let notEmpty = Errno(rawValue: ENOTEMPTY)
    /// ENOSYS
    public static let noSystemCall = Errno(rawValue: ENOSYS)
    /// EOPNOTSUPP, the same number as ENOTSUP
    public static let notSupported = Errno(rawValue: EOPNOTSUPP)
    /// EXDEV
    public static let crossDevice = Errno(rawValue: EXDEV)
    /// ENODATA, which is what Linux says for a missing extended attribute
    public static let noData = Errno(rawValue: ENODATA)
    /// ERANGE
    public static let range = Errno(rawValue: ERANGE)
    /// ENAMETOOLONG
    public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    /// ENOTCONN
    public static let notConnected = Errno(rawValue: ENOTCONN)
    /// EBUSY
    public static let busy = Errno(rawValue: EBUSY)
    /// EAGAIN
    public static let tryAgain = Errno(rawValue: EAGAIN)
    /// ENOSPC
    public static let noSpace = Errno(rawValue: ENOSPC)
    /// EBADF
    public static let badDescriptor = Errno(rawValue: EBADF)
    /// ENOMEM
    public static let noMemory = Errno(rawValue: ENOMEM)
    /// ENODEV
    public static let noDevice = Errno(rawValue: ENODEV)
    /// EPIPE
    public static let brokenPipe = Errno(rawValue: EPIPE)
    /// ELOOP
    public static let tooManyLinks = Errno(rawValue: ELOOP)
    /// ESTALE
    public static let stale = Errno(rawValue: ESTALE)
    /// ECONNABORTED
    public static let connectionAborted = Errno(rawValue: ECONNABORTED)
    /// ECONNREFUSED
    public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    /// EPROTO
    public static let protocolError = Errno(rawValue: EPROTO)

    /// The C name, such as `ENOENT`; of an error that has no constant here, `errno 123`.
    public var name: String {
        Self.names[rawValue] ?? "errno \(rawValue)"
    }

    /// The name and the system's words: `ENOENT: No such file or directory`.
    public var description: String {
        guard let text = strerror(rawValue) else { return name }
        return "\(name): \(String(cString: text))"
    }

    private static let names: [Int32: String] = [
        ENOENT: "ENOENT", EIO: "EIO", EACCES: "EACCES", EPERM: "EPERM", EINVAL: "EINVAL", EILSEQ: "EILSEQ",
        EFBIG: "EFBIG", E2BIG: "E2BIG", EHOSTUNREACH: "EHOSTUNREACH", ETIMEDOUT: "ETIMEDOUT", EROFS: "EROFS",
        EINTR: "EINTR", ECANCELED: "ECANCELED", EEXIST: "EEXIST", EISDIR: "EISDIR", ENOTDIR: "ENOTDIR",
        ENOTEMPTY: "ENOTEMPTY", ENOSYS: "ENOSYS", EOPNOTSUPP: "EOPNOTSUPP", EXDEV: "EXDEV",
        ENODATA: "ENODATA",
        ERANGE: "ERANGE", ENAMETOOLONG: "ENAMETOOLONG", ENOTCONN: "ENOTCONN", EBUSY: "EBUSY",
        EAGAIN: "EAGAIN",
        ENOSPC: "ENOSPC", EBADF: "EBADF", ENOMEM: "ENOMEM", ENODEV: "ENODEV", EPIPE: "EPIPE", ELOOP: "ELOOP",
        ESTALE: "ESTALE", ECONNABORTED: "ECONNABORTED", ECONNREFUSED: "ECONNREFUSED", EPROTO: "EPROTO",
        EDQUOT: "EDQUOT", EMFILE: "EMFILE", ENFILE: "ENFILE", EMLINK: "EMLINK", ENXIO: "ENXIO",
        ENOTTY: "ENOTTY", ESPIPE: "ESPIPE", ESRCH: "ESRCH", ETXTBSY: "ETXTBSY", EOVERFLOW: "EOVERFLOW",
        ENETUNREACH: "ENETUNREACH", ECONNRESET: "ECONNRESET", EMSGSIZE: "EMSGSIZE", ENOBUFS: "ENOBUFS",
    ]
}
