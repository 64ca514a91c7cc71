import FUSE
import OneGate

/// Everything that a mount is told, from flags and `-o` lists (contract, section 1).
public struct MountConfiguration: Sendable {
    /// Why options are refused: one line.
    public struct OptionError: Error, Equatable, CustomStringConvertible, Sendable {
        /// The line.
        public let description: String
        init(_ description: String) { self.description = description }
    }

    /// How much is logged.
    public enum LogLevel: String, CaseIterable, Sendable {
        case trace, debug, info, warning, error
    }

    /// What df(1) and findmnt(8) show as the source. mount(8) takes a line of fstab for mounted if it is the line's.
    public var source = "onegate"
    /// Where the settings come from.
    public var settings: SettingsSource
    /// What the file system is told.
    public var fileSystem = FileSystemOptions()
    /// What the client is told.
    public var client = Client.Configuration()
    /// `allow_other`
    public var allowOther = false
    /// `default_permissions`, which our own mounts always have. It matters for one that somebody else made.
    public var defaultPermissions = false
    /// How much is logged.
    public var logLevel = LogLevel.info
    /// Whether to stay in the foreground.
    public var foreground = false
    /// Generic mount options for the kernel.
    public var mountOptions: [String] = []

    /// - Parameters:
    ///   - lists: what followed each `-o`.
    ///   - flags: options that were given as flags, by their `-o` names: they count more.
    ///   - environment: of the process.
    ///   - user: owner and group of what is shown unless options say otherwise.
    public init(
        lists: [String], flags: [(name: String, value: String?)], environment: [String: String],
        user: (owner: UInt32, group: UInt32)
    ) throws(OptionError) {
        settings = SettingsSource(environment: environment)
        fileSystem.owner = user.owner
        fileSystem.group = user.group
        var peerTTL: Duration?
        let given = OptionList(lists).options.map { (name: $0.name, value: $0.value) } + flags
        for (name, value) in given {
            if name == "peer_ttl" {
                peerTTL = try Self.seconds(name, value)
            } else if name == "ttl" {
                fileSystem.freshness.ttl = try Self.seconds(name, value)
                if peerTTL == nil { fileSystem.freshness.peerTTL = fileSystem.freshness.ttl }
            } else if try !set(name, value) {
                try generic(name, value)
            }
        }
        if let peerTTL { fileSystem.freshness.peerTTL = peerTTL }
    }

    private static let switches: Set = [
        "verify", "noverify", "insecure", "ro", "rw", "allow_other", "default_permissions", "foreground",
    ]

    /// Sets an option of ours; false if it is none.
    private mutating func set(_ name: String, _ value: String?) throws(OptionError) -> Bool {
        // Whoever says allow_other=0 means something else than what would be done.
        if value != nil, Self.switches.contains(name) { throw OptionError("\(name) takes no value") }
        switch name {
        case "endpoint": settings.endpoint = try Self.text(name, value)
        case "vmid": settings.vmID = try Self.text(name, value)
        case "token_file": settings.tokenFile = try Self.path(name, value)
        case "env_file": settings.envFile = try Self.path(name, value)
        case "watch": fileSystem.watchInterval = try Self.seconds(name, value)
        case "timeout":
            client.timeout = try Self.seconds(name, value)
            fileSystem.patience = client.timeout
            guard client.timeout > .zero else { throw OptionError("timeout must be more than 0 seconds") }
        case "verify": fileSystem.verify = true
        case "noverify": fileSystem.verify = false
        case "stale": fileSystem.freshness.stale = try Self.seconds(name, value)
        case "ca_file": client.caFile = try Self.path(name, value)
        case "insecure": client.insecure = true
        case "ro": fileSystem.readOnly = true
        case "rw": fileSystem.readOnly = false
        case "uid": fileSystem.owner = try Self.number(name, value)
        case "gid": fileSystem.group = try Self.number(name, value)
        case "umask":
            guard let text = value, let umask = UInt16(text, radix: 8), umask <= 0o777 else {
                throw OptionError("umask takes octal digits up to 777, as in umask=077")
            }
            fileSystem.umask = umask
        case "allow_other": allowOther = true
        case "default_permissions": defaultPermissions = true
        case "setuid", "drop_privileges":
            // It takes them for itself, so this is not what called us; to ignore them would be to go on as root.
            throw OptionError("\(name) is an option of mount.fuse3: use mount -t fuse.onegatefs")
        case "log":
            guard let level = value.flatMap({ LogLevel(rawValue: $0) }) else {
                let levels = LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
                throw OptionError("log takes one of \(levels)")
            }
            logLevel = level
        case "foreground": foreground = true
        default: return false
        }
        return true
    }

    /// Generic options of mount(8) and libfuse: for the kernel, or of no meaning here.
    private mutating func generic(_ name: String, _ value: String?) throws(OptionError) {
        let ignored: Set<String> = [
            "defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail",
            "suid", "dev", "exec", "async", "atime", "diratime", "relatime", "norelatime", "strictatime",
            "lazytime",
            "nolazytime", "allow_root", "auto_unmount", "fsname", "subtype", "comment",
            "loop",
            "nodiratime", "silent", "loud", "iversion", "noiversion", "mand",
            "nomand",
        ]
        if ["nosuid", "nodev", "noexec", "noatime", "sync", "dirsync"].contains(name) {
            mountOptions.append(name)
        } else if !ignored.contains(name), !name.hasPrefix("x-"), !name.hasPrefix("X-"),
            !name.hasPrefix("context")
        {
            let known = value.map { "\(name)=\($0)" } ?? name
            throw OptionError("unknown option: \(known); see onegatefs --help")
        }
    }

    private static func text(_ name: String, _ value: String?) throws(OptionError) -> String {
        guard let value, !value.isEmpty else { throw OptionError("\(name) takes a value: \(name)=...") }
        return value
    }

    /// A path that still means the same when the daemon has left its folder.
    private static func path(_ name: String, _ value: String?) throws(OptionError) -> String {
        let path = try text(name, value)
        return path.hasPrefix("/") ? path : (SystemPath.workingDirectory ?? "") + "/" + path
    }

    private static func number(_ name: String, _ value: String?) throws(OptionError) -> UInt32 {
        // The last one means nobody (chown(2)).
        guard let value, let number = UInt32(value), number < .max else {
            throw OptionError("\(name) takes a number")
        }
        return number
    }

    /// Seconds, with a fraction if need be.
    private static func seconds(_ name: String, _ value: String?) throws(OptionError) -> Duration {
        guard let value, let seconds = Double(value), seconds >= 0, seconds <= 86_400 * 365 else {
            throw OptionError("\(name) takes a number of seconds, such as \(name)=5 or \(name)=0.5")
        }
        return .seconds(seconds)
    }
}
