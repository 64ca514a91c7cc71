import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Outages", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct OutageTests {
    private func count(_ text: String, in log: String) -> Int {
        log.split(separator: "\n").filter { $0.contains(text) }.count
    }

    @Test("what is served meanwhile is in the status, and in the log once; recovery needs no restart")
    func reported() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=5", "stale=600", "watch=0"])
        defer { gate.end() }
        _ = try gate.shell("cat vm/*/STATE service/STATE")
        for round in 1...2 {
            gate.simulator.stop()
            for _ in 0..<30 {
                #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
                #expect(try gate.text("vm/9/STATE") == "RUNNING\n")
            }
            eventually("it is in the status") {
                (try? gate.text(".onegatefs/status"))?.contains("outage: since") ?? false
            }
            let status = try gate.text(".onegatefs/status")
            #expect(status.contains("stale=600") && status.contains("last failure: "), "\(status)")
            #expect(count("the server cannot be reached", in: gate.daemon.errorsSoFar) == round)
            // What cannot be served from what is known fails all the same.
            #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) {
                try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
            }
            try gate.simulator.restart()
            gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: .string("round \(round)"))
            #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "round \(round)\n")
            #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
            #expect(count("the server can be reached again", in: gate.daemon.errorsSoFar) == round)
            eventually("it is no longer in the status") {
                (try? gate.text(".onegatefs/status"))?.contains("outage:") == false
            }
        }
    }

    @Test("a change that could not be sent does not end what is served meanwhile")
    func changeMeanwhile() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=5", "stale=600", "watch=0"])
        defer { gate.end() }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        gate.simulator.stop()
        for script in ["echo x > HYPERVISOR", "rm HYPERVISOR", "echo suspend > ../control"] {
            let outcome = try gate.shell("cd vm/8/USER_TEMPLATE && \(script)")
            #expect(outcome.errors.contains("No route to host"), "\(outcome)")
            #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        }
        try gate.simulator.restart()
    }

    @Test("what is older than stale allows is an error")
    func tooOld() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=5", "stale=1"])
        defer { gate.end() }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        gate.simulator.stop()
        eventually("it is too old") {
            (try? SystemError.number { _ = try gate.text("vm/8/STATE") }) == EHOSTUNREACH
        }
        try gate.simulator.restart()
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
    }

    @Test("a part of the server that hangs is one outage, whatever else is answered meanwhile")
    func partly() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=0.3", "stale=600", "watch=0"])
        defer { gate.end() }
        _ = try gate.shell("cat vm/*/STATE service/STATE")
        gate.simulator.inject(.hang, path: "/service")
        for _ in 0..<20 {
            #expect(try gate.text("vm/9/STATE") == "RUNNING\n")
            #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        }
        #expect(count("the server cannot be reached", in: gate.daemon.errorsSoFar) == 1)
        #expect(count("the server can be reached again", in: gate.daemon.errorsSoFar) == 0)
        gate.simulator.clearFaults()
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "AGAIN")
        try eventually("the new value is read") { try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "AGAIN\n" }
        #expect(count("the server can be reached again", in: gate.daemon.errorsSoFar) == 1)
    }

    @Test("what is answered with nonsense is no outage: nothing old is served")
    func nonsense() throws {
        let gate = try MountedGate(options: ["ttl=0", "stale=600"])
        defer { gate.end() }
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        gate.simulator.inject(.status(500, "Internal server error"))
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/8/STATE") }
        gate.simulator.clearFaults()
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
    }
}
