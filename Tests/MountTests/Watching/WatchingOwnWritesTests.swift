import Glibc
import OneGate
import OneGateSimulator
import Testing

/// What a program changes through the mount, watchers of the same mount see as on every file system: from the
/// kernel, once.
@Suite(
    "What watchers see of changes through the same mount", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingOwnWritesTests {
    private static let vm = "vm/8/USER_TEMPLATE"

    struct Case: CustomTestStringConvertible, Sendable {
        let script: String
        let events: [String]
        var testDescription: String { script }
    }

    static let cases: [Case] = [
        Case(script: "echo 1 > HYPERVISOR", events: ["HYPERVISOR MODIFY", "HYPERVISOR CLOSE_WRITE"]),
        Case(script: "echo 1 >> HYPERVISOR", events: ["HYPERVISOR MODIFY", "HYPERVISOR CLOSE_WRITE"]),
        Case(
            script: "echo 1 > NEW", events: ["NEW CREATE", "NEW MODIFY", "NEW CLOSE_WRITE"]),
        Case(script: "rm HYPERVISOR", events: ["HYPERVISOR DELETE"]),
        Case(script: "mv HYPERVISOR OTHER", events: ["HYPERVISOR MOVED_FROM", "OTHER MOVED_TO"]),
        Case(script: "mv V W", events: ["V MOVED_FROM,ISDIR", "W MOVED_TO,ISDIR"]),
        Case(script: "mkdir N; echo 1 > N/KEY", events: ["N CREATE,ISDIR"]),
        Case(script: "rm V/A; rmdir V", events: ["V DELETE,ISDIR"]),
        Case(
            script: "python3 -c 'import os; os.truncate(\"HYPERVISOR\", 0)'", events: ["HYPERVISOR MODIFY"]),
    ]

    @Test("just the kernel's", arguments: cases, [[], ["noverify"]])
    func own(_ item: Case, _ options: [String]) throws {
        let gate = try MountedGate(options: ["watch=0.1"] + options)
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1"])
        let inotify = try Inotify(gate, Self.vm)
        gate.simulator.afterRequests(2, of: 8)
        let outcome = try gate.shell("cd \(Self.vm); \(item.script)")
        #expect(outcome.succeeded, "\(outcome.errors)")
        // By the time that a remote change has come, an echo of our own would have come too.
        gate.simulator.afterRequests(3, of: 8)
        gate.cloud.setAttribute(vm: 8, name: "REMOTE", value: "1")
        inotify.wait(for: Self.vm + "/REMOTE CREATE")
        var seen = inotify.all.map { String($0.dropFirst(Self.vm.count + 1)) }
        // dash and bash truncate at once, which the kernel tells with an event of its own.
        if seen.first == seen.dropFirst().first { seen.removeFirst() }
        #expect(seen == item.events + ["REMOTE CREATE"])
    }

    @Test("a key of a vector attribute, in its folder")
    func keys() throws {
        let gate = try MountedGate(options: ["watch=0.1"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1", "B": "1"])
        let inotify = try Inotify(gate, Self.vm, Self.vm + "/V")
        gate.simulator.afterRequests(2, of: 8)
        let outcome = try gate.shell("cd \(Self.vm)/V; echo 2 > C; rm A; mv B D")
        #expect(outcome.succeeded, "\(outcome.errors)")
        gate.simulator.afterRequests(3, of: 8)
        gate.cloud.setAttribute(vm: 8, name: "REMOTE", value: "1")
        inotify.wait(for: Self.vm + "/REMOTE CREATE")
        #expect(
            inotify.all == [
                "C CREATE", "C MODIFY", "C CLOSE_WRITE", "A DELETE", "B MOVED_FROM", "D MOVED_TO",
            ].map { Self.vm + "/V/" + $0 } + [Self.vm + "/REMOTE CREATE"])
    }

    @Test("what `update` and `control` change is news, and so is vm.json")
    func besides() throws {
        let gate = try MountedGate(options: ["watch=0.1"])
        defer { gate.end() }
        let inotify = try Inotify(gate, Self.vm, "vm/8")
        gate.simulator.afterRequests(2, of: 8)
        let outcome = try gate.shell(
            "printf 'HYPERVISOR=lxc\\nNEW=1\\n' > vm/8/update; echo poweroff > vm/8/control")
        #expect(outcome.succeeded, "\(outcome.errors)")
        for event in [
            "USER_TEMPLATE/HYPERVISOR CLOSE_WRITE", "USER_TEMPLATE/NEW CREATE", "vm.json CLOSE_WRITE",
        ] {
            inotify.wait(for: "vm/8/" + event)
        }
        gate.cloud.elapse(.seconds(60))
        inotify.wait(for: "vm/8/STATE CLOSE_WRITE")
    }

    @Test("a CARDINALITY that is written makes the kernel's events; the VMs that come are news")
    func cardinality() throws {
        let gate = try MountedGate(options: ["watch=0.1"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "service/roles/slave/CARDINALITY", "vm")
        gate.simulator.afterRequests(2, of: 8, path: "/service")
        let outcome = try gate.shell("echo 3 > service/roles/slave/CARDINALITY")
        #expect(outcome.succeeded, "\(outcome.errors)")
        inotify.wait(for: "vm/13 CREATE,ISDIR")
        gate.simulator.afterRequests(3, of: 8, path: "/service")
        #expect(inotify.all.count { $0.hasSuffix("CARDINALITY CLOSE_WRITE") } == 1)
    }

    @Test("somebody else's value at the same time is news")
    func race() throws {
        let gate = try MountedGate(options: ["watch=0.1", "noverify"])
        defer { gate.end() }
        let inotify = try Inotify(gate, Self.vm + "/HYPERVISOR")
        gate.simulator.afterRequests(2, of: 8)
        try gate.write("ours\n", to: Self.vm + "/HYPERVISOR")
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "theirs")
        eventually("the other's value has an event of its own") {
            inotify.all.count { $0.hasSuffix("CLOSE_WRITE") } == 2
        }
        #expect(try gate.text(Self.vm + "/HYPERVISOR") == "theirs\n")
    }
}
