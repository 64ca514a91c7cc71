import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("A server that hangs", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct HangingServerTests {
    /// Starts something that waits for a server that does not answer.
    private func blocked(_ gate: MountedGate, _ script: String) throws -> Child {
        let before = gate.simulator.requestCount
        let child = try gate.start(script)
        eventually("the server is asked") { gate.simulator.requestCount > before }
        #expect(child.isRunning)
        return child
    }

    @Test("a reader is interrupted by Ctrl-C")
    func interrupt() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=600"])
        defer { gate.end() }
        gate.simulator.inject(.hang)
        let reader = try blocked(gate, "exec cat vm/8/STATE")
        reader.kill(SIGINT)
        #expect(reader.finish().status == 128 + SIGINT)
    }

    @Test("a reader gets EINTR from a signal that it handles", .needs("perl"))
    func signal() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=600"])
        defer { gate.end() }
        gate.simulator.inject(.hang)
        let reader = try blocked(
            gate, "exec perl -e '$SIG{USR1} = sub {}; sysopen(F, \"vm/8/STATE\", 0) and die; print $!+0'")
        reader.signal(SIGUSR1)
        #expect(reader.finish().output == "\(EINTR)")
    }

    @Test("a writer is interrupted by Ctrl-C")
    func interruptWriter() throws {
        let gate = try MountedGate(options: ["ttl=600", "timeout=600"])
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE")
        gate.simulator.inject(.hang, method: "PUT")
        let writer = try blocked(gate, "exec env echo NO > vm/9/USER_TEMPLATE/ACTIVE")
        writer.kill(SIGINT)
        #expect(writer.finish().status == 128 + SIGINT)
        gate.simulator.clearFaults()
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test("a child that ends interrupts nothing, and Ctrl-C still does")
    func harmlessSignals() throws {
        let gate = try MountedGate(options: ["ttl=600", "timeout=600"])
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE")
        gate.simulator.inject(.delay(.seconds(1)), method: "PUT", count: 1)
        // bash has a handler for SIGCHLD.
        let outcome = try gate.shell("sleep 0.2 & echo NO > vm/9/USER_TEMPLATE/ACTIVE; echo $?")
        #expect(outcome == Child.Outcome(status: 0, output: "0\n", errors: ""))
        gate.simulator.inject(.hang, method: "PUT")
        let writer = try blocked(gate, "sleep 0.2 & echo YES > vm/9/USER_TEMPLATE/ACTIVE; echo $?")
        usleep(1_000_000)
        #expect(writer.isRunning)
        writer.kill(SIGINT)
        #expect(writer.finish().status == 128 + SIGINT)
    }

    @Test("thirty blocked readers block nobody else, and what is cached is served")
    func others() throws {
        let gate = try MountedGate(options: ["ttl=0", "peer_ttl=600", "timeout=600", "watch=0"])
        defer { gate.end() }
        let outcome = try gate.shell(
            "ls -l vm/9 vm/10; cat vm/8/STATE vm/9/USER_TEMPLATE/ACTIVE vm/10/STATE service/STATE")
        #expect(outcome.succeeded)
        gate.simulator.inject(.hang, path: "/vm")
        let readers = try (0..<30).map { _ in try gate.start("exec cat vm/8/STATE") }
        eventually("all of them wait") { !readers.contains { !isWaiting($0, "cat") } }
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        #expect(try gate.text("vm/10/STATE") == "RUNNING\n")
        #expect(try gate.text("service/STATE") == "RUNNING\n")
        #expect(try gate.text(".onegatefs/status").contains("endpoint: "))
        #expect(try gate.names("vm/9").contains("STATE"))
        #expect(!readers.contains { !$0.isRunning })
        // Whichever is interrupted ends, though the others go on waiting.
        readers[17].kill(SIGINT)
        #expect(readers[17].finish().status == 128 + SIGINT)
        #expect(readers[16].isRunning && readers[18].isRunning)
        for reader in readers { reader.kill(SIGINT) }
        for reader in readers { #expect(reader.finish().status == 128 + SIGINT) }
    }

    /// Whether a program has begun and sleeps: /proc/PID/stat.
    private func isWaiting(_ child: Child, _ program: String) -> Bool {
        let status = try? String(contentsOfFile: "/proc/\(child.id)/stat", encoding: .utf8)
        return status?.contains("(\(program)) S ") ?? false
    }

    @Test("blocked readers get their answer when the server comes back")
    func recovery() throws {
        let gate = try MountedGate(options: ["ttl=600", "timeout=0.7"])
        defer { gate.end() }
        gate.simulator.inject(.hang, count: 1)
        let reader = try gate.start("cat vm/8/STATE || cat vm/8/STATE")
        let outcome = reader.finish()
        #expect(
            outcome.output == "RUNNING\n" && outcome.errors.contains("Connection timed out"), "\(outcome)")
    }

    @Test("who waits in a folder keeps no event from others, and no killed daemon from ending")
    func folder() throws {
        let gate = try MountedGate(options: ["peer_ttl=0", "timeout=600", "watch=0.2"])
        defer { gate.end() }
        // That folders are still watched is found out by dropping their names, in the folders above them.
        let inotify = try Inotify(gate, "vm/8", "vm/9", "service", ".onegatefs/errors")
        gate.simulator.afterRequests(5, of: 8)
        gate.simulator.inject(.hang, path: "/service")
        // Looking a name up takes the folder's lock in the kernel until the answer comes.
        let waiting = try blocked(gate, "exec stat vm/99")
        usleep(2_000_000)
        #expect(try gate.shell("mkdir vm/8/folder").errors.contains("Operation not permitted"))
        inotify.wait(for: ".onegatefs/errors CLOSE_WRITE")
        #expect(waiting.isRunning)
        gate.daemon.kill(SIGKILL)
        eventually("the killed daemon has ended") { !gate.daemon.isRunning }
        #expect(waiting.finish().status == 1)
    }

    @Test("the mount ends at once though readers wait for the server")
    func unmount() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=600"])
        defer { gate.end() }
        gate.simulator.inject(.hang)
        let reader = try blocked(gate, "exec cat vm/8/STATE")
        gate.daemon.signal(SIGTERM)
        #expect(gate.daemon.finish().status == 0)
        #expect(reader.finish().status == 1)
        #expect(!MountTable.has(gate.path))
    }

    @Test(
        "what is interrupted while it waits for its turn is not sent any more",
        arguments: [
            "exec perl -e 'truncate(\"B\", 1) or die'", "exec rm VECTOR/K",
            "exec mv VECTOR/K VECTOR/L", "exec env printf 'c\n' > B",
        ])
    func interruptedTurn(script: String) throws {
        let gate = try MountedGate(options: ["timeout=600"])
        defer { gate.end() }
        let made =
            "cd vm/8/USER_TEMPLATE && mkdir FIRST VECTOR && echo k > FIRST/K && echo b > B && echo k > VECTOR/K"
        try #require(gate.shell(made).succeeded)
        gate.simulator.inject(.delay(.seconds(6)), method: "PUT", count: 1)
        func changes() -> Int { gate.simulator.requests.count { $0.method == "PUT" } }
        let before = changes()
        // In a folder of its own, which it locks.
        let first = try blocked(gate, "exec rm vm/8/USER_TEMPLATE/FIRST/K")
        let second = try gate.start("cd vm/8/USER_TEMPLATE && \(script)")
        usleep(300_000)
        #expect(second.isRunning)
        second.kill(SIGINT)
        #expect(second.finish().status != 0)
        #expect(first.isRunning)
        #expect(first.finish().status == 0)
        // What waited for its turn would have it by now, and this comes after it.
        try #expect(gate.shell("echo d > vm/8/USER_TEMPLATE/D").succeeded)
        #expect(changes() == before + 2)
        #expect(gate.cloud.attribute(vm: 8, name: "B") == "b")
        #expect(gate.cloud.attribute(vm: 8, name: "VECTOR") == ["K": "k"])
    }

    @Test("the end waits for the change under way, and begins none that waits for its turn")
    func endDuringChanges() throws {
        let gate = try MountedGate(options: ["timeout=20"])
        defer { gate.end() }
        try #require(gate.shell("echo a > vm/8/USER_TEMPLATE/A && echo b > vm/8/USER_TEMPLATE/B").succeeded)
        gate.simulator.inject(.delay(.seconds(2)), method: "PUT")
        let remover = try blocked(gate, "exec rm vm/8/USER_TEMPLATE/A")
        let writer = try gate.start("printf 'c\n' > vm/8/USER_TEMPLATE/B")
        usleep(300_000)
        gate.daemon.signal(SIGTERM)
        #expect(gate.daemon.finish().status == 0)
        #expect(remover.finish().status == 0)
        #expect(writer.finish().status != 0)
        #expect(gate.simulator.cloud.attribute(vm: 8, name: "A") == nil)
        #expect(gate.simulator.cloud.attribute(vm: 8, name: "B")?.scalar == "b")
    }
}
