import FUSE
import Logging
import OneGate

/// A mounted OneGate: the file system, its session and its threads.
public final class Mount: Sendable {
    /// Why there is no mount.
    public enum Failure: Error, CustomStringConvertible {
        case settings(SettingsError)
        case client(String)
        case mount(MountError)
        /// Everybody could do everything.
        case unchecked
        case system(Errno)

        /// One line.
        public var description: String {
            switch self {
            case .settings(let error): error.description
            case .client(let words): words
            case .mount(let error): error.description
            case .unchecked:
                "mount.fuse3 has made this mount so that nobody would check modes; "
                    + "with drop_privileges, allow_other needs default_permissions too"
            case .system(let error): "cannot have a thread or a timer: \(error)"
            }
        }
    }

    private let fileSystem: OneGateFileSystem
    private let session: Session
    private let client: Client

    /// How many threads read requests: one, which never waits for the server.
    ///
    /// The kernel does not wait for the answer to a RELEASE, it only queues it before close(2) returns. Whoever opens the
    /// file then must find it released, or would not see what the last close stores; with several threads the
    /// second request may overtake the first. They gain nothing either: all of them need the mount's state.
    static let threads = 1

    /// Mounts; the kernel's requests are served by `run`.
    ///
    /// - Parameters:
    ///   - mountPoint: a folder.
    ///   - configuration: what the mount was told.
    ///   - settings: what `configuration.settings` gave.
    ///   - logger: gets a line for every failure.
    ///   - onReady: called once, when the mount answers.
    public init(
        at mountPoint: String, _ configuration: MountConfiguration, settings: Settings, logger: Logger,
        onReady: @escaping @Sendable () -> Void
    ) throws(Failure) {
        if MountPoint.isDescriptor(mountPoint), configuration.allowOther, !configuration.defaultPermissions {
            throw .unchecked
        }
        let metrics = Metrics()
        var clientConfiguration = configuration.client
        // A peer whose answers hang must not take the connections that others need.
        clientConfiguration.connections = 64
        if clientConfiguration.insecure {
            logger.warning(
                """
                INSECURE: the server's certificate is not verified. Whoever is between this machine and the server can \
                read the token and everything else. Use ca_file instead of insecure.
                """)
        }
        do {
            client = try Client(
                settings: settings, configuration: clientConfiguration,
                reload: { try configuration.settings.resolve() }, logger: logger,
                observer: { report in
                    metrics.count(report)
                    AnswerTime.current?.note()
                })
        } catch let error as SettingsError {
            throw .settings(error)
        } catch {
            throw .client("\(error)")
        }
        do {
            fileSystem = try OneGateFileSystem(
                client: client, options: configuration.fileSystem, metrics: metrics, logger: logger,
                onReady: onReady)
        } catch {
            throw .system(error)
        }
        var options = MountOptions(
            source: configuration.source, subtype: "onegatefs", allowOther: configuration.allowOther,
            defaultPermissions: true)
        options.additional = configuration.mountOptions.filter { $0 != "nosuid" && $0 != "nodev" }
        do {
            session = try Session(fileSystem: fileSystem, options: options)
            try session.mount(at: mountPoint)
        } catch {
            throw .mount(error)
        }
        // Where the kernel refuses to open for writing, it can be left alone with opening at all.
        let isReadOnly =
            configuration.fileSystem.readOnly
            && session.mountPath.map { MountPoint.makeReadOnly($0) } ?? false
        if isReadOnly { fileSystem.leaveOpensToKernel() }
        do {
            session.whenUnlocked { [fileSystem] in
                fileSystem.invalidator.retry()
                fileSystem.notifier.retry()
            }
            try fileSystem.invalidator.start(session)
            try fileSystem.notifier.start(
                session, mountPoint: session.mountPath ?? mountPoint, isReadOnly: isReadOnly)
            try fileSystem.startWatching()
        } catch {
            throw .system(error)
        }
    }

    /// Serves the mount until it is unmounted. Call it from a thread that may block.
    public func run() -> Errno? {
        let error = session.run(
            threads: Mount.threads, patience: fileSystem.options.patience * 2 + .seconds(5))
        fileSystem.finishChanges()
        fileSystem.stopWatching()
        fileSystem.notifier.stop()
        fileSystem.invalidator.stop()
        return error
    }

    /// Unmounts, also while the mount is in use. What is being changed at the server is waited for; called again, it is not.
    public func exit() { session.exit() }

    /// Reads the settings again and forgets how old everything is. Blocks while files are read.
    public func reload() throws {
        try client.reloadSettings()
        fileSystem.expireAll()
    }
}
