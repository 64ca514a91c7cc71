import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Actions and scaling", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct ControlTests {
    private static func bodies(_ requests: [RequestRecord]) -> [String] { requests.changes.map(\.body) }

    @Test("control shows the actions and does the one that is written")
    func actions() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let text = try gate.text("vm/9/control")
        for action in [
            "resume", "stop", "suspend", "terminate", "reboot", "poweroff", "resched", "unresched", "hold",
            "release",
        ] {
            #expect(text.split(separator: "\n").contains { $0.hasPrefix(action) }, "\(action)")
        }
        var requests = try gate.requests {
            let outcome = try gate.shell("echo poweroff > vm/9/control && cat vm/9/STATE")
            #expect(outcome.output == "POWEROFF\n", "\(outcome)")
        }
        #expect(requests.changes.lines == ["POST /vms/9/action"])
        #expect(Self.bodies(requests).first?.contains("\"poweroff\"") == true)
        requests = try gate.requests {
            try #expect(gate.shell("echo resume > vm/9/control && cat vm/9/STATE").output == "RUNNING\n")
            try #expect(gate.shell("echo poweroff --hard > vm/9/control").succeeded)
        }
        #expect(
            Self.bodies(requests).last?.replacing(" ", with: "")
                == "{\"action\":{\"perform\":\"poweroff\",\"params\":true}}")
    }

    @Test("parameters go in the type that the server needs")
    func parameters() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let requests = try gate.requests {
            let outcome = try gate.shell(
                """
                echo 'snapshot_create before the update' > vm/9/control && echo 'snapshot_delete 0' > vm/9/control
                echo 'rename a new name' > vm/9/control && cat vm/9/NAME
                """)
            #expect(outcome == Child.Outcome(status: 0, output: "a new name\n", errors: ""))
        }
        let bodies = Self.bodies(requests).map { $0.replacing(": ", with: ":").replacing(", ", with: ",") }
        #expect(
            bodies == [
                "{\"action\":{\"perform\":\"snapshot_create\",\"params\":\"before the update\"}}",
                "{\"action\":{\"perform\":\"snapshot_delete\",\"params\":0}}",
                "{\"action\":{\"perform\":\"rename\",\"params\":\"a new name\"}}",
            ])
    }

    @Test("what is no action is EINVAL and is not sent")
    func malformed() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for text in [
            "", "\n", "dance\n", "poweroff --soft\n", "resume now\n", "snapshot_revert x\n",
            "poweroff\nresume\n", "chmod 9\n", "RESUME/../x\n",
            "scale 3\n",
        ] {
            let requests = try gate.requests {
                let error = try SystemError.number {
                    try gate.write(text, to: "vm/9/control", flags: O_WRONLY)
                }
                #expect(error == (text.isEmpty ? 0 : EINVAL), "\(text)")
            }
            #expect(requests.changes.lines == [], "\(text)")
        }
    }

    @Test("what the core refuses says what is known")
    func refused() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.setState(vm: 9, state: 8)
        let outcome = try gate.shell("echo hold > vm/9/control")
        #expect(outcome.errors.contains("Input/output error"), "\(outcome)")
        #expect(try gate.errors().contains("hold of VM 9, which is POWEROFF"))
    }

    @Test(
        "an action that fails is sent once, though Python writes it again when it closes", .needs("python3"))
    func once() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let program = """
            import sys
            try:
                f = open('vm/9/control', 'w')
                f.write('suspend\\n')
                f.close()
            except OSError as error: print(error.strerror)
            try: f.close()
            except OSError as error: print(error.strerror)
            del f
            """
        for fault in [Fault.close, .status(500, "not now"), .cut(after: 0)] {
            gate.cloud.setState(vm: 9, state: 3, lcm: 3)
            gate.simulator.inject(fault, path: "/vms/9/action", takesEffect: true)
            let requests = try gate.requests { _ = try gate.python(program) }
            #expect(requests.changes.lines == ["POST /vms/9/action"], "\(fault)")
            gate.simulator.clearFaults()
        }
        gate.simulator.inject(.status(500, "not now"), path: "/vms/9/action")
        let requests = try gate.requests {
            let outcome = try gate.python(program)
            #expect(outcome.output.hasPrefix("Input/output error\n"), "\(outcome)")
        }
        #expect(requests.changes.count == 1)
        // Through another open the same is another action.
        gate.simulator.clearFaults()
        gate.cloud.setState(vm: 9, state: 3, lcm: 3)
        let again = try gate.requests { try #expect(gate.python(program).output == "") }
        #expect(again.changes.count == 1)
    }

    @Test("an action whose outcome is not known is not repeated")
    func unclear() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=0.5"])
        defer { gate.end() }
        _ = try gate.text("vm/9/STATE")
        for fault in [Fault.hang, .close] {
            gate.simulator.inject(fault, path: "/vms/9/action")
            let requests = try gate.requests {
                try #expect(!gate.shell("echo suspend > vm/9/control").succeeded)
            }
            #expect(requests.changes.count == 1, "\(fault)")
            gate.simulator.clearFaults()
        }
    }

    @Test("what is interrupted and tried again, as Python does by itself, is sent once", .needs("python3"))
    func triedAgain() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE")
        gate.simulator.inject(.slowAnswer(.seconds(1)), method: "PUT")
        gate.simulator.inject(.slowAnswer(.seconds(1)), method: "POST")
        let program = """
            import os, signal, sys
            signal.signal(signal.SIGALRM, lambda *arguments: None)
            file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
            signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
            print(os.write(file, sys.argv[2].encode()))
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.close(file)
            """
        var requests = try gate.requests {
            let outcome = try gate.python(program, "vm/9/control", "suspend\n")
            #expect(outcome.output == "8\n", "\(outcome)")
        }
        #expect(requests.changes.count == 1)
        requests = try gate.requests {
            let outcome = try gate.python(program, "vm/9/USER_TEMPLATE/ACTIVE", "again")
            #expect(outcome.output == "5\n", "\(outcome)")
        }
        #expect(requests.changes.count == 1)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES\nagain")
        // One that waits for its turn is sent after all, once.
        let other = try gate.start("echo x > vm/9/USER_TEMPLATE/OTHER")
        eventually("it is under way") { gate.simulator.requests.last?.method == "PUT" }
        requests = try gate.requests {
            let outcome = try gate.python(program, "vm/9/USER_TEMPLATE/ACTIVE", "!")
            #expect(outcome.output == "1\n", "\(outcome)")
        }
        #expect(other.finish().succeeded)
        #expect(requests.changes.count <= 2)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES\nagain\n!")
    }

    @Test("writing CARDINALITY scales the role")
    func scale() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let requests = try gate.requests {
            let outcome = try gate.shell(
                "echo 3 > service/roles/slave/CARDINALITY && cat service/roles/slave/CARDINALITY")
            #expect(outcome.output == "3\n", "\(outcome)")
        }
        #expect(requests.changes.lines == ["PUT /service/role/slave"])
        #expect(try gate.names("service/roles/slave/vm").count == 3)
        #expect(try gate.names("vm") == ["10", "13", "8", "9", "self"])
        #expect(try gate.text("vm/13/STATE") == "RUNNING\n")
        try #expect(
            gate.shell("echo scale slave 2 > service/control && ls service/roles/slave/vm").output
                == "10\n13\n")
        // The oldest went.
        #expect(!gate.exists("vm/9"))
        try #expect(
            gate.shell("echo scale 1 > service/roles/slave/control && ls service/roles/slave/vm").output
                == "13\n")
        // What is so already is done.
        try #expect(gate.shell("echo 1 > service/roles/slave/CARDINALITY").succeeded)
    }

    @Test("what a service cannot be is EINVAL")
    func malformedScale() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        for text in ["-1", "x", "2.5", "1e3", "0x3", "3 3", "٣"] {
            let requests = try gate.requests {
                let error = try SystemError.number {
                    try gate.write(
                        text + "\n", to: "service/roles/slave/CARDINALITY", flags: O_WRONLY | O_TRUNC)
                }
                #expect(error == EINVAL, "\(text)")
            }
            #expect(requests.changes.lines == [], "\(text)")
        }
        // Beyond the role's limits it is the server that refuses.
        for script in ["echo 99 > service/roles/slave/CARDINALITY", "echo scale slave 0 > service/control"] {
            let outcome = try gate.shell(script)
            #expect(outcome.errors.contains("Invalid argument"), "\(script): \(outcome)")
        }
        #expect(
            try gate.shell("echo scale none 2 > service/control").errors.contains("No such file or directory")
        )
        #expect(try gate.errors().contains("Error performing action on service 3 role slave"))
        #expect(try gate.text("service/roles/slave/CARDINALITY") == "2\n")
    }

    @Test("while a role scales, it is refused, with the words why")
    func scaling() throws {
        let cloud = Cloud.panacea()
        cloud.configure { $0.cooldownTime = .seconds(600) }
        let gate = try MountedGate(cloud, options: ["ttl=0"])
        defer { gate.end() }
        try #expect(gate.shell("echo 3 > service/roles/slave/CARDINALITY").succeeded)
        #expect(try gate.text("service/roles/slave/STATE") == "COOLDOWN\n")
        #expect(try !gate.shell("echo 4 > service/roles/slave/CARDINALITY").succeeded)
        #expect(try gate.errors().contains("COOLDOWN"))
        gate.cloud.elapse(.seconds(601))
        try #expect(gate.shell("echo 4 > service/roles/slave/CARDINALITY").succeeded)
    }

    @Test("a role's control acts on every VM of the role, once each")
    func roleActions() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let requests = try gate.requests {
            try #expect(gate.shell("echo suspend > service/roles/slave/control").succeeded)
        }
        #expect(requests.changes.lines.sorted() == ["POST /vms/10/action", "POST /vms/9/action"])
        #expect(
            try gate.shell("cat vm/9/STATE vm/10/STATE vm/8/STATE").output
                == "SUSPENDED\nSUSPENDED\nRUNNING\n")
        // One fails, the others are done, and the error says which.
        gate.cloud.setState(vm: 9, state: 3, lcm: 3)
        try #expect(!gate.shell("echo resume > service/roles/slave/control").succeeded)
        #expect(try gate.text("vm/10/STATE") == "RUNNING\n")
        #expect(try gate.errors().contains("failed for 1 of 2 VMs of slave: VM 9"))
    }

    @Test("an editor that replaces CARDINALITY scales once")
    func sed() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let requests = try gate.requests {
            let outcome = try gate.shell("sed -i s/2/3/ service/roles/slave/CARDINALITY")
            #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        }
        #expect(requests.changes.lines == ["PUT /service/role/slave"])
        #expect(try gate.text("service/roles/slave/CARDINALITY") == "3\n")
    }
}
