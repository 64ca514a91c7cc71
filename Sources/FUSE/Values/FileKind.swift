import Glibc

/// What a file is: the type bits of `st_mode`, see inode(7).
public enum FileKind: Hashable, Sendable {
    /// S_IFREG
    case regular
    /// S_IFDIR
    case directory
    /// S_IFLNK
    case symbolicLink
    /// S_IFIFO
    case pipe
    /// S_IFSOCK
    case socket
    /// S_IFCHR
    case characterDevice
    /// S_IFBLK
    case blockDevice

    var typeBits: mode_t {
        switch self {
        case .regular: S_IFREG
        case .directory: S_IFDIR
        case .symbolicLink: S_IFLNK
        case .pipe: S_IFIFO
        case .socket: S_IFSOCK
        case .characterDevice: S_IFCHR
        case .blockDevice: S_IFBLK
        }
    }

    /// The kind in a mode; mknod(2) takes a mode without type bits for a regular file.
    init(mode: mode_t) {
        self =
            switch mode & S_IFMT {
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFIFO: .pipe
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            default: .regular
            }
    }
}
