import Foundation
import Glibc
import OneGateSimulator
import Testing

@Suite("What it tells about itself", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct LogTests {
    @Test("the log is one line an event, and silent while all is well")
    func lines() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        _ = try gate.shell("ls -lR; cat vm/*/*; echo YES > vm/8/USER_TEMPLATE/ACTIVE")
        eventually("it says that it is mounted") { gate.daemon.errorsSoFar.hasSuffix("\n") }
        var lines = gate.daemon.errorsSoFar.split(separator: "\n")
        #expect(lines.count == 1, "\(lines)")
        #expect(
            try #require(lines.first).firstMatch(
                of: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: mounted on \/.*: VM 8, http:/) != nil,
            "\(lines)")
        _ = try gate.shell("echo 4 > vm/8/USER_TEMPLATE/SERVICE_ID")
        eventually("the failure is there") { gate.daemon.errorsSoFar.contains("EPERM") }
        lines = gate.daemon.errorsSoFar.split(separator: "\n")
        #expect(lines.count == 2 && lines[1].contains(" warning: write "), "\(lines)")
    }

    @Test("SIGUSR1 logs more, one step at a time, and SIGUSR2 what was asked for")
    func signals() throws {
        let gate = try MountedGate(options: ["ttl=0", "log=warning"])
        defer { gate.end() }
        func step(_ signal: Int32, to level: String) throws {
            gate.daemon.signal(signal)
            eventually("it logs from \(level) on") {
                gate.daemon.errorsSoFar.hasSuffix("\(level): logging from \(level) on\n")
            }
        }
        _ = try gate.text("vm/8/STATE")
        #expect(gate.daemon.errorsSoFar == "")
        try step(SIGUSR1, to: "info")
        try step(SIGUSR1, to: "debug")
        _ = try gate.text("vm/8/STATE")
        eventually("requests are logged") { gate.daemon.errorsSoFar.contains("debug: request bytes=") }
        try step(SIGUSR1, to: "trace")
        try step(SIGUSR2, to: "warning")
        let before = gate.daemon.errorsSoFar
        _ = try gate.text("vm/8/STATE")
        #expect(gate.daemon.errorsSoFar == before)
        #expect(!before.contains(try #require(gate.cloud.token(vm: 8))))
    }

    @Test("in systemd's journal each line has its level in front, and no time", .needs("python3"))
    func journal() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let other = gate.folder + "/other"
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
        // stderr is a socket, and JOURNAL_STREAM names it, as systemd has it.
        let daemon = try Child(
            [
                "python3", "-c",
                """
                import os, socket, sys
                ours, its = socket.socketpair()
                status = os.fstat(its.fileno())
                if os.fork() == 0:
                    os.environ['JOURNAL_STREAM'] = f'{status.st_dev}:{status.st_ino}'
                    os.dup2(its.fileno(), 2)
                    os.execv(sys.argv[1], sys.argv[1:])
                its.close()
                while line := ours.recv(65536):
                    print(line.decode(), end='', flush=True)
                """, Executables.onegatefs, "-f", "--ttl", "0", "--env-file", gate.envFile, other,
            ])
        defer { MountTable.detach(other) }
        eventually("it is mounted") { daemon.outputSoFar.hasPrefix("<6>mounted on \(other): VM 8") }
        _ = try Child.run(["sh", "-c", "echo 4 > \(other)/vm/8/USER_TEMPLATE/SERVICE_ID"])
        eventually("the failure is there") {
            daemon.outputSoFar.contains("\n<4>write /vm/8/USER_TEMPLATE/SERVICE_ID: EPERM")
        }
        daemon.kill(SIGTERM)
        _ = daemon.finish()
    }

    @Test(
        "the metrics count requests, operations, the cache, watches, polling and ages, as Prometheus wants them"
    )
    func metrics() throws {
        let gate = try MountedGate(options: ["watch=0.2", "ttl=60"])
        defer { gate.end() }
        _ = try gate.shell(
            "cat vm/8/STATE vm/8/STATE vm/9/STATE vm/8/NONE; echo 4 > vm/8/USER_TEMPLATE/SERVICE_ID")
        let watcher = try gate.start("exec tail -f vm/8/USER_TEMPLATE/SERVICE_ID")
        defer { watcher.kill(SIGKILL) }
        var text = ""
        let wanted = [
            #/onegatefs_requests_total{kind="vm",status="200"} \d/#,
            #/onegatefs_requests_total{kind="service",status="200"} \d/#,
            #/onegatefs_requests_total{kind="vm",status="403"} 1/#,
            #/onegatefs_request_duration_seconds_bucket{le="\+Inf"} \d/#,
            #/onegatefs_operations_total{operation="lookup",errno=""} \d/#,
            #/onegatefs_operations_total{operation="write",errno="EPERM"} 1/#,
            #/onegatefs_cache_hits_total [1-9]/#, #/onegatefs_cache_misses_total [1-9]/#,
            #/onegatefs_watches [1-9]/#, #/onegatefs_poll_interval_seconds{source="vm"} 0\.2/#,
            #/onegatefs_data_age_seconds{source="vm"} \d/#,
            #/onegatefs_data_age_seconds{source="service"} \d/#,
            #/onegatefs_info{version="[0-9.]+"} 1/#,
        ]
        try eventually("all is counted") {
            text = try gate.text(".onegatefs/metrics")
            return wanted.allSatisfy { text.firstMatch(of: $0) != nil }
        }
        for regex in wanted where text.firstMatch(of: regex) == nil { Issue.record("\(regex) in \(text)") }
        // Each sample belongs to the family that was announced last, and no family is announced twice.
        var families: [Substring] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                #expect(!families.contains(words[2]))
                families.append(words[2])
            } else if !line.hasPrefix("#") {
                #expect(line.hasPrefix(try #require(families.last)) && Double(words[1]) != nil, "\(line)")
            }
        }
        guard Child.exists("promtool") else { return }
        let outcome = try Child.run(["promtool", "check", "metrics"], input: Array(text.utf8))
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""), "\(outcome)")
    }
}
