import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("How old what is read may be, and what it costs", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct FreshnessTests {
    @Test("within the ttl, reads make no request")
    func noRequests() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        _ = try gate.shell("cat vm/8/STATE vm/9/STATE service/STATE; ls -lR > /dev/null")
        let requests = try gate.requests {
            let outcome = try gate.shell(
                "for I in $(seq 200); do cat vm/self/STATE; done | sort | uniq -c; ls -lR; cat service/*")
            #expect(outcome.output.contains("200 RUNNING"))
        }
        #expect(requests.lines == [])
    }

    @Test("cat vm/8/* is one request")
    func oneVM() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        let requests = try gate.requests { try gate.shell("cat vm/8/* 2> /dev/null") }
        #expect(requests.lines == ["GET /vm"])
    }

    @Test("a hundred readers at once share one request")
    func shared() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        gate.simulator.inject(.slowAnswer(.milliseconds(700)))
        let requests = try gate.requests {
            let outcome = try gate.shell("for I in $(seq 100); do cat vm/8/STATE & done; wait")
            #expect(outcome.lines.count == 100)
        }
        #expect(requests.lines == ["GET /vm"])
    }

    @Test("readers of three VMs share one request for the service")
    func sharedService() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        gate.simulator.inject(.slowAnswer(.milliseconds(300)))
        let requests = try gate.requests {
            let outcome = try gate.shell(
                "for I in $(seq 10); do cat vm/9/STATE vm/10/STATE service/STATE & done; wait")
            #expect(outcome.lines.count == 30)
        }
        #expect(requests.filter { $0.path.hasPrefix("/service") }.count == 1)
        #expect(requests.count <= 3, "\(requests.lines)")
    }

    @Test("every file of a service of a thousand VMs costs a handful of requests")
    func thousand() throws {
        let gate = try MountedGate(.service(machines: 1000, attributes: 2), vm: 0, options: ["ttl=600"])
        defer { gate.end() }
        let requests = try gate.requests {
            let outcome = try gate.shell("ls -lR vm | wc -l; cat vm/*/STATE vm/*/USER_TEMPLATE/* | wc -l")
            #expect(outcome.errors == "")
            // Four attributes each besides the state, and `self` is one more.
            #expect(outcome.lines.last == "\(1001 * 5)")
        }
        #expect(requests.count <= 10, "\(requests.lines)")
    }

    @Test("with a ttl of 0 every read asks, and sees what is")
    func zero() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        for number in 0..<20 {
            gate.cloud.setAttribute(vm: 8, name: "COUNT", value: .string("\(number)"))
            gate.cloud.setAttribute(vm: 9, name: "COUNT", value: .string("\(number * 111)"))
            #expect(try gate.text("vm/8/USER_TEMPLATE/COUNT") == "\(number)\n")
            #expect(try gate.text("vm/9/USER_TEMPLATE/COUNT") == "\(number * 111)\n")
        }
    }

    @Test("a change is seen once the ttl is over")
    func expiry() throws {
        let gate = try MountedGate(options: ["ttl=0.2", "watch=0"])
        defer { gate.end() }
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "a good deal longer than before")
        try eventually("the new value is read") {
            try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "a good deal longer than before\n"
        }
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "N")
        try eventually("the shorter value is read") {
            try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "N\n"
        }
        gate.cloud.eraseAttribute(vm: 9, name: "ACTIVE")
        eventually("it is gone") { !gate.exists("vm/9/USER_TEMPLATE/ACTIVE") }
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "BACK")
        eventually("it is back") { gate.exists("vm/9/USER_TEMPLATE/ACTIVE") }
    }

    @Test("ttl and peer_ttl count for this VM and for the others")
    func peers() throws {
        let gate = try MountedGate(options: ["ttl=0", "peer_ttl=600", "watch=0"])
        defer { gate.end() }
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "OWN")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "PEER")
        #expect(try gate.text("vm/8/USER_TEMPLATE/ACTIVE") == "OWN\n")
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
    }

    @Test("one open sees one version, shorter or longer, in however many pieces", arguments: [3, 300, 9000])
    func oneVersion(size: Int) throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0"])
        defer { gate.end() }
        func value(_ letter: String, _ size: Int) -> String { String(repeating: letter, count: size) }
        gate.cloud.setAttribute(vm: 9, name: "VALUE", value: .string(value("a", size)))
        let path = gate.path + "/vm/9/USER_TEMPLATE/VALUE"
        let first = try SystemError.check("open", open(path, O_RDONLY))
        defer { close(first) }
        #expect(try Descriptor.read(first, 1) == Array("a".utf8))
        gate.cloud.setAttribute(vm: 9, name: "VALUE", value: .string(value("b", size * 3)))
        // Others look and read meanwhile.
        #expect(try gate.status("vm/9/USER_TEMPLATE/VALUE").st_size == size * 3 + 1)
        #expect(try gate.text("vm/9/USER_TEMPLATE/VALUE") == value("b", size * 3) + "\n")
        let second = try SystemError.check("open", open(path, O_RDONLY))
        defer { close(second) }
        #expect(try Descriptor.read(second, 2) == Array("bb".utf8))
        gate.cloud.setAttribute(vm: 9, name: "VALUE", value: "c")
        #expect(try gate.shell("cat \(path)").output == "c\n")
        #expect(try gate.status("vm/9/USER_TEMPLATE/VALUE").st_size == 2)
        #expect(try Descriptor.readAll(first, pieces: 2) == Array((value("a", size - 1) + "\n").utf8))
        #expect(try Descriptor.readAll(second, pieces: 50) == Array((value("b", size * 3 - 2) + "\n").utf8))
        #expect(try gate.text("vm/9/USER_TEMPLATE/VALUE") == "c\n")
    }

    @Test("one open of a JSON twin sees one version")
    func oneVersionOfTwin() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0"])
        defer { gate.end() }
        for file in ["vm/9/vm.json", "service/extended.json", "service/service.json"] {
            gate.cloud.setAttribute(vm: 9, name: "VALUE", value: "before")
            gate.cloud.setName(service: 3, "before")
            let before = try gate.bytes(file)
            let reader = try SystemError.check("open", open(gate.path + "/" + file, O_RDONLY))
            defer { close(reader) }
            var got = try Descriptor.read(reader, 10)
            gate.cloud.setAttribute(vm: 9, name: "VALUE", value: "after that much has changed")
            gate.cloud.setName(service: 3, "after that much has changed")
            let after = try gate.bytes(file)
            #expect(after.count > before.count)
            got += try Descriptor.readAll(reader, pieces: 100)
            #expect(got == before, "\(file)")
            #expect(try gate.bytes(file) == after)
        }
    }

    @Test("without stale, an outage is an error; with it, what is known is served")
    func stale() throws {
        let simulator = try Simulator(cloud: .panacea())
        let strict = try MountedGate(simulator, options: ["ttl=0", "timeout=5"])
        defer { strict.end() }
        let lenient = try MountedGate(simulator, options: ["ttl=0", "timeout=5", "stale=600"])
        defer { lenient.end() }
        for gate in [strict, lenient] { _ = try gate.shell("ls -lR; cat vm/*/STATE service/STATE") }
        simulator.stop()
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try strict.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try strict.text("vm/9/STATE") }
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try strict.text("service/STATE") }
        #expect(try lenient.text("vm/8/STATE") == "RUNNING\n")
        #expect(try lenient.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        #expect(try lenient.text("service/STATE") == "RUNNING\n")
        try simulator.restart()
        #expect(try strict.text("vm/9/STATE") == "RUNNING\n")
        simulator.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "AGAIN")
        // Who accepts what is old does not ask a server all the time that just did not answer.
        try eventually("the new value is read") {
            try lenient.text("vm/9/USER_TEMPLATE/ACTIVE") == "AGAIN\n"
        }
    }

    @Test("connections that the server closed when idle are no failure")
    func idleConnections() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        for _ in 0..<10 {
            #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
            gate.simulator.closeConnections()
        }
        #expect(try gate.errors() == "")
    }
}
