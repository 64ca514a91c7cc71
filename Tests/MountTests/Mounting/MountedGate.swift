import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Synchronization
import Testing

/// The `onegatefs` command on a simulated OneGate, mounted for one test.
final class MountedGate: Sendable {
    let simulator: Simulator
    /// A folder of the test's own; the mount point is in it.
    let folder: String
    /// The mount point.
    let path: String
    /// The env file that the mount reads.
    let envFile: String
    /// The command, in the foreground.
    let daemon: Child
    private let watchdog: Watchdog

    var cloud: Cloud { simulator.cloud }

    // MARK: Mounting

    /// Mounts for one test. Call `end` whatever happens.
    ///
    /// - Parameters:
    ///   - cloud: what is served.
    ///   - vm: the VM in which it is mounted.
    ///   - options: what follows `-o`.
    ///   - environment: variables for the command.
    ///   - limit: after this time it is taken for hanging, and unmounted.
    convenience init(
        _ cloud: Cloud = .panacea(), vm: Int = 8, options: [String] = [], dialect: Dialect = .current,
        environment: [String: String] = [:], limit: Duration = Child.limit
    ) throws {
        try self.init(
            Simulator(cloud: cloud, dialect: dialect), vm: vm, options: options, environment: environment,
            limit: limit)
    }

    /// Mounts another time on a simulator that there is.
    init(
        _ simulator: Simulator, vm: Int = 8, options: [String] = [], environment: [String: String] = [:],
        limit: Duration = Child.limit
    ) throws {
        self.simulator = simulator
        folder = try Executables.makeFolder()
        path = folder + "/onegate"
        envFile = folder + "/one_env"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try simulator.environmentFile(vm: vm).write(toFile: envFile, atomically: false, encoding: .utf8)
        let list = (["env_file=\(envFile)"] + options).joined(separator: ",")
        daemon = try Child(
            [Executables.onegatefs, "-f", "-o", list, "onegate", path], in: folder,
            environment: environment, limit: limit)
        watchdog = Watchdog(path, daemon, limit)
        eventually("it is mounted") { MountTable.has(path) || !daemon.isRunning }
        guard MountTable.has(path) else {
            let outcome = daemon.finish()
            watchdog.end()
            throw Child.StartError(description: "no mount: \(outcome)")
        }
    }

    /// Ends the daemon as an administrator would, if the test did not, and removes every trace.
    func end(_ sourceLocation: SourceLocation = #_sourceLocation) {
        watchdog.end()
        let wasRunning = daemon.isRunning
        daemon.signal(SIGTERM)
        eventually("the daemon ends when it is told to", sourceLocation: sourceLocation) { !daemon.isRunning }
        daemon.kill(SIGKILL)
        let outcome = daemon.finish()
        // A test may have ended it, in whatever way but a crash.
        #expect(
            outcome.status == 0 || !wasRunning && outcome.status == 128 + SIGKILL,
            "the daemon ended well: \(outcome.status) \(outcome.errors.suffix(4000))",
            sourceLocation: sourceLocation)
        MountTable.detach(path)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Unmounts when a test hangs, so that whatever it waits for fails.
    private final class Watchdog: Sendable {
        private let hasEnded = Mutex(false)

        init(_ path: String, _ daemon: Child, _ limit: Duration) {
            let deadline = ContinuousClock.now + limit
            let thread = Thread { [self] in
                while !hasEnded.withLock({ $0 }) {
                    if ContinuousClock.now > deadline {
                        daemon.kill(SIGKILL)
                        return MountTable.detach(path)
                    }
                    usleep(50_000)
                }
            }
            thread.start()
        }

        func end() { hasEnded.withLock { $0 = true } }
    }

    // MARK: Using

    /// Runs a shell script in the mount point.
    @discardableResult
    func shell(
        _ script: String, with shell: [String] = ["bash"], environment: [String: String] = [:]
    ) throws -> Child.Outcome {
        try start(script, with: shell, environment: environment).finish()
    }

    /// Starts a shell script in the mount point.
    func start(
        _ script: String, with shell: [String] = ["bash"], environment: [String: String] = [:]
    ) throws -> Child {
        try Child(
            script: script, shell: shell, in: path,
            environment: environment.merging(["FOLDER": folder]) { $1 })
    }

    /// Runs a program of Python in the mount point.
    func python(_ program: String, _ arguments: String...) throws -> Child.Outcome {
        try Child.run(["python3", "-c", program] + arguments, in: path)
    }

