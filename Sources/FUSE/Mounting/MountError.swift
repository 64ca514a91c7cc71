/// Why something could not be mounted. Each description is one line: what failed, why, what to do.
public enum MountError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The mount point does not exist.
    case missing(path: String)
    /// The mount point is not a directory.
    case notDirectory(path: String)
    /// The mount point cannot be looked at.
    case inaccessible(path: String, Errno)
    /// Somebody who is not root has to own, or may at least write, what he mounts on.
    case notWritable(path: String)
    /// A dead mount is in the way and cannot be removed.
    case stale(path: String, Errno)
    /// There is no /dev/fuse.
    case noDevice
    /// /dev/fuse cannot be opened.
    case deviceDenied(Errno)
    /// Without root it takes fusermount3, which is not installed.
    case noFusermount
    /// `allow_other` is not allowed to users here.
    case allowOtherDenied
    /// The kernel does not let this process mount, and fusermount3 did not help.
    case notPermitted(path: String)
    /// The mount point is in use.
    case busy(path: String)
    /// libfuse does not understand the options.
    case invalidOptions(String)
    /// The session was mounted before; a session is good for one mount.
    case alreadyMounted
    /// The descriptor of a mount point `/dev/fd/N` is not an open one.
    case badDescriptor(path: String)
    /// Something else.
    case failed(path: String, Errno)

    /// One line for the user.
    public var description: String {
        switch self {
        case .missing(let path):
            "cannot mount on \(path): it does not exist; make it with: mkdir -p \(path)"
        case .notDirectory(let path):
            "cannot mount on \(path): it is not a directory; name an existing directory"
        case .inaccessible(let path, let error):
            "cannot mount on \(path): \(error); check the permissions of the path"
        case .notWritable(let path):
            "cannot mount on \(path): it is not writable for you; mount on a directory of your own, or as root"
        case .stale(let path, let error):
            "cannot mount on \(path): a dead mount is in the way and cannot be removed (\(error)); "
                + "run: fusermount3 -u -z \(path), or as root: umount -l \(path)"
        case .noDevice:
            "cannot mount: there is no /dev/fuse; run: modprobe fuse, or start the container with --device /dev/fuse"
        case .deviceDenied(let error):
            "cannot mount: /dev/fuse cannot be opened (\(error)); "
                + "check its permissions and the container's device rules"
        case .noFusermount:
            "cannot mount: without root it takes fusermount3, which is not installed; "
                + "install the package fuse3, or mount as root"
        case .allowOtherDenied:
            "cannot mount with allow_other: /etc/fuse.conf does not allow it to users; "
                + "add the line user_allow_other there, or mount as root"
        case .notPermitted(let path):
            "cannot mount on \(path): not permitted, not with fusermount3 either; "
                + "mount as root, in a container with CAP_SYS_ADMIN"
        case .busy(let path):
            "cannot mount on \(path): something is mounted there already; unmount it with: umount \(path)"
        case .invalidOptions(let options):
            "cannot mount: libfuse does not accept the options \(options); check their spelling"
        case .alreadyMounted:
            "cannot mount: this session was mounted before; make a new one"
        case .badDescriptor(let path):
            "cannot mount on \(path): it is not an open descriptor; "
                + "let mount.fuse3 start this program, or name a directory"
        case .failed(let path, let error):
            "cannot mount on \(path): \(error); see the messages of libfuse"
        }
    }
}
