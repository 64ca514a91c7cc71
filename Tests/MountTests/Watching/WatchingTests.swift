import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("What watchers see of remote changes", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingTests {
    private let template = "vm/8/USER_TEMPLATE"

    @Test("a changed value: OPEN, MODIFY, CLOSE_WRITE, at the file and in its folder, once each")
    func changed() throws {
        let gate = try MountedGate(options: ["watch=0.3"])
        defer { gate.end() }
        let everything = Inotify.changes | 0x20
        let file = try Inotify(gate, template + "/HYPERVISOR", mask: everything)
        let folder = try Inotify(gate, template, mask: everything)
        let value = template + "/HYPERVISOR"
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        let expected = ["\(value) OPEN", "\(value) MODIFY", "\(value) CLOSE_WRITE"]
        folder.wait(for: "\(value) CLOSE_WRITE")
        #expect(file.all == expected)
        #expect(folder.all == expected)
        #expect(try gate.text(value) == "lxc\n")
    }

    @Test("the new content is readable when the event arrives, change after change, with one watch")
    func readable() throws {
        let gate = try MountedGate(options: ["watch=0.1", "ttl=600"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "COUNT", value: "0")
        let inotify = try Inotify(gate, template + "/COUNT")
        #expect(try gate.text(template + "/COUNT") == "0\n")
        for number in 1...25 {
            let text = String(repeating: "\(number) ", count: number % 7) + "\(number)"
            gate.cloud.setAttribute(vm: 8, name: "COUNT", value: .string(text))
            inotify.wait(for: template + "/COUNT CLOSE_WRITE")
            #expect(try gate.text(template + "/COUNT") == text + "\n")
            inotify.clear()
        }
    }

    @Test("a value that stays makes no event, however often it is looked at")
    func unchanged() throws {
        let gate = try MountedGate(options: ["watch=0.1"])
        defer { gate.end() }
        let inotify = try Inotify(gate, template, "vm/8", mask: Inotify.changes | 0x20)
        gate.simulator.afterRequests(15, of: 8)
        #expect(inotify.all == [])
    }

    @Test("a VM that leaves is told of, though it was changed while the answer was on its way")
    func leaving() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm")
        gate.simulator.afterRequests(3, of: 8)
        // The server has made up its answer, without the VM, when that is changed once more.
        let before = gate.simulator.requests.count { $0.path.hasPrefix("/service") }
        gate.cloud.removeVM(9)
        gate.simulator.inject(.slowAnswer(.seconds(1)), path: "/service", count: 1)
        eventually("the service is asked for") {
            gate.simulator.requests.count { $0.path.hasPrefix("/service") } > before
        }
        _ = try gate.shell("echo terminate-hard > vm/9/control")
        inotify.wait(for: "vm/9 DELETE,ISDIR")
        #expect(inotify.all.count { $0 == "vm/9 DELETE,ISDIR" } == 1)
    }

    @Test("a service that a VM gets comes with its VMs")
    func arrival() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "", "vm")
        gate.simulator.afterRequests(3, of: 8)
        let service = try #require(gate.cloud.attribute(vm: 8, name: "SERVICE_ID"))
        gate.cloud.eraseAttribute(vm: 8, name: "SERVICE_ID")
        inotify.wait(for: "/service DELETE,ISDIR")
        inotify.wait(for: "vm/9 DELETE,ISDIR")
        gate.cloud.setAttribute(vm: 8, name: "SERVICE_ID", value: service)
        inotify.wait(for: "/service CREATE,ISDIR")
        inotify.wait(for: "vm/9 CREATE,ISDIR")
    }

    @Test("that a value turns out to be restricted is no change of it")
    func restricted() throws {
        let cloud = Cloud.panacea()
        cloud.configure { $0.restrictedAttributes += ["HYPERVISOR"] }
        let gate = try MountedGate(cloud, options: ["watch=0.1"])
        defer { gate.end() }
        let value = template + "/HYPERVISOR"
        let before = try gate.status(value).st_mtim
        let inotify = try Inotify(gate, value)
        try #expect(!gate.shell("echo x >> \(value)").succeeded)
        gate.simulator.afterRequests(10, of: 8)
        #expect(!inotify.all.contains("\(value) MODIFY"))
        #expect(try gate.text(".onegatefs/events") == "")
        let after = try gate.status(value)
        #expect(after.st_mode & 0o222 == 0 && after.st_mtim.tv_nsec == before.tv_nsec)
    }

    @Test("a vector attribute that becomes a value: its folder goes, and the file comes")
    func becomingValue() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1"])
        let inotify = try Inotify(gate, template, template + "/V")
        gate.cloud.setAttribute(vm: 8, name: "V", value: "text")
        inotify.wait(for: "\(template)/V DELETE,ISDIR")
        inotify.wait(for: "\(template)/V DELETE_SELF")
        inotify.wait(for: "\(template)/V CREATE")
        #expect(try gate.text(template + "/V") == "text\n")
    }

    @Test("attributes, vectors and their keys that come and go")
    func comingAndGoing() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1"])
        let inotify = try Inotify(gate, template, template + "/V")
        gate.cloud.setAttribute(vm: 8, name: "NEW", value: "1")
        inotify.wait(for: "\(template)/NEW CREATE")
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1", "B": "2"])
        inotify.wait(for: "\(template)/V/B CREATE")
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["B": "3"])
        inotify.wait(for: "\(template)/V/A DELETE")
        inotify.wait(for: "\(template)/V/B CLOSE_WRITE")
        gate.cloud.setAttribute(vm: 8, name: "W", value: ["A": "1"])
        inotify.wait(for: "\(template)/W CREATE,ISDIR")
        gate.cloud.eraseAttribute(vm: 8, name: "NEW")
        inotify.wait(for: "\(template)/NEW DELETE")
        gate.cloud.eraseAttribute(vm: 8, name: "V")
        inotify.wait(for: "\(template)/V DELETE,ISDIR")
        #expect(
            inotify.all == [
                "\(template)/NEW CREATE", "\(template)/V/B CREATE", "\(template)/V/A DELETE",
                "\(template)/V/B MODIFY",
                "\(template)/V/B CLOSE_WRITE", "\(template)/W CREATE,ISDIR", "\(template)/NEW DELETE",
                "\(template)/V DELETE_SELF", "\(template)/V IGNORED", "\(template)/V DELETE,ISDIR",
            ])
        #expect(!gate.exists(template + "/V"))
        #expect(try gate.text(template + "/W/A") == "1\n")
    }

    @Test("VMs and role members that come and go, and the role's CARDINALITY")
    func scaling() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm", "service/roles/slave/vm", "service/roles/slave")
        gate.cloud.scale(service: 3, role: "slave", to: 3)
        inotify.wait(for: "vm/13 CREATE,ISDIR")
        inotify.wait(for: "service/roles/slave/vm/13 CREATE")
        inotify.wait(for: "service/roles/slave/CARDINALITY CLOSE_WRITE")
        #expect(try gate.text("vm/13/ID") == "13\n")
        #expect(try gate.text("service/roles/slave/CARDINALITY") == "3\n")
        gate.cloud.elapse(.seconds(600))
        gate.cloud.scale(service: 3, role: "slave", to: 2)
        inotify.wait(for: "vm/9 DELETE,ISDIR")
        inotify.wait(for: "service/roles/slave/vm/9 DELETE")
        #expect(!gate.exists("vm/9"))
        #expect(!gate.exists("service/roles/slave/vm/9"))
    }

    @Test("the folder of all VMs sees them come though nobody has read anything before")
    func untouched() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm")
        gate.simulator.afterRequests(2, of: 8, path: "/service")
        gate.cloud.addVM(service: 3, role: "slave")
        inotify.wait(for: "vm/13 CREATE,ISDIR")
    }

    @Test("a virtual router's networks and VMs that come and go")
    func networks() throws {
        let gate = try MountedGate(vm: 12, options: ["watch=0.2"])
        defer { gate.end() }
        #expect(try gate.names("vnet") == ["0"])
        #expect(try gate.names("vm") == ["12", "self"])
        let inotify = try Inotify(gate, "vnet", "vm", "vrouter/vm", "vrouter/TEMPLATE/NIC")
        let nics = ["0", "1"].map { #"{"NETWORK_ID":"\#($0)","NIC_ID":"\#($0)","NETWORK":"n\#($0)"}"# }
        let answer =
            #"{"VROUTER":{"NAME":"vr","ID":"0","VMS":{"ID":[12,20]},"TEMPLATE":{"NIC":[\#(nics.joined(separator: ","))]}}}"#
        let fault = gate.simulator.inject(.body(answer), path: "/vrouter")
        for name in [
            "vnet/1 CREATE,ISDIR", "vm/20 CREATE,ISDIR", "vrouter/vm/20 CREATE",
            "vrouter/TEMPLATE/NIC/1 CREATE,ISDIR",
        ] {
            inotify.wait(for: name)
        }
        #expect(try gate.names("vnet") == ["0", "1"])
        #expect(try gate.names("vm") == ["12", "20", "self"])
        gate.simulator.clear(fault)
        for name in [
            "vnet/1 DELETE,ISDIR", "vm/20 DELETE,ISDIR", "vrouter/vm/20 DELETE",
            "vrouter/TEMPLATE/NIC/1 DELETE,ISDIR",
        ] {
            inotify.wait(for: name)
        }
        #expect(try gate.names("vnet") == ["0"])
        #expect(try gate.names("vm") == ["12", "self"])
    }

    @Test("a peer's attributes, states and JSON twins")
    func peer() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm/9", "vm/9/USER_TEMPLATE", "service")
        gate.cloud.setState(vm: 9, state: 8)
        inotify.wait(for: "vm/9/STATE CLOSE_WRITE")
        inotify.wait(for: "vm/9/vm.json CLOSE_WRITE")
        inotify.wait(for: "service/extended.json CLOSE_WRITE")
        #expect(try gate.text("vm/9/STATE") == "POWEROFF\n")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NO")
        inotify.wait(for: "vm/9/USER_TEMPLATE/ACTIVE CLOSE_WRITE")
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "NO\n")
    }

    @Test("a burst comes to the latest value")
    func burst() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, template + "/HYPERVISOR")
        for number in 1...200 {
            gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: .string("\(number)"))
        }
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
        try eventually("the latest value is read") { try gate.text(template + "/HYPERVISOR") == "200\n" }
        gate.simulator.afterRequests(3, of: 8)
        #expect(inotify.all.count { $0.hasSuffix("CLOSE_WRITE") } <= 3)
    }

    @Test("a thousand watched attributes that change at once: each makes one event, and the mount answers")
    func thousand() throws {
        let gate = try MountedGate(.service(machines: 1, attributes: 1000), vm: 0, options: ["watch=0.5"])
        defer { gate.end() }
        let files = (0..<1000).map { "vm/0/USER_TEMPLATE/ENTRY_\($0)" }
        let inotify = try Inotify(gate)
        for file in files { try inotify.watch(file) }
        let attributes = (0..<1000).map { ("ENTRY_\($0)", JSON.string("new \($0)")) }
        gate.cloud.setUserTemplate(
            vm: 0,
            .object(.init(uniqueKeysWithValues: [("SERVICE_ID", "3"), ("ROLE_NAME", "master")] + attributes)))
        var reads = 0
        try eventually("every file has its event") {
            let text = try gate.text("vm/0/ID")
            #expect(text == "0\n")
            reads += 1
            return inotify.all.count { $0.hasSuffix("CLOSE_WRITE") } >= 1000
        }
        #expect(reads > 1)
        gate.simulator.afterRequests(3, of: 0)
        let closed = inotify.all.filter { $0.hasSuffix("CLOSE_WRITE") }.map {
            String($0.split(separator: " ")[0])
        }
        #expect(closed.count == 1000)
        #expect(Set(closed) == Set(files))
        #expect(try gate.text(files[999]) == "new 999\n")
    }

    @Test("mtime and size tell those that compare them")
    func timesAndSizes() throws {
        let gate = try MountedGate(options: ["watch=0.2", "ttl=600"])
        defer { gate.end() }
        let file = template + "/HYPERVISOR"
        // Open, as `tail -f` has it, it is of interest.
        let descriptor = try SystemError.check("open", open(gate.path + "/" + file, O_RDONLY | O_CLOEXEC))
        defer { close(descriptor) }
        let before = try gate.status(file)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "a longer value")
        try eventually("size and mtime are new") {
            let now = try gate.status(file)
            return now.st_size == 15
                && (now.st_mtim.tv_sec, now.st_mtim.tv_nsec) > (before.st_mtim.tv_sec, before.st_mtim.tv_nsec)
        }
        let between = try gate.status(file)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "A LONGER VALUE")
        try eventually("mtime alone is new") {
            let now = try gate.status(file)
            return now.st_size == 15
                && (now.st_mtim.tv_sec, now.st_mtim.tv_nsec) > (
                    between.st_mtim.tv_sec, between.st_mtim.tv_nsec
                )
        }
    }

    @Test("a mount that is read-only makes the same events")
    func readOnly() throws {
        let gate = try MountedGate(options: ["watch=0.2", "ro"])
        defer { gate.end() }
        let inotify = try Inotify(gate, template)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        inotify.wait(for: "\(template)/HYPERVISOR CLOSE_WRITE")
        gate.cloud.setAttribute(vm: 8, name: "NEW", value: "1")
        inotify.wait(for: "\(template)/NEW CREATE")
        gate.cloud.eraseAttribute(vm: 8, name: "NEW")
        inotify.wait(for: "\(template)/NEW DELETE")
        #expect(inotify.all.count == 4)
        for command in ["echo 1 > \(template)/X", "rm \(template)/HYPERVISOR", "mkdir \(template)/Y"] {
            let outcome = try gate.shell(command)
            #expect(!outcome.succeeded)
            #expect(outcome.errors.contains("Read-only file system"))
        }
    }

    @Test("with watch=0 there are no events, and nothing is asked for")
    func off() throws {
        let gate = try MountedGate(options: ["watch=0", "ttl=0"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["watch=0.2"])
        defer { other.end() }
        let inotify = try Inotify(gate, template)
        let witness = try Inotify(other, "vm/9/USER_TEMPLATE")
        let requests = gate.requests {
            gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
            gate.cloud.setAttribute(vm: 9, name: "HYPERVISOR", value: "lxc")
            witness.wait(for: "vm/9/USER_TEMPLATE/HYPERVISOR CLOSE_WRITE")
            gate.simulator.afterRequests(5, of: 9)
        }
        #expect(requests.filter { $0.vm == 8 }.isEmpty)
        #expect(inotify.all == [])
        #expect(try gate.text(template + "/HYPERVISOR") == "lxc\n")
    }
}

extension Simulator {
    /// Waits until a VM has made so many more requests.
    func afterRequests(_ count: Int, of vm: Int, path: String = "/") {
        let before = requestCount
        eventually("VM \(vm) asks \(count) times more") {
            requests.count {
                $0.number > before && $0.vm == vm && $0.path.hasPrefix(path) && $0.status != nil
            } >= count
        }
    }
}
