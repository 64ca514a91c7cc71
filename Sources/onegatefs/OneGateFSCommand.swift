import ArgumentParser
import Dispatch
import FUSE
import Logging
import OneGateFS
import Synchronization

/// The command: arguments, signals and exit codes.
@main
struct OneGateFSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "onegatefs",
        abstract: "OpenNebula's OneGate as a file system.",
        usage: "onegatefs [OPTION...] [SOURCE] MOUNTPOINT [-o OPT[,OPT...]]",
        discussion: """
            Each option also goes with -o, by its name with _ for -, as in -o ttl=2,allow_other. \
            SOURCE is only shown, by df and findmnt.
            """,
        version: Version.text)

    @OptionGroup var options: MountFlags

    func validate() throws {
        guard options.arguments.count <= 2, options.check || !options.arguments.isEmpty else {
            throw ValidationError("one MOUNTPOINT is needed, with at most one SOURCE before it")
        }
    }

    func run() throws {
        Descriptors.openStandardStreams()
        Privileges.hideMemory()
        Heap.returnLargeBlocks()
        if options.check { return try check() }
        let signals: Set<Signal> = [.hangUp, .interrupt, .terminate, .user1, .user2]
        Signals.block(signals)
        Signals.ignoreBrokenPipes()
        Privileges.keepThoseOfMounting()
        let configuration = try configured()
        let report = try refusing { try Daemon.start(foreground: options.isForeground) }
        let (mountPoint, isForeground) = (options.mountPoint ?? "", options.isForeground)
        let status: @Sendable () -> ExitCode = {
            do {
                try Self.serve(configuration, at: mountPoint, isForeground: isForeground, report, signals)
            } catch {
                if let status = error as? ExitCode { return status }
                report.fail("onegatefs: \(error)")
                return .failure
            }
            return .success
        }
        if !isForeground { Daemon.goOn { status().rawValue } }
        let ended = status()
        if !ended.isSuccess { throw ended }
    }

    /// Mounts and serves until the end.
    private static func serve(
        _ configuration: MountConfiguration, at mountPoint: String, isForeground: Bool,
        _ report: StartupReport,
        _ signals: Set<Signal>
    ) throws {
        try Descriptors.reserve()
        // libdispatch takes descriptors with the first thread that it starts, and ends the process if there is none: so now.
        let started = DispatchSemaphore(value: 0)
        DispatchQueue.global().async { started.signal() }
        started.wait()
        ProcessEnvironment.erase("TOKENTXT")
        let threshold = LogThreshold(configuration.logLevel)
        let logger = Log.logger(threshold, isForeground: isForeground)
        let settings = try configuration.settings.resolve()
        let mount = try Mount(at: mountPoint, configuration, settings: settings, logger: logger) {
            report.ready()
            _ = ServiceNotification.ready.send()
            _ = ServiceNotification.status("VM \(settings.vmID) on \(mountPoint)").send()
            logger.info("mounted on \(mountPoint): VM \(settings.vmID), \(settings.endpoint)")
        }
        try Signals.listen(to: signals) { signal in
            switch signal {
            case .hangUp:
                do {
                    try mount.reload()
                    logger.info("the settings were read again")
                } catch {
                    logger.error("cannot read the settings again: \(error)")
                }
            case .user1, .user2:
                signal == .user1 ? threshold.raise() : threshold.reset()
                logger.log(level: threshold.level, "logging from \(threshold.level) on")
            default:
                _ = ServiceNotification.stopping.send()
                mount.exit()
            }
            return true
        }
        if let error = mount.run() {
            logger.error("the mount ended: \(error)")
            throw ExitCode.failure
        }
        logger.info("unmounted from \(mountPoint)")
    }

    /// Tests what a mount would need. The status says whether it would work.
    private func check() throws {
        let configuration = try configured()
        let checkup = Checkup(configuration, mountPoint: options.mountPoint) { print($0) }
        let isWell = Mutex(false)
        let done = DispatchSemaphore(value: 0)
        Task {
            let result = await checkup.run()
            isWell.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        if !isWell.withLock({ $0 }) { throw ExitCode.failure }
    }

    /// What the arguments mean. What they cannot mean is one line, and the status of wrong arguments.
    private func configured() throws -> MountConfiguration {
        do { return try options.configuration() } catch {
            StartupReport.printLine("onegatefs: \(error)")
            throw ExitCode.validationFailure
        }
    }

    private func refusing<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw ValidationError("\(error)") }
    }
}
