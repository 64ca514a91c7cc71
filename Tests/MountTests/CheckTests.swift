import Foundation
import Glibc
import OneGateSimulator
import Testing

@Suite("What it says before it mounts", .onOwnThread, .timeLimit(.minutes(5)))
struct CheckTests {
    /// A simulator, and a folder with an env file of VM 8 and a mount point.
    private final class Bench: Sendable {
        let simulator: Simulator
        let folder: String
        let token: String

        init() throws {
            simulator = try Simulator(cloud: .panacea())
            folder = try Executables.makeFolder()
            token = try #require(simulator.cloud.token(vm: 8))
            try FileManager.default.createDirectory(
                atPath: folder + "/mount", withIntermediateDirectories: false)
            try simulator.environmentFile(vm: 8).write(
                toFile: folder + "/one_env", atomically: false, encoding: .utf8)
        }

        /// Runs the command, which never shows the token.
        func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Child.Outcome {
            let outcome = try Child.run(
                [Executables.onegatefs] + arguments, in: folder, environment: environment)
            #expect(!outcome.output.contains(token) && !outcome.errors.contains(token))
            return outcome
        }

        func end() {
            MountTable.detach(folder + "/mount")
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    @Test("--check finds that all is well", .needsFUSE)
    func allIsWell() throws {
        let bench = try Bench()
        defer { bench.end() }
        let outcome = try bench.run("--check", "--env-file", "one_env", "mount")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
        let subjects = outcome.lines.map { $0.dropFirst(5).prefix(13).trimmingCharacters(in: .whitespaces) }
        #expect(
            subjects == ["settings", "server", "token", "service", "/dev/fuse", "rights", "mount point"])
        #expect(outcome.lines.allSatisfy { $0.hasPrefix("ok") }, "\(outcome)")
        for part in [
            "VM 8", bench.simulator.endpoint, " ms", "master_0_(service_3), RUNNING", "3 VMs",
            "mount is free",
        ] {
            #expect(outcome.output.contains(part), "\(part): \(outcome)")
        }
    }

    @Test("--check says what is wrong and what to do")
    func problems() throws {
        let bench = try Bench()
        defer { bench.end() }
        func check(
            _ subject: String, _ words: [String], _ arguments: [String], _ environment: [String: String] = [:]
        ) throws {
            let outcome = try Child.run(
                [Executables.onegatefs, "--check"] + arguments, in: bench.folder, environment: environment)
            #expect(outcome.status == 1, "\(outcome)")
            let line = try #require(outcome.lines.first { $0.hasPrefix("FAIL") }, "\(outcome)")
            #expect(line.dropFirst(5).hasPrefix(subject), "\(outcome)")
            for part in words { #expect(line.contains(part), "\(outcome)") }
            #expect(!outcome.output.contains(bench.token))
        }
        let env = ["--env-file", "one_env"]
        try check("settings", ["/none/such"], ["--env-file", "/none/such"])
        try check("token", ["401", "VMID and TOKENTXT"], env, ["VMID": "9"])
        try check("settings", ["http"], env + ["--endpoint", "ftp://x"])
        let endpoint = bench.simulator.endpoint.replacing("http:", with: "https:")
        try check("https", ["TLS"], env + ["--endpoint", endpoint])
        try check("mount point", ["does not exist", "mkdir -p none"], env + ["none"])
        try check("mount point", ["not a directory"], env + ["one_env"])
        _ = bench.simulator.inject(.status(404, "Service 3 not found"), path: "/service")
        try check("service", ["OneFlow"], env)
        bench.simulator.stop()
        try check("server", ["nobody answers", "connection refused", "opennebula-gate"], env)
        // Options that make no sense are refused at once.
        let outcome = try bench.run("--check", "--env-file", "one_env", "--ttl", "soon")
        #expect(
            outcome.status == 64 && outcome.errors.hasPrefix("onegatefs: ttl takes a number of seconds"),
            "\(outcome)")
    }

    @Test("a VM in no service is no failure", .needsFUSE)
    func noService() throws {
        let bench = try Bench()
        defer { bench.end() }
        _ = bench.simulator.cloud.eraseAttribute(vm: 8, name: "SERVICE_ID")
        let outcome = try bench.run("--check", "--env-file", "one_env")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("note service"), "\(outcome)")
    }

    @Test("without a token it says how to enable it in the VM's template")
    func noToken() throws {
        let bench = try Bench()
        defer { bench.end() }
        guard access("/run/one-context/one_env", F_OK) != 0 else { return }
        let outcome = try bench.run("mount")
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.errors.contains(#"add TOKEN="YES" to CONTEXT in the VM's template"#), "\(outcome)")
    }

    @Test("a mount point that is in use is refused", .needsFUSE)
    func inUse() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let outcome = try Child.run([Executables.onegatefs, "--env-file", gate.envFile, gate.path])
        #expect(outcome.status == 1, "\(outcome)")
        #expect(
            outcome.errors.contains("mounted there already; unmount it with: umount \(gate.path)"),
            "\(outcome)")
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        let check = try Child.run([Executables.onegatefs, "--check", "--env-file", gate.envFile, gate.path])
        #expect(check.status == 0 && check.output.contains("is mounted already"), "\(check)")
    }

    @Test("without /dev/fuse, or the right to use it, it says what to do", .needs("unshare", "setpriv"))
    func noFUSE() throws {
        guard geteuid() == 0 else { return }
        let bench = try Bench()
        defer { bench.end() }
        func run(_ prefix: String) throws -> String {
            let outcome = try Child.run(
                [
                    "unshare", "--mount", "sh", "-c", "\(prefix) \"$0\" --env-file one_env mount",
                    Executables.onegatefs,
                ],
                in: bench.folder)
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
            return outcome.errors
        }
        // A /dev without it. What the shell needs is there before.
        #expect(
            try run("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 &&").contains(
                "there is no /dev/fuse; run: modprobe fuse"))
        guard Executables.canMount else { return }
        // With the mode that udev gives it.
        let device =
            "mknod -m 666 fuse c 10 229 && mount --bind fuse /dev/fuse && chmod 755 . && chmod 444 one_env"
        #expect(
            try run("\(device) && setpriv --reuid 65534 --clear-groups env PATH=/none")
                .contains("install the package fuse3"))
        #expect(
            try run("setpriv --bounding-set -sys_admin --inh-caps -all")
                .contains("mount as root, in a container with CAP_SYS_ADMIN"))
    }

    @Test("--help fits a screen")
    func help() throws {
        let outcome = try Child.run([Executables.onegatefs, "--help"], environment: ["COLUMNS": "80"])
        let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 50 && lines.allSatisfy { $0.count <= 80 }, "\(outcome)")
    }

    @Test("completions are what each shell understands", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let outcome = try Child.run([Executables.onegatefs, "--generate-completion-script", shell])
        #expect(outcome.status == 0 && outcome.output.contains("peer_ttl="), "\(outcome)")
        guard Child.exists(shell) else { return }
        let check = try Child.run([shell, "-n"], input: Array(outcome.output.utf8))
        #expect(check == Child.Outcome(status: 0, output: "", errors: ""), "\(check)")
    }
}
