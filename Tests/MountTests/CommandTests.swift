import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("The command", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct CommandTests {
    /// A folder with a mount point and an env file, and a simulator, but no mount yet.
    private final class Bench: Sendable {
        let simulator: Simulator
        let folder: String
        let path: String
        let envFile: String

        init(vm: Int = 8) throws {
            simulator = try Simulator(cloud: .panacea())
            folder = try Executables.makeFolder()
            path = folder + "/mount point"
            envFile = folder + "/one_env"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            try simulator.environmentFile(vm: vm).write(toFile: envFile, atomically: false, encoding: .utf8)
        }

        /// Runs the command to its end, or until it is in the background.
        func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Child.Outcome {
            try Child.run([Executables.onegatefs] + arguments, in: folder, environment: environment)
        }

        func shell(_ script: String, environment: [String: String] = [:]) throws -> Child.Outcome {
            try Child(
                script: script, in: folder,
                environment: environment.merging(["ONEGATEFS": Executables.onegatefs]) { $1 }
            ).finish()
        }

        func end() {
            MountTable.detach(path)
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    @Test("bad or missing settings are one clear line and a status, and nothing is mounted")
    func badSettings() throws {
        let bench = try Bench()
        defer { bench.end() }
        try "export VMID=\"8\"\n".write(toFile: bench.folder + "/partial", atomically: false, encoding: .utf8)
        try "".write(toFile: bench.folder + "/empty", atomically: false, encoding: .utf8)
        let env = "env_file=\(bench.envFile)"
        for (options, words) in [
            ([], "endpoint"), (["env_file=/none/such"], "/none/such"),
            (["env_file=\(bench.folder)"], bench.folder),
            (["env_file=\(bench.folder)/partial"], "endpoint"),
            (["env_file=\(bench.folder)/empty"], "endpoint"),
            ([env, "ttl=soon"], "ttl"), ([env, "ttl=-1"], "ttl"), ([env, "timeout=0"], "timeout"),
            ([env, "vmid=x"], "VM ID"),
            ([env, "vmid=-8"], "VM ID"), ([env, "endpoint=ftp://x"], "endpoint"),
            ([env, "endpoint=nonsense"], "endpoint"),
            ([env, "token_file=/none/such"], "/none/such"),
            ([env, "token_file=\(bench.folder)/empty"], "empty"),
            ([env, "nonsense"], "nonsense"), ([env, "uid=root"], "uid"), ([env, "umask=9"], "umask"),
            ([env, "log=loud"], "log"),
            ([env, "ca_file=/none/such"], "/none/such"), ([env, "peer_ttl"], "peer_ttl"),
            ([env, "allow_other=0"], "allow_other"), ([env, "insecure=no"], "insecure"),
            ([env, "ro=0"], "ro"),
            ([env, "uid=4294967295"], "uid"),
        ] as [([String], String)] {
            for foreground in [[], ["-f"]] {
                let outcome = try Child.run(
                    [Executables.onegatefs] + (options.isEmpty ? [] : ["-o", options.joined(separator: ",")])
                        + foreground + [bench.path])
                // Wrong arguments, which systemd need not try again.
                let isWrong = [
                    "ttl", "timeout", "nonsense", "uid", "umask", "log", "peer_ttl", "allow_other",
                    "insecure", "ro",
                ]
                .contains(words)
                #expect(outcome.status == (isWrong && options != [] ? 64 : 1), "\(options): \(outcome)")
                #expect(outcome.errors.split(separator: "\n").count == 1, "\(options): \(outcome)")
                #expect(outcome.errors.contains(words), "\(options): \(outcome)")
                #expect(!MountTable.has(bench.path.replacing(" ", with: "\\040")))
            }
        }
    }

    @Test("a mount point that cannot be one is one clear line and a status")
    func badMountPoint() throws {
        let bench = try Bench()
        defer { bench.end() }
        for path in ["\(bench.folder)/none", bench.envFile, "/proc/self/status"] {
            for foreground in [[], ["-f"]] {
                let outcome = try Child.run(
                    [Executables.onegatefs, "-o", "env_file=\(bench.envFile)"] + foreground + [path])
                #expect(outcome.status != 0 && outcome.status < 128, "\(outcome)")
                #expect(
                    outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains(path),
                    "\(outcome)")
            }
        }
        #expect(try bench.run().status != 0)
        #expect(try bench.run("a", "b", "c").status != 0)
        #expect(try bench.run("--help").status == 0)
        #expect(try bench.run("--version").output.contains("."))
    }

    @Test("it goes to the background once the mount answers, and umount ends it")
    func background() throws {
        let bench = try Bench()
        defer { bench.end() }
        let outcome = try bench.shell(
            """
            "$ONEGATEFS" -o env_file=one_env onegate "mount point" && cat "mount point/vm/self/STATE" && umount "mount point" &&
            ls -A "mount point" && rmdir "mount point"
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "RUNNING\n", errors: ""))
    }

    @Test("who reads what it prints to the end waits for no more than the start")
    func backgroundInPipe() throws {
        let bench = try Bench()
        defer { bench.end() }
        let outcome = try bench.shell(
            """
            for run in 1 2 3 4 5
            do
                "$ONEGATEFS" -o env_file=one_env onegate "mount point" 2>&1 | timeout 10 cat && umount "mount point" || exit
            done
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
    }

    @Test("fusermount3 -u ends it", .needs("fusermount3"))
    func fusermount() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        let outcome = try Child.run(["fusermount3", "-u", gate.path])
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.daemon.finish().status == 0)
    }

    @Test("umount works at any time with no file open, also after reading, writing and watching")
    func unmount() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.1"])
        defer { gate.end() }
        _ = try gate.shell("ls -lR; cat vm/*/*; echo x > vm/9/USER_TEMPLATE/X; rm vm/9/USER_TEMPLATE/X")
        let outcome = try Child.run(["umount", gate.path])
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.daemon.finish().status == 0)
    }

    @Test(
        "SIGINT and SIGTERM unmount and exit with 0, even while files are open", arguments: [SIGINT, SIGTERM])
    func signals(signal: Int32) throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let file = try SystemError.check("open", open(gate.path + "/vm/8/STATE", O_RDONLY))
        defer { close(file) }
        gate.daemon.signal(signal)
        #expect(gate.daemon.finish().status == 0)
        #expect(!MountTable.has(gate.path))
    }

    @Test(
        "standard streams that are closed are no hindrance",
        arguments: ["1>&- 2>&-", "<&- >&-", "<&- >&- 2>&-"])
    func closedStreams(redirection: String) throws {
        let bench = try Bench()
        defer { bench.end() }
        let outcome = try bench.shell(
            """
            timeout 20 "$ONEGATEFS" -o env_file=one_env onegate "mount point" \(redirection); echo $?
            cat "mount point/vm/self/STATE" && umount "mount point"
            """)
        #expect(outcome.output == "0\nRUNNING\n", "\(outcome)")
    }

    @Test("with too few open files allowed it says so", .needs("prlimit"))
    func fewDescriptors() throws {
        let bench = try Bench()
        defer { bench.end() }
        let outcome = try bench.shell(
            "prlimit --nofile=20:20 \"$ONEGATEFS\" -o env_file=one_env onegate \"mount point\"; echo $?")
        #expect(outcome.output == "1\n" && outcome.errors.contains("at most 20 open files"), "\(outcome)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test("settings of another VM are not taken: what is shown as this one's would be another's")
    func otherVM() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        try gate.simulator.environmentFile(vm: 9).write(
            toFile: gate.envFile, atomically: true, encoding: .utf8)
        gate.daemon.signal(SIGHUP)
        eventually("it is logged") { gate.daemon.errorsSoFar.contains("are of VM 9 now, not of VM 8") }
        #expect(try gate.text("vm/8/ID") == "8\n")
        try gate.write("here", to: "vm/8/USER_TEMPLATE/WHERE")
        #expect(gate.cloud.attribute(vm: 8, name: "WHERE") == "here")
        gate.cloud.setToken(vm: 8, "another-token")
        #expect(throws: SystemError(what: "", number: EACCES)) { try gate.text("vm/8/ID") }
        #expect(gate.cloud.attribute(vm: 9, name: "WHERE") == nil)
    }

    @Test("SIGHUP reads the env file again and drops the caches")
    func reload() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        #expect(try gate.text("vm/8/USER_TEMPLATE/HYPERVISOR") == "kvm\n")
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "another")
        #expect(try gate.text("vm/8/USER_TEMPLATE/HYPERVISOR") == "kvm\n")
        gate.cloud.setToken(vm: 8, "another-token")
        try gate.simulator.environmentFile(vm: 8).write(
            toFile: gate.envFile, atomically: true, encoding: .utf8)
        gate.daemon.signal(SIGHUP)
        try eventually("the new value is read") {
            try gate.text("vm/8/USER_TEMPLATE/HYPERVISOR") == "another\n"
        }
        // With the new token at once: nothing was refused.
        #expect(!gate.simulator.requests.contains { $0.status == 401 })
        // A broken file is told, and changes nothing.
        try "nonsense".write(toFile: gate.envFile, atomically: true, encoding: .utf8)
        gate.daemon.signal(SIGHUP)
        eventually("it is logged") { gate.daemon.errorsSoFar.contains("cannot read the settings again") }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
    }

    @Test(
        "when the server answers 401, the env file is read again once, and the request repeated with a new token"
    )
    func newToken() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        gate.cloud.setToken(vm: 8, "another-token")
        #expect(throws: SystemError(what: "", number: EACCES)) { try gate.text("vm/8/STATE") }
        try gate.simulator.environmentFile(vm: 8).write(
            toFile: gate.envFile, atomically: true, encoding: .utf8)
        let requests = try gate.requests { try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR") }
        #expect(gate.cloud.attribute(vm: 8, name: "HYPERVISOR") == "x")
        #expect(requests.filter { $0.status == 401 }.count <= 1)
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
    }

    @Test("mounting needs no server")
    func noServer() throws {
        let bench = try Bench()
        defer { bench.end() }
        bench.simulator.stop()
        let outcome = try bench.shell(
            "\"$ONEGATEFS\" -o env_file=one_env 'mount point' && cat 'mount point/.onegatefs/status'; cat 'mount point/vm/self/STATE'"
        )
        #expect(outcome.output.contains("vm: 8"), "\(outcome)")
        #expect(outcome.errors.contains("No route to host"))
        try bench.simulator.restart()
        #expect(
            try bench.shell("cat 'mount point/vm/self/STATE'; umount 'mount point'").output == "RUNNING\n")
    }

    @Test("a mount point left behind by a killed daemon is cleaned at the next start")
    func leftBehind() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        gate.daemon.kill(SIGKILL)
        #expect(gate.daemon.finish().status == 128 + SIGKILL)
        #expect(throws: SystemError(what: "", number: ENOTCONN)) { try gate.text("vm/8/STATE") }
        let outcome = try Child.run([Executables.onegatefs, "-o", "env_file=\(gate.envFile)", gate.path])
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        #expect(try Child.run(["umount", gate.path]).succeeded)
        #expect(!MountTable.has(gate.path))
    }

    @Test("settings come from flags, then -o, then the environment, then the env file")
    func precedence() throws {
        let bench = try Bench(vm: 8)
        defer { bench.end() }
        func mounted(_ arguments: [String], _ environment: [String: String]) throws -> String {
            let start = try Child.run(
                [Executables.onegatefs] + arguments + [bench.path], in: bench.folder, environment: environment
            )
            #expect(start == Child.Outcome(status: 0, output: "", errors: ""))
            return try bench.shell("readlink 'mount point/vm/self'; umount 'mount point'").output
        }
        let env = ["-o", "env_file=one_env"]
        #expect(try mounted(env, [:]) == "8\n")
        #expect(try mounted(env, ["VMID": "9"]) == "9\n")
        #expect(try mounted(["-o", "env_file=one_env,vmid=10"], ["VMID": "9"]) == "10\n")
        #expect(try mounted(["--vmid", "12", "-o", "env_file=one_env,vmid=10"], ["VMID": "9"]) == "12\n")
        let token = try #require(bench.simulator.cloud.token(vm: 9))
        #expect(
            try mounted([], ["VMID": "9", "TOKENTXT": token, "ONEGATE_ENDPOINT": bench.simulator.endpoint])
                == "9\n")
        try token.write(toFile: bench.folder + "/token", atomically: false, encoding: .utf8)
        #expect(
            try mounted(
                [
                    "--endpoint", bench.simulator.endpoint, "--vmid", "9", "--token-file", "token",
                    "--env-file", "one_env",
                ], [:])
                == "9\n")
    }

    @Test("mount(8) and fstab can mount it, with its generic options", .needs("mount"))
    func mountCommand() throws {
        let bench = try Bench()
        defer { bench.end() }
        // As a helper, mount(8) calls it so.
        let options =
            "rw,noauto,nofail,_netdev,x-systemd.automount,nosuid,nodev,noexec,env_file=\(bench.envFile)"
        var outcome = try bench.shell(
            "\"$ONEGATEFS\" onegate 'mount point' -o \(options) && cat 'mount point/vm/self/STATE' && umount 'mount point'"
        )
        #expect(outcome == Child.Outcome(status: 0, output: "RUNNING\n", errors: ""))
        guard access("/sbin/mount.fuse", X_OK) == 0 || access("/usr/sbin/mount.fuse", X_OK) == 0 else {
            return
        }
        outcome = try bench.shell(
            """
            mkdir plain && mount -t fuse "$ONEGATEFS#onegate" plain -o allow_other,env_file=\(bench.envFile) &&
            cat plain/vm/self/STATE && findmnt -no FSTYPE,SOURCE "$PWD/plain" && umount plain
            """)
        #expect(
            outcome.output.split(whereSeparator: \.isWhitespace) == ["RUNNING", "fuse.onegatefs", "onegate"],
            "\(outcome)")
        MountTable.detach(bench.folder + "/plain")
    }

    @Test("under systemd it says when it is ready, and when it stops")
    func serviceNotification() throws {
        let bench = try Bench()
        defer { bench.end() }
        let listener = try Child(
            [
                "python3", "-u", "-c",
                """
                import socket, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.bind('notify')
                print('bound', flush=True)
                while True:
                    message = s.recv(4096).decode()
                    print(message, flush=True)
                    if 'STOPPING=1' in message: break
                """,
            ], in: bench.folder)
        eventually("it listens") { listener.outputSoFar.hasPrefix("bound") }
        let daemon = try Child(
            [Executables.onegatefs, "-f", "-o", "env_file=one_env", "mount point"], in: bench.folder,
            environment: ["NOTIFY_SOCKET": bench.folder + "/notify"])
        eventually("it is ready") { listener.outputSoFar.contains("READY=1") }
        #expect(try bench.shell("cat 'mount point/vm/self/STATE'").output == "RUNNING\n")
        daemon.signal(SIGTERM)
        #expect(daemon.finish().status == 0)
        #expect(listener.finish().output.contains("STOPPING=1"))
    }

    @Test("what is served says what it is: status, metrics, errors, events")
    func about() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.names(".onegatefs") == ["errors", "events", "metrics", "status"])
        _ = try gate.shell("cat vm/9/STATE; echo 4 > vm/9/USER_TEMPLATE/SERVICE_ID")
        let status = try gate.text(".onegatefs/status")
        #expect(status.contains("endpoint: \(gate.simulator.endpoint)") && status.contains("version: "))
        let line = try #require(try gate.errors().split(separator: "\n").last)
        for part in [
            "/vm/9/USER_TEMPLATE/SERVICE_ID", "EPERM", "403", "Attribute (SERVICE_ID) cannot be modified",
        ] {
            #expect(line.contains(part), "\(line)")
        }
        #expect(gate.daemon.errorsSoFar.contains("Attribute (SERVICE_ID) cannot be modified"))
        try eventually("requests are counted") {
            let metrics = try gate.text(".onegatefs/metrics")
            return metrics.contains("onegatefs_requests_total{") && metrics.contains("errno=\"EPERM\"")
        }
        let outcome = try gate.shell(
            "for F in .onegatefs/*; do [ $(stat -c %s $F) = $(cat $F | wc -c) ] || echo $F; done")
        #expect(outcome.output == "")
    }
}
