import Foundation
import Glibc
import Testing

@Suite("onegate-simulator", .onOwnThread, .timeLimit(.minutes(5)))
struct SimulatorCommandTests {
    @Test("prints its endpoint, writes an env file per VM, and can be mounted", .needsFUSE)
    func mounted() throws {
        let folder = try Executables.makeFolder()
        let path = folder + "/onegate"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let simulator = try Child(
            [Executables.simulator, "--port", "0", "--env-dir", folder + "/env"], in: folder)
        defer {
            MountTable.detach(path)
            simulator.kill(SIGTERM)
            _ = simulator.wait()
            try? FileManager.default.removeItem(atPath: folder)
        }
        eventually("it prints its endpoint") {
            simulator.outputSoFar.contains("http://127.0.0.1:") || !simulator.isRunning
        }
        eventually("the env files are there") {
            access(folder + "/env/8/one_env", R_OK) == 0 || !simulator.isRunning
        }
        let outcome = try Child(
            script:
                "\"$ONEGATEFS\" -o env_file=env/8/one_env onegate && cat onegate/vm/self/STATE && umount onegate",
            in: folder, environment: ["ONEGATEFS": Executables.onegatefs]
        ).finish()
        #expect(outcome.output == "RUNNING\n", "\(outcome) \(simulator.errorsSoFar)")
    }
}
