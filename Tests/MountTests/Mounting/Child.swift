import Foundation
import Glibc
import Synchronization

/// A process that a test starts. Everything that touches a mount is done in one: if a bug made it hang, only the
/// child would hang, and it is killed after a while.
///
/// It is not `Foundation.Process`, whose children inherit the blocked signals of the thread that starts
/// them, and with them a Ctrl-C that does nothing.
final class Child: Sendable {
    /// How a process ended and what it said.
    struct Outcome: Equatable {
        /// The exit status; 128 and the signal's number if a signal ended it, as shells have it.
        let status: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
        var succeeded: Bool { status == 0 }
    }

    /// Why a process did not start.
    struct StartError: Error, CustomStringConvertible {
        let description: String
    }

    /// Nothing that a test does takes that long, even on a busy machine.
    static let limit: Duration = .seconds(90)

    /// No test opens as many files.
    private static let descriptorLimit: CInt = 1024

    let id: pid_t
    private let output: CInt
    private let errors: CInt
    private let deadline: ContinuousClock.Instant
    private let status = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - arguments: the program, which is searched for in PATH, and its arguments.
    ///   - folder: the working directory.
    ///   - environment: variables besides those of the tests; without the settings of a OneGate.
    ///   - input: what stdin reads.
    ///   - limit: after this time it is killed.
    init(
        _ arguments: [String], in folder: String = "/", environment: [String: String] = [:],
        input: [UInt8] = [],
        limit: Duration = Child.limit
    ) throws {
        deadline = .now + limit
        output = Child.anonymousFile()
        errors = Child.anonymousFile()
        let standardInput = Child.anonymousFile(input)
        defer { close(standardInput) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        // Above all the simulator's sockets, which would stay open in the child when it closes them.
        for descriptor in CInt(3)..<Child.descriptorLimit {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // A group of its own, so that what it starts can be ended with it.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var variables = ProcessInfo.processInfo.environment
        for name in ["ONEGATE_ENDPOINT", "VMID", "TOKENTXT", "NOTIFY_SOCKET"] { variables[name] = nil }
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            variables[name] = nil
        }
        variables["LC_ALL"] = "C.UTF-8"
        variables.merge(environment) { $1 }

        var child: pid_t = 0
        let arguments = ["env", "-C", folder] + arguments
        let error = Child.withStrings(arguments) { arguments in
            Child.withStrings(variables.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawnp(&child, arguments[0]!, &actions, &attributes, arguments, environment)
            }
        }
        id = child
        guard error == 0 else {
            close(output)
            close(errors)
            status.withLock { $0 = 127 }
            throw StartError(description: "\(arguments[0]): \(String(cString: strerror(error)))")
        }
    }

    deinit {
        if isRunning {
            kill(SIGKILL)
            _ = wait()
        }
        close(output)
        close(errors)
    }

    /// Starts a shell script.
    convenience init(
        script: String, shell: [String] = ["bash"], in folder: String, environment: [String: String] = [:]
    ) throws {
        try self.init(shell + ["-c", script], in: folder, environment: environment)
    }

    /// Runs a program to its end.
    static func run(
        _ arguments: [String], in folder: String = "/", environment: [String: String] = [:],
        input: [UInt8] = []
    ) throws -> Outcome {
        try Child(arguments, in: folder, environment: environment, input: input).finish()
    }

    /// Whether a program is there to be run.
    static func exists(_ program: String) -> Bool {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return program.hasPrefix("/")
            ? access(program, X_OK) == 0 : folders.contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    var isRunning: Bool { poll() == nil }

    /// What it has printed so far.
    var outputSoFar: String { String(decoding: Child.content(output), as: UTF8.self) }
    var errorsSoFar: String { String(decoding: Child.content(errors), as: UTF8.self) }

    /// Sends a signal to it and to what it started.
    func kill(_ signal: Int32) { if id > 0 { Glibc.kill(-id, signal) } }

    /// Sends a signal to it alone.
    func signal(_ signal: Int32) { if id > 0 { Glibc.kill(id, signal) } }

    /// Waits for its end, kills it when that does not come, and says how it was.
    func finish() -> Outcome {
        let status = wait()
        return Outcome(status: status, output: outputSoFar, errors: errorsSoFar)
    }

    /// Waits for its end.
    func wait() -> Int32 {
        var pause: UInt32 = 200
        while true {
            if let status = poll() { return status }
            if ContinuousClock.now > deadline { kill(SIGKILL) }
            usleep(pause)
            pause = min(pause * 2, 5000)
        }
    }

    private func poll() -> Int32? {
        status.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            guard waitpid(id, &status, WNOHANG) == id else { return nil }
            let signal = status & 0x7F
            known = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
            return known
        }
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }

    private static func anonymousFile(_ content: [UInt8] = []) -> CInt {
        let path = NSTemporaryDirectory() + "/child-\(UUID().uuidString)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        unlink(path)
        if !content.isEmpty { _ = pwrite(descriptor, content, content.count, 0) }
        return descriptor
    }

    private static func content(_ descriptor: CInt) -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, buffer.count, 0))
        }
    }
}
