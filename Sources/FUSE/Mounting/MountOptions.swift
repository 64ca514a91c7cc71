/// How to mount: see mount.fuse3(8).
public struct MountOptions: Hashable, Sendable {
    /// `fsname`: what df(1) and /proc/mounts show as the source.
    public var source: String
    /// `subtype`: the type becomes `fuse.SUBTYPE`.
    public var subtype: String?
    /// `allow_other`: users other than the mounting one may enter.
    public var allowOther: Bool
    /// `default_permissions`: the kernel checks the modes.
    public var defaultPermissions: Bool
    /// `ro`
    public var readOnly: Bool
    /// `nosuid`, which is libfuse's default
    public var noSetID: Bool
    /// `nodev`, which is libfuse's default
    public var noDevices: Bool
    /// `noexec`
    public var noExecute: Bool
    /// `noatime`
    public var noAccessTime: Bool
    /// `max_read`: the most bytes in one read request; nil: the kernel's limit.
    public var maxRead: UInt32?
    /// Other options of libfuse or the kernel, such as `dirsync` or `debug`, each as it follows `-o`.
    public var additional: [String]

    /// Options; those that are not given are off.
    public init(
        source: String, subtype: String? = nil, allowOther: Bool = false, defaultPermissions: Bool = false,
        readOnly: Bool = false, noSetID: Bool = true, noDevices: Bool = true, noExecute: Bool = false,
        noAccessTime: Bool = false, maxRead: UInt32? = nil, additional: [String] = []
    ) {
        self.source = source
        self.subtype = subtype
        self.allowOther = allowOther
        self.defaultPermissions = defaultPermissions
        self.readOnly = readOnly
        self.noSetID = noSetID
        self.noDevices = noDevices
        self.noExecute = noExecute
        self.noAccessTime = noAccessTime
        self.maxRead = maxRead
        self.additional = additional
    }

    /// The arguments of a program that uses libfuse, without the program's name.
    var arguments: [String] {
        var options = ["fsname=\(Self.escape(source))"]
        if let subtype { options.append("subtype=\(Self.escape(subtype))") }
        if allowOther { options.append("allow_other") }
        if defaultPermissions { options.append("default_permissions") }
        options.append(readOnly ? "ro" : "rw")
        options.append(noSetID ? "nosuid" : "suid")
        options.append(noDevices ? "nodev" : "dev")
        if noExecute { options.append("noexec") }
        if noAccessTime { options.append("noatime") }
        if let maxRead { options.append("max_read=\(maxRead)") }
        return (options + additional).map { "-o\($0)" }
    }

    /// A comma ends an option, unless there is a backslash before it.
    private static func escape(_ value: String) -> String {
        var result = ""
        for character in value {
            if character == "," || character == "\\" { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
