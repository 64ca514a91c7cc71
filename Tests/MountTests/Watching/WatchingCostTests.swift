import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("What watching costs the server", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingCostTests {
    private let template = "vm/8/USER_TEMPLATE"

    @Test("without watchers there are no requests, however much was read before")
    func nobody() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["watch=0.2"])
        defer { other.end() }
        try gate.shell("ls -lR . > /dev/null; cat vm/8/* vm/9/* service/* > /dev/null 2>&1")
        let witness = try Inotify(other, "vm/9")
        // What was read is noticed to be of no interest any more, for which there is some time.
        gate.simulator.afterRequests(10, of: 9)
        let requests = gate.requests { gate.simulator.afterRequests(20, of: 9) }
        #expect(requests.filter { $0.vm == 8 }.lines == [])
        #expect(witness.all == [])
    }

    @Test("sixty watchers of one VM cost no more than one, and nothing when they are gone")
    func many() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["watch=0.2"])
        defer { other.end() }
        let witness = try Inotify(other, "vm/9/STATE")
        var watchers: [Inotify] = []
        for _ in 0..<30 {
            watchers.append(try Inotify(gate, "vm/8", template, template + "/HYPERVISOR", "vm/8/STATE"))
        }
        for _ in 0..<30 { watchers.append(try Inotify(gate, template + "/SERVICE_ID")) }
        gate.simulator.afterRequests(5, of: 8)
        let requests = gate.requests { gate.simulator.afterRequests(20, of: 8) }
        let ours = requests.filter { $0.vm == 8 }
        #expect(Set(ours.lines) == ["GET /vm"])
        // At most one in each interval; one may be noted late.
        let first = try #require(ours.first), last = try #require(ours.last)
        #expect(last.time - first.time > .milliseconds(200) * (ours.count - 1) - .milliseconds(100))

        watchers = []
        gate.simulator.afterRequests(10, of: 9)
        let after = gate.requests { gate.simulator.afterRequests(20, of: 9) }
        #expect(after.filter { $0.vm == 8 }.lines == [])
        #expect(witness.all == [])
    }

    @Test("the last watch of many goes, one by one, and requests end")
    func leaving() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["watch=0.2"])
        defer { other.end() }
        let witness = try Inotify(other, "vm/9")
        let inotify = try Inotify(gate, "vm", "vm/8", template, template + "/HYPERVISOR", "service/roles")
        gate.simulator.afterRequests(3, of: 8, path: "/vm")
        gate.simulator.afterRequests(3, of: 8, path: "/service")
        for path in ["vm", "vm/8", template, "service/roles"] { inotify.unwatch(path) }
        eventually("nothing but this VM is asked for") {
            let requests = gate.requests { gate.simulator.afterRequests(10, of: 8) }
            return Set(requests.filter { $0.vm == 8 }.lines) == ["GET /vm"]
        }
        inotify.unwatch(template + "/HYPERVISOR")
        gate.simulator.afterRequests(10, of: 9)
        let after = gate.requests { gate.simulator.afterRequests(20, of: 9) }
        #expect(after.filter { $0.vm == 8 }.lines == [])
        #expect(witness.all == [])
    }

    @Test("polling never has a request under way for more than a quarter of the time")
    func slow() throws {
        let gate = try MountedGate(options: ["watch=0.2", "ttl=600"])
        defer { gate.end() }
        gate.simulator.inject(.slowAnswer(.milliseconds(400)))
        let inotify = try Inotify(gate, template + "/HYPERVISOR", "service/STATE", "vm/9/STATE")
        gate.simulator.afterRequests(1, of: 8)
        gate.simulator.clearRequests()
        gate.simulator.afterRequests(6, of: 8)
        let requests = gate.simulator.requests
        for (one, next) in zip(requests, requests.dropFirst()) {
            // Three times as long as the answer took passes between its end and the next request.
            #expect(next.time - one.time > .milliseconds(1550))
        }
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        gate.simulator.clearFaults()
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
    }

    @Test("a folder that a process works in stays where it is")
    func workingDirectory() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let program = """
            import os, sys
            os.chdir("vm/8/USER_TEMPLATE")
            here, calls, failures = os.getcwd(), 0, 0
            while not os.path.exists(sys.argv[1]):
                try:
                    for _ in range(100):
                        calls += 1
                        assert os.getcwd() == here
                except FileNotFoundError:
                    failures += 1
            print(failures / calls, open("HYPERVISOR").read(), end="")
            """
        let child = try Child(["python3", "-c", program, gate.folder + "/enough"], in: gate.path)
        gate.simulator.afterRequests(10, of: 8)
        try Data().write(to: URL(fileURLWithPath: gate.folder + "/enough"))
        let outcome = child.finish()
        #expect(outcome.errors == "")
        let words = outcome.output.split(separator: " ")
        // The name is dropped and looked up again at once from time to time.
        #expect(words.first.flatMap { Double($0) }.map { $0 < 0.05 } ?? false, "\(outcome.output)")
        #expect(words.last == "kvm\n")
    }
}