    /// Reads a file whole, as `cat` does.
    func bytes(_ file: String) throws -> [UInt8] {
        let descriptor = try SystemError.check("open \(file)", open(path + "/" + file, O_RDONLY | O_CLOEXEC))
        defer { close(descriptor) }
        return try Descriptor.readAll(descriptor)
    }

    /// Reads a file whole as text.
    func text(_ file: String) throws -> String { String(decoding: try bytes(file), as: UTF8.self) }

    /// Writes a file as `printf %s TEXT > F` does: truncates it, writes once, closes.
    func write(_ text: String, to file: String, flags: Int32 = O_WRONLY | O_CREAT | O_TRUNC) throws {
        try write(Array(text.utf8), to: file, flags: flags)
    }

    /// Writes a file with as many writes as are needed.
    func write(
        _ bytes: [UInt8], to file: String, flags: Int32 = O_WRONLY | O_CREAT | O_TRUNC
    ) throws {
        let descriptor = try SystemError.check(
            "open \(file)", open(path + "/" + file, flags | O_CLOEXEC, 0o644))
        do {
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest)
                let count = try SystemError.check(
                    "write \(file)", Glibc.write(descriptor, piece, piece.count))
                rest = rest.dropFirst(count)
            }
        } catch {
            close(descriptor)
            throw error
        }
        try SystemError.check("close \(file)", close(descriptor))
    }

    /// What stat(2) says.
    func status(_ file: String) throws -> stat {
        var status = stat()
        try SystemError.check("stat \(file)", lstat(path + "/" + file, &status))
        return status
    }

    func exists(_ file: String) -> Bool { (try? status(file)) != nil }

    /// The names in a folder, sorted.
    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
    }

    /// What `.onegatefs/errors` says now.
    func errors() throws -> String { try text(".onegatefs/errors") }

    // MARK: Requests

    /// The requests that something makes.
    func requests(_ body: () throws -> Void) rethrows -> [RequestRecord] {
        let before = simulator.requestCount
        try body()
        return simulator.requests.filter { $0.number > before }
    }
}

extension [RequestRecord] {
    /// Those that change something.
    var changes: [RequestRecord] { filter { $0.method != "GET" } }
    /// `METHOD PATH` of each.
    var lines: [String] { map { "\($0.method) \($0.path)" } }
}

/// The commands that were built with the tests, and folders for them.
enum Executables {
    /// The folder of the running test bundle.
    static let folder: String = {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: program).deletingLastPathComponent().path
    }()
    /// ONEGATEFS_PROGRAM names another one, such as a release build.
    static let onegatefs = ProcessInfo.processInfo.environment["ONEGATEFS_PROGRAM"] ?? folder + "/onegatefs"
    static let simulator = folder + "/onegate-simulator"

    /// A new folder, without symbolic links in its path.
    static func makeFolder() throws -> String {
        let name = "onegatefs-\(UUID().uuidString)"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        return folder.resolvingSymlinksInPath().path
    }

    /// Tried once for the whole run: a container may have the device and not the right to mount.
    static let canMount: Bool = {
        guard access("/dev/fuse", R_OK | W_OK) == 0 else { return false }
        guard let gate = try? MountedGate() else { return false }
        gate.end()
        return true
    }()
}

/// What the kernel says about mounts.
enum MountTable {
    /// Whether something is mounted at a path.
    static func has(_ path: String) -> Bool {
        guard let table = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else {
            return false
        }
        return table.contains(" \(path) ")
    }

    /// Takes a mount away, even a busy one or one whose daemon is dead.
    static func detach(_ path: String) { umount2(path, Int32(MNT_DETACH)) }
}

/// Waits for a condition, for as long as a busy machine may need.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) rethrows {
    for _ in 0..<6000 {
        if try condition() { return }
        usleep(5000)
    }
    Issue.record("did not happen: \(what)", sourceLocation: sourceLocation)
}

/// Tells that one of a test's cases is left out.
func skip(_ why: Comment) { withKnownIssue(why) { Issue.record(why) } }

extension Trait where Self == ConditionTrait {
    /// Only where a FUSE file system can be mounted.
    static var needsFUSE: Self {
        .enabled(if: Executables.canMount, "needs /dev/fuse and the right to mount")
    }

    /// Only where some programs are installed.
    static func needs(_ programs: String...) -> Self {
        .enabled(if: programs.allSatisfy(Child.exists), "needs \(programs.joined(separator: ", "))")
    }
}
