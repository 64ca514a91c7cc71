import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Watching", .needsFUSE, .needs("inotifywait"), .onOwnThread, .timeLimit(.minutes(5)))
struct EventTests {
    /// Watches something until it is killed; one event a line, `EVENTS NAME`.
    private func watch(_ gate: MountedGate, _ files: String...) throws -> Child {
        let watcher = try Child(
            ["inotifywait", "-m", "--format", "%,e %w%f"] + files, in: gate.path)
        eventually("the watches are set") {
            watcher.errorsSoFar.contains("Watches established") || !watcher.isRunning
        }
        return watcher
    }

    @Test("a remote change is an ordinary event on the file, whose new content can be read then")
    func file() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.2"])
        defer { gate.end() }
        let file = "vm/9/USER_TEMPLATE/ACTIVE"
        let watcher = try watch(gate, file)
        defer { watcher.kill(SIGKILL) }
        for value in ["NO", "something longer", "x"] {
            let before = watcher.outputSoFar
            gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: .string(value))
            eventually("the events come") {
                let new = watcher.outputSoFar.dropFirst(before.count)
                return new.contains("OPEN") && new.contains("MODIFY") && new.contains("CLOSE_WRITE")
            }
            #expect(try gate.text(file) == value + "\n")
        }
    }

    @Test("attributes and VMs that come and go are events on their folders")
    func folders() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.2"])
        defer { gate.end() }
        let watcher = try watch(gate, "vm/9/USER_TEMPLATE", "vm", "service/roles/slave/vm")
        defer { watcher.kill(SIGKILL) }
        gate.cloud.setAttribute(vm: 9, name: "FRESH", value: "x")
        eventually("the attribute comes") { watcher.outputSoFar.contains("CREATE vm/9/USER_TEMPLATE/FRESH") }
        gate.cloud.eraseAttribute(vm: 9, name: "FRESH")
        eventually("the attribute goes") { watcher.outputSoFar.contains("DELETE vm/9/USER_TEMPLATE/FRESH") }
        let added = try #require(gate.cloud.addVM(service: 3, role: "slave"))
        eventually("the VM comes") {
            watcher.outputSoFar.contains("CREATE,ISDIR vm/\(added)\n")
                && watcher.outputSoFar.contains("CREATE service/roles/slave/vm/\(added)\n")
        }
        gate.cloud.removeVM(added)
        eventually("the VM goes") {
            watcher.outputSoFar.contains("DELETE,ISDIR vm/\(added)\n")
                && watcher.outputSoFar.contains("DELETE service/roles/slave/vm/\(added)\n")
        }
        #expect(gate.simulator.requests.changes.lines == [])
    }

    @Test("an outage makes no event, and nothing that is watched goes with it")
    func outage() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.1"])
        defer { gate.end() }
        let watcher = try watch(gate, "vm/9/USER_TEMPLATE", "vm", "vm/9/USER_TEMPLATE/ACTIVE")
        defer { watcher.kill(SIGKILL) }
        func isAsked(_ what: Comment) {
            let before = gate.simulator.requestCount
            eventually(what) { gate.simulator.requestCount > before + 1 }
        }
        gate.cloud.isOneFlowDown = true
        isAsked("OneFlow is asked")
        gate.cloud.isOneFlowDown = false
        gate.cloud.isCoreDown = true
        isAsked("the core is asked")
        gate.cloud.isCoreDown = false
        isAsked("all is well again")
        #expect(!watcher.outputSoFar.contains("DELETE") && !watcher.outputSoFar.contains("CREATE"))
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "AFTER")
        eventually("the watch is still good") {
            watcher.outputSoFar.contains("MODIFY vm/9/USER_TEMPLATE/ACTIVE")
        }
    }
}
