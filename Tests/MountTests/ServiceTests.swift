import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("A service that changes or cannot be seen", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct ServiceTests {
    @Test("VMs come and go with the service")
    func members() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.names("vm") == ["10", "8", "9", "self"])
        let added = try #require(gate.cloud.addVM(service: 3, role: "slave"))
        #expect(try gate.text("vm/\(added)/STATE") == "RUNNING\n")
        #expect(try gate.names("service/roles/slave/vm") == ["10", "\(added)", "9"])
        gate.cloud.removeVM(9)
        #expect(throws: SystemError(what: "", number: ENOENT)) { try gate.text("vm/9/STATE") }
        #expect(!gate.exists("vm/9"))
        #expect(try gate.names("vm") == ["10", "\(added)", "8", "self"])
    }

    @Test("while OneFlow is down nothing vanishes: what cannot be fetched is an error")
    func oneFlowDown() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.shell("ls -lR vm service").succeeded)
        gate.cloud.isOneFlowDown = true
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
        #expect(try gate.names("") == [".onegatefs", "service", "vm"])
        for path in [
            "vm/9/STATE", "service/STATE", "service/roles/slave/CARDINALITY",
            "vm/10/USER_TEMPLATE/HYPERVISOR",
        ] {
            #expect(throws: SystemError(what: "", number: EIO), "\(path)") { try gate.text(path) }
        }
        #expect(try gate.errors().contains("OneFlow does not answer"))
        #expect(throws: SystemError(what: "", number: EIO)) {
            try gate.write("x", to: "vm/9/USER_TEMPLATE/ACTIVE")
        }
        gate.cloud.isOneFlowDown = false
        #expect(try gate.text("vm/9/STATE") == "RUNNING\n")
        #expect(try gate.text("service/STATE") == "RUNNING\n")
    }

    @Test("a mount that began while OneFlow was down is whole when it is up")
    func oneFlowComesUp() throws {
        let cloud = Cloud.panacea()
        cloud.isOneFlowDown = true
        let gate = try MountedGate(cloud, options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.names("") == [".onegatefs", "service", "vm"])
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.status("vm/9") }
        cloud.isOneFlowDown = false
        #expect(try gate.text("vm/9/STATE") == "RUNNING\n")
    }

    @Test("a service that was deleted is gone when this VM says so")
    func deleted() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.shell("ls -lR vm service").succeeded)
        gate.cloud.eraseAttribute(vm: 8, name: "SERVICE_ID")
        gate.cloud.removeService(3)
        #expect(!gate.exists("service"))
        #expect(!gate.exists("vm/9"))
        #expect(try gate.names("vm") == ["8", "self"])
        #expect(try gate.names("") == [".onegatefs", "vm"])
    }

    @Test("another 400 than those that say so does not make the service vanish")
    func otherRefusal() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.names("vm") == ["10", "8", "9", "self"])
        gate.simulator.inject(.status(400, "Bad Request"), path: "/service")
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("service/STATE") }
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/9/STATE") }
        gate.simulator.clearFaults()
        #expect(try gate.text("vm/9/STATE") == "RUNNING\n")
    }

    @Test("the file with all VMs shows what was just written to one of them", arguments: [8, 9])
    func ownWrites(vm: Int) throws {
        let gate = try MountedGate(options: ["ttl=600", "peer_ttl=600"])
        defer { gate.end() }
        #expect(try !gate.text("service/extended.json").contains("just-written"))
        try gate.write("just-written", to: "vm/\(vm)/USER_TEMPLATE/HYPERVISOR")
        #expect(try gate.text("service/extended.json").contains("just-written"))
        try #expect(gate.shell("rm vm/\(vm)/USER_TEMPLATE/HYPERVISOR").succeeded)
        #expect(try !gate.text("service/extended.json").contains("just-written"))
    }

    @Test("one VM that may not be read does not hide the others")
    func unreadable() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.setUnreadable(vm: 10)
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        #expect(try gate.text("service/STATE") == "RUNNING\n")
        #expect(try gate.names("service/roles/slave/vm") == ["10", "9"])
        #expect(try gate.names("vm") == ["10", "8", "9", "self"])
        #expect(throws: SystemError(what: "", number: EACCES)) { try gate.text("vm/10/STATE") }
        gate.cloud.setUnreadable(vm: 10, false)
        #expect(try gate.text("vm/10/STATE") == "RUNNING\n")
        // The whole answer is not asked for again for a while, unless the caches are dropped.
        gate.daemon.signal(SIGHUP)
        try eventually("it comes whole again") {
            guard gate.exists("service/extended.json") else { return false }
            return try gate.text("service/extended.json").contains("\"vm_info\"")
        }
    }

    @Test("the older server's ways are understood")
    func olderServer() throws {
        let gate = try MountedGate(options: ["ttl=0"], dialect: .v6_10)
        defer { gate.end() }
        #expect(try gate.shell("cat vm/*/STATE").output == "RUNNING\nRUNNING\nRUNNING\nRUNNING\n")
        try gate.write("a, \"b\"\n<c>\n", to: "vm/9/USER_TEMPLATE/ACTIVE")
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "a, \"b\"\n<c>")
        try #expect(
            gate.shell("echo 3 > service/roles/slave/CARDINALITY && cat service/roles/slave/CARDINALITY")
                .output == "3\n")
        try #expect(gate.shell("rm vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(!gate.exists("vm/9/USER_TEMPLATE/ACTIVE"))
        try #expect(!gate.shell("echo hold > vm/9/control").succeeded)
        #expect(try gate.errors().contains("This action is not available for state RUNNING"))
    }
}
