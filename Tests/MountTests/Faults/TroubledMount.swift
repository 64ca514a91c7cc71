import Foundation
import Glibc
import OneGateSimulator
import Synchronization
import Testing

/// A mount whose daemon is ended and started again at any time.
final class TroubledMount: Sendable {
    let path: String
    let vm: Int
    private let folder: String
    private let simulator: Simulator
    private let names: NameService?
    private let options: String
    /// Where the log goes.
    private let log: String?
    private let state = Mutex<(daemon: Child?, generation: Int)>((nil, 0))

    init(_ simulator: Simulator, vm: Int, options: [String], names: NameService?, log: String? = nil) throws {
        self.log = log
        self.names = names
        self.simulator = simulator
        self.vm = vm
        folder = try Executables.makeFolder()
        path = folder + "/onegate"
        self.options = (["env_file=\(folder)/one_env"] + options).joined(separator: ",")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try start()
    }

    /// Writes the env file as it is now.
    func renew() {
        var text = simulator.environmentFile(vm: vm)
        if names != nil { text = text.replacingOccurrences(of: "127.0.0.1", with: NameService.host) }
        try? text.write(toFile: folder + "/one_env", atomically: true, encoding: .utf8)
    }

    /// The number of the daemon, which changes before one ends and after the next began: odd while there is one.
    var generation: Int { state.withLock { $0.generation } }
    var daemon: Child? { state.withLock { $0.daemon } }

    func start() throws {
        renew()
        let daemon = try Child(
            (log.map { ["bash", "-c", "exec \"$@\" 2> \($0)", "bash"] } ?? [])
                + [Executables.onegatefs, "-f", "-o", options, "onegate", path], in: folder,
            environment: names?.environment ?? [:], limit: .seconds(172_800))
        // The kernel answers from no cache for a mount whose daemon is dead.
        var status = statvfs()
        eventually("it is mounted") {
            !daemon.isRunning || MountTable.has(path) && statvfs(path, &status) == 0
        }
        guard daemon.isRunning else { throw Child.StartError(description: "\(daemon.finish())") }
        state.withLock { $0 = (daemon, $0.generation + 1) }
    }

    /// Ends the daemon, and says how that was.
    func stop(_ signal: Int32) -> Child.Outcome? {
        let daemon = state.withLock { state in
            state.generation += 1
            defer { state.daemon = nil }
            return state.daemon
        }
        daemon?.signal(signal)
        // Killed while it waits for a lock of the kernel's that a program holds until the daemon answers it, it ends only
        // when both are freed, as an administrator would do it.
        for _ in 0..<1000 where daemon?.isRunning ?? false { usleep(5000) }
        if daemon?.isRunning ?? false { umount2(path, Int32(MNT_FORCE | MNT_DETACH)) }
        return daemon?.finish()
    }

    func end() {
        _ = stop(SIGTERM)
        MountTable.detach(path)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What a daemon has of its system.
    struct Resources: CustomStringConvertible {
        var descriptors = 0
        var threads = 0
        /// Resident, in MB.
        var memory = 0
        var description: String { "\(descriptors) descriptors, \(threads) threads, \(memory) MB" }
    }

    var resources: Resources {
        var resources = Resources()
        guard let id = daemon?.id else { return resources }
        resources.descriptors =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").count) ?? 0
        let status = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
        func number(_ field: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field) }
            return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
        }
        resources.threads = number("Threads:")
        resources.memory = number("VmRSS:") / 1024
        return resources
    }
}
