import ArgumentParser
import FUSE
import Logging
import OneGateFS

/// The command: arguments, signals and exit codes.
@main
struct OneGateFSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "onegatefs",
        abstract: "OpenNebula's OneGate as a file system.",
        usage: "onegatefs [OPTION...] [SOURCE] MOUNTPOINT [-o OPT[,OPT...]]",
        discussion: """
            Each option also goes with -o, by its name with _ for -, as in -o ttl=2,allow_other. \
            SOURCE is ignored, so that mount(8) and fstab can name one.
            """,
        version: Version.text)

    @OptionGroup var options: MountFlags

    func validate() throws {
        guard (1...2).contains(options.arguments.count) else {
            throw ValidationError("one MOUNTPOINT is needed, with at most one SOURCE before it")
        }
    }

    func run() throws {
        let signals: Set<Signal> = [.hangUp, .interrupt, .terminate]
        Signals.block(signals)
        Signals.ignoreBrokenPipes()
        let report = try refusing { try Daemon.start(foreground: options.isForeground) }
        do {
            try serve(report, signals)
        } catch let error as ExitCode {
            throw error
        } catch {
            report.fail("onegatefs: \(error)")
            throw ExitCode.failure
        }
    }

    /// Mounts and serves until the end.
    private func serve(_ report: StartupReport, _ signals: Set<Signal>) throws {
        let configuration = try options.configuration()
        let logger = Log.logger(configuration)
        let settings = try configuration.settings.resolve()
        let mount = try Mount(
            at: options.arguments[options.arguments.count - 1], configuration, settings: settings,
            logger: logger
        ) {
            report.ready()
            _ = ServiceNotification.ready.send()
        }
        try Signals.listen(to: signals) { signal in
            guard signal == .hangUp else {
                _ = ServiceNotification.stopping.send()
                mount.exit()
                return false
            }
            do { try mount.reload() } catch { logger.error("cannot read the settings again: \(error)") }
            return true
        }
        if let error = mount.run() {
            logger.error("the mount ended: \(error)")
            throw ExitCode.failure
        }
    }

    private func refusing<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw ValidationError("\(error)") }
    }
}
