import ArgumentParser
import FUSE
import OneGateFS

/// The flags of the command. Each is an option of the contract under its long name.
struct MountFlags: ParsableArguments {
    @Option(help: "The OneGate server [$ONEGATE_ENDPOINT].") var endpoint: String?
    @Option(help: "This VM [$VMID].") var vmid: String?
    @Option(help: "A file that has the token and nothing else [$TOKENTXT].", completion: .file())
    var tokenFile: String?
    @Option(help: "The file of contextualization [/run/one-context/one_env].", completion: .file())
    var envFile: String?
    @Option(help: "How old what is read may be, in seconds [1].") var ttl: String?
    @Option(help: "The same for the service and its other VMs [ttl, or 5].") var peerTtl: String?
    @Option(help: "How often what is watched is compared; 0: never [5].") var watch: String?
    @Option(help: "The longest a request may take [30].") var timeout: String?
    @Flag(help: "Do not read back what was stored.") var noVerify = false
    @Option(help: "In an outage, serve what is at most this old [0].") var stale: String?
    @Option(help: "Trust these CAs for https.", completion: .file()) var caFile: String?
    @Flag(help: "Do not verify the server's certificate.") var insecure = false
    @Flag(help: "Nothing can be changed.") var readOnly = false
    @Option(help: "The owner of what is shown.") var uid: String?
    @Option(help: "The group of what is shown.") var gid: String?
    @Option(help: "Permission bits that nothing has [077].") var umask: String?
    @Flag(help: "Other users may enter.") var allowOther = false
    @Option(
        help: "trace, debug, info, warning or error [info].",
        completion: .list(MountConfiguration.LogLevel.allCases.map(\.rawValue)))
    var log: String?
    @Flag(name: [.customShort("f"), .long], help: "Stay in the foreground.") var foreground = false
    @Flag(help: "Do not mount: test settings, server and FUSE, and explain.") var check = false
    @Option(
        name: .customShort("o"), help: ArgumentHelp("Options, separated by commas.", valueName: "opt"),
        completion: .list(MountFlags.listed))
    var optionLists: [String] = []
    @Argument(
        help: ArgumentHelp("A directory; a SOURCE before it is only shown.", valueName: "mountpoint"),
        completion: .directory)
    var arguments: [String] = []

    /// What shells offer after `-o`.
    private static let listed = [
        "allow_other", "ca_file=", "endpoint=", "env_file=", "foreground", "gid=", "insecure", "log=",
        "noverify",
        "peer_ttl=", "ro", "stale=", "timeout=", "token_file=", "ttl=", "uid=", "umask=", "vmid=", "watch=",
    ]

    /// Where to mount: the last argument, for the source may be before it.
    var mountPoint: String? { arguments.last }

    // What mount(8) passes to its helpers: of no meaning here.
    @Flag(name: .customShort("n"), help: .hidden) var noTable = false
    @Flag(name: .customShort("s"), help: .hidden) var sloppy = false
    @Flag(name: .customShort("v"), help: .hidden) var verbose = false
    @Option(name: .customShort("t"), help: .hidden) var type: String?

    /// Whether to stay in the foreground; known before anything else is read.
    var isForeground: Bool {
        foreground || OptionList(optionLists).options.contains { $0.name == "foreground" }
    }

    /// What they all mean together.
    func configuration() throws -> MountConfiguration {
        var flags: [(name: String, value: String?)] = [
            ("endpoint", endpoint), ("vmid", vmid), ("token_file", tokenFile), ("env_file", envFile),
            ("peer_ttl", peerTtl), ("ttl", ttl), ("watch", watch), ("timeout", timeout), ("stale", stale),
            ("ca_file", caFile), ("uid", uid), ("gid", gid), ("umask", umask), ("log", log),
        ].filter { $0.value != nil }
        if noVerify { flags.append(("noverify", nil)) }
        if insecure { flags.append(("insecure", nil)) }
        if readOnly { flags.append(("ro", nil)) }
        if allowOther { flags.append(("allow_other", nil)) }
        let user = ProcessUser.effective
        var configuration = try MountConfiguration(
            lists: optionLists, flags: flags, environment: ProcessEnvironment.variables,
            user: (owner: user.owner, group: user.group))
        if arguments.count == 2 { configuration.source = arguments[0] }
        return configuration
    }
}
