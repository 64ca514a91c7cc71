import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Watching through trouble", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingOutageTests {
    private let template = "vm/8/USER_TEMPLATE"

    @Test("umount succeeds while there are watches, and the daemon ends well")
    func unmounting() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm", "vm/8", template, template + "/HYPERVISOR", ".onegatefs/events")
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
        inotify.wait(for: ".onegatefs/events CLOSE_WRITE")
        let outcome = try Child.run(["umount", gate.path])
        #expect(outcome.succeeded, "\(outcome.errors)")
        #expect(gate.daemon.wait() == 0)
        inotify.wait(for: "vm UNMOUNT,ISDIR")
    }

    @Test("a change made while the server was away is seen when it is back")
    func outage() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, template, template + "/HYPERVISOR", "vm")
        gate.simulator.afterRequests(3, of: 8)
        gate.simulator.stop()
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        gate.cloud.setAttribute(vm: 8, name: "NEW", value: "1")
        let log = gate.daemon
        eventually("polls fail") {
            log.isRunning && gate.metric("onegatefs_requests_total", containing: "unreachable") > 2
        }
        #expect(inotify.all == [])
        try gate.simulator.restart()
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
        inotify.wait(for: template + "/NEW CREATE")
        #expect(!inotify.all.contains { $0.contains("DELETE") || $0.contains("IGNORED") })
    }

    @Test("an outage of OneFlow or of the core makes nothing vanish")
    func halfOutage() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm", "vm/9/USER_TEMPLATE", "service", "service/roles/slave/vm")
        gate.simulator.afterRequests(3, of: 8, path: "/service")
        gate.cloud.isOneFlowDown = true
        gate.simulator.afterRequests(3, of: 8, path: "/service")
        gate.cloud.isOneFlowDown = false
        gate.cloud.isCoreDown = true
        gate.simulator.afterRequests(3, of: 8)
        gate.cloud.isCoreDown = false
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NO")
        inotify.wait(for: "vm/9/USER_TEMPLATE/ACTIVE CLOSE_WRITE")
        #expect(!inotify.all.contains { $0.contains("DELETE") || $0.contains("CREATE") })
    }

    @Test("a token that changes loses no change")
    func token() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, template)
        gate.simulator.afterRequests(3, of: 8)
        gate.cloud.setToken(vm: 8, "another-token")
        gate.simulator.afterRequests(2, of: 8)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        try gate.simulator.environmentFile(vm: 8).write(
            toFile: gate.envFile, atomically: true, encoding: .utf8)
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
    }

    @Test("a daemon that was stopped for a while sees what changed")
    func suspended() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["watch=0.2"])
        defer { other.end() }
        let inotify = try Inotify(gate, template)
        let witness = try Inotify(other, "vm/8/USER_TEMPLATE")
        gate.simulator.afterRequests(3, of: 8)
        gate.daemon.signal(SIGSTOP)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        gate.cloud.setAttribute(vm: 8, name: "NEW", value: "1")
        witness.wait(for: template + "/NEW CREATE")
        #expect(inotify.all == [])
        gate.daemon.signal(SIGCONT)
        inotify.wait(for: template + "/HYPERVISOR CLOSE_WRITE")
        inotify.wait(for: template + "/NEW CREATE")
    }
}

extension MountedGate {
    /// The sum of a metric's samples that contain a text.
    func metric(_ name: String, containing label: String) -> Double {
        let lines = ((try? text(".onegatefs/metrics")) ?? "").split(separator: "\n")
        return lines.filter { $0.hasPrefix(name) && $0.contains(label) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }
}
