import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

/// Where the token could leak on the machine itself, and what the daemon may do there.
@Suite("The token and the daemon's rights", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct SecrecyTests {
    private func proc(_ id: pid_t, _ file: String) -> String {
        // NUL ends a variable, and an argument.
        let bytes = FileManager.default.contents(atPath: "/proc/\(id)/\(file)") ?? Data()
        return String(decoding: bytes.map { $0 == 0 ? 0x0A : $0 }, as: UTF8.self)
    }

    @Test(
        "a token from the environment is gone from /proc/PID/environ, and nothing else of the daemon's shows it"
    )
    func environment() throws {
        let simulator = try Simulator(cloud: .panacea())
        let folder = try Executables.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let token = try #require(simulator.cloud.token(vm: 8))
        let path = folder + "/onegate"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let daemon = try Child(
            [Executables.onegatefs, "-f", "-o", "ttl=0,log=trace", path],
            environment: ["ONEGATE_ENDPOINT": simulator.endpoint, "VMID": "8", "TOKENTXT": token])
        defer {
            daemon.kill(SIGTERM)
            #expect(daemon.wait() == 0)
            MountTable.detach(path)
        }
        eventually("it is mounted") { MountTable.has(path) || !daemon.isRunning }
        #expect(try Child.run(["cat", path + "/vm/8/STATE"]).output == "RUNNING\n")
        simulator.inject(.status(500, "you said \(token)"))
        let script = "cat vm/8/STATE; echo x > vm/8/USER_TEMPLATE/X; cat .onegatefs/*"
        let shown = try Child(script: script, in: path).finish()
        #expect(shown.output.contains("you said <token>") && !shown.output.contains(token))
        #expect(daemon.errorsSoFar.contains("you said <token>"))
        for file in ["cmdline", "environ", "status", "maps", "mountinfo", "comm", "stat"] {
            #expect(!proc(daemon.id, file).contains(token), "\(file)")
        }
        if geteuid() == 0 {
            #expect(proc(daemon.id, "environ").contains("ONEGATE_ENDPOINT=\(simulator.endpoint)"))
        }
        #expect(!daemon.errorsSoFar.contains(token) && !daemon.outputSoFar.contains(token))
    }

    @Test("a server that repeats the token is not repeated, not even its beginning where the words are cut")
    func echo() throws {
        let gate = try MountedGate(options: ["ttl=0", "log=trace"])
        defer { gate.end() }
        let token = try #require(gate.cloud.token(vm: 8))
        for words in [
            "x \(token) y", String(repeating: "x", count: 490) + " " + token,
            "<html><title>\(String(repeating: "y", count: 490)) \(token)</title></html>",
        ] {
            gate.simulator.inject(.status(500, words), count: 1)
            #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/8/STATE") }
        }
        let beginning = String(token.prefix(6))
        #expect(try !gate.errors().contains(beginning))
        #expect(!gate.daemon.errorsSoFar.contains(beginning))
    }

    @Test("it leaves no core dump, in which the token would be", .needs("prlimit"))
    func coreDump() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let folder = gate.folder + "/another"
        try FileManager.default.createDirectory(atPath: folder + "/m", withIntermediateDirectories: true)
        // Swift's own report of a crash, where its tool is installed, would take a while.
        let daemon = try Child(
            [
                "prlimit", "--core=unlimited", Executables.onegatefs, "-f", "-o", "env_file=\(gate.envFile)",
                "m",
            ],
            in: folder, environment: ["SWIFT_BACKTRACE": "enable=no"])
        defer { MountTable.detach(folder + "/m") }
        eventually("it is mounted") { MountTable.has(folder + "/m") || !daemon.isRunning }
        #expect(try Child.run(["cat", folder + "/m/vm/8/STATE"]).output == "RUNNING\n")
        daemon.signal(SIGABRT)
        #expect(daemon.finish().status == 128 + SIGABRT)
        MountTable.detach(folder + "/m")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["m"])
    }

    @Test(
        "as root it keeps no capability but those of mounting, and gets none back",
        .enabled(if: geteuid() == 0))
    func capabilities() throws {
        let gate = try MountedGate(options: ["allow_other", "umask=022"])
        defer { gate.end() }
        // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, CAP_SYS_NICE; those of them that the tests have.
        let kept: UInt64 = 1 << 1 | 1 << 2 | 1 << 21 | 1 << 23
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(gate.daemon.id)/task") {
            let status = proc(gate.daemon.id, "task/\(thread)/status")
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                let line = status.split(separator: "\n").first { $0.hasPrefix(set) }
                let value = try #require(line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
                #expect(value & ~kept == 0, "\(thread): \(set) \(String(value, radix: 16))")
            }
            #expect(status.contains("NoNewPrivs:\t1"))
        }
    }

    @Test(
        "other processes of the same user cannot look into it",
        .enabled(if: AnotherUser.canMount, "needs root"))
    func sameUser() throws {
        let simulator = try Simulator(cloud: .panacea())
        let user = try AnotherUser(simulator)
        defer { user.end() }
        let outcome = try user.run(
            """
            "$ONEGATEFS" -f -o env_file=$FOLDER/one_env,log=warning $FOLDER/m & p=$!
            until cat $FOLDER/m/vm/8/STATE 2>/dev/null; do sleep 0.05; done
            for file in environ mem fd/0 maps; do
                head -c 1 /proc/$p/$file >/dev/null 2>&1 && echo "$file can be read"
            done
            kill $p; wait $p
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "RUNNING\n", errors: ""))
    }
}
