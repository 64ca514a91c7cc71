import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("What programs make of remote changes", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingProgramsTests {
    private let template = "vm/8/USER_TEMPLATE"

    /// Starts a program that watches, and waits until what it watches is polled.
    private func start(_ gate: MountedGate, _ script: String) throws -> Child {
        let child = try gate.start("exec " + script)
        gate.simulator.afterRequests(4, of: 8)
        return child
    }

    private func waitFor(_ text: String, in child: Child) {
        eventually("\(text), not just \(child.outputSoFar) \(child.errorsSoFar)") {
            child.outputSoFar.contains(text)
        }
    }

    @Test("inotifywait -r", .needs("inotifywait"))
    func recursive() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let child = try start(
            gate, "inotifywait -m -r -q -e modify,create,delete,close_write --format '%w%f %e' .")
        defer { child.kill(SIGTERM) }
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NO")
        waitFor("./vm/9/USER_TEMPLATE/ACTIVE CLOSE_WRITE", in: child)
        gate.cloud.scale(service: 3, role: "slave", to: 3)
        waitFor("./vm/13 CREATE,ISDIR", in: child)
        waitFor("./service/roles/slave/vm/13 CREATE", in: child)
        // A folder that came is watched like the others.
        gate.simulator.afterRequests(3, of: 8)
        gate.cloud.setAttribute(vm: 13, name: "READY", value: "YES")
        waitFor("./vm/13/USER_TEMPLATE/READY CREATE", in: child)
    }

    @Test("entr", .needs("entr"))
    func entr() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let child = try start(gate, "bash -c 'echo \(template)/HYPERVISOR | entr -n cat /_'")
        defer { child.kill(SIGTERM) }
        waitFor("kvm\n", in: child)
        for value in ["lxc", "a longer one", "x"] {
            // It takes what happens just after it ran its program for that program's doing.
            gate.simulator.afterRequests(8, of: 8)
            gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: .string(value))
            waitFor(value + "\n", in: child)
        }
    }

    @Test("tail -F of the events shows a service live", .needs("tail"))
    func tail() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let child = try start(gate, "tail -n +1 -F -s 0.1 .onegatefs/events")
        defer { child.kill(SIGTERM) }
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NO")
        waitFor(#""path":"vm/9/USER_TEMPLATE/ACTIVE","kind":"changed","old":"YES","new":"NO"}"#, in: child)
        gate.cloud.setAttribute(vm: 8, name: "V", value: ["A": "1", "B": "2"])
        waitFor(#""path":"vm/8/USER_TEMPLATE/V/B","kind":"added","old":null,"new":"2"}"#, in: child)
        gate.cloud.eraseAttribute(vm: 8, name: "V")
        waitFor(#""path":"vm/8/USER_TEMPLATE/V/A","kind":"removed","old":"1","new":null}"#, in: child)
        gate.cloud.scale(service: 3, role: "slave", to: 3)
        waitFor(#""path":"service/roles/slave/CARDINALITY","kind":"changed","old":"2","new":"3"}"#, in: child)
        waitFor(
            #""path":"vm/13/USER_TEMPLATE/ROLE_NAME","kind":"added","old":null,"new":"slave"}"#, in: child)
        // Each line once, each a JSON object with these members.
        let lines = child.outputSoFar.split(separator: "\n")
        #expect(Set(lines).count == lines.count)
        for line in lines {
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(Set(event?.keys.map { $0 } ?? []) == ["time", "path", "kind", "old", "new"])
        }
        #expect(child.errorsSoFar == "")
    }

    @Test("the events are watchable themselves")
    func events() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let inotify = try Inotify(gate, ".onegatefs/events")
        gate.simulator.afterRequests(2, of: 8)
        for value in ["1", "2", "3"] {
            gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: .string(value))
            inotify.wait(for: ".onegatefs/events CLOSE_WRITE")
            #expect(try gate.text(".onegatefs/events").hasSuffix("\"new\":\"\(value)\"}\n"))
            inotify.clear()
        }
    }

    @Test("watch(1), which reads", .needs("watch"))
    func watch() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let child = try gate.start("TERM=xterm exec watch -n 0.2 -g cat \(template)/HYPERVISOR")
        defer { child.kill(SIGTERM) }
        eventually("it shows the value") { child.outputSoFar.contains("kvm") }
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        #expect(child.wait() == 0)
    }

    @Test("poll(2) wakes with POLLPRI, and reading from the beginning gives the new value")
    func poll() throws {
        let gate = try MountedGate(options: ["watch=0.2", "ttl=600"])
        defer { gate.end() }
        let program = """
            import os, select, sys
            file = os.open(sys.argv[1], os.O_RDONLY)
            poll = select.poll()
            poll.register(file, select.POLLPRI | select.POLLERR)
            for _ in range(4):
                print(os.pread(file, 100, 0).decode(), end="", flush=True)
                events = poll.poll(60000)
                assert events == [(file, select.POLLPRI | select.POLLERR)], events
            """
        let child = try Child(["python3", "-c", program, template + "/HYPERVISOR"], in: gate.path)
        defer { child.kill(SIGTERM) }
        waitFor("kvm\n", in: child)
        var expected = "kvm\n"
        for value in ["lxc", "something longer", "x"] {
            gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: .string(value))
            expected += value + "\n"
            waitFor(expected, in: child)
        }
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "end")
        #expect(child.wait() == 0)
        #expect(child.errorsSoFar == "")
    }

    @Test("what poll(2) tells of is read whole, however often it changes")
    func pollOften() throws {
        let gate = try MountedGate(options: ["watch=0.05", "ttl=600"])
        defer { gate.end() }
        let program = """
            import os, select, sys
            file = os.open(sys.argv[1], os.O_RDONLY)
            poll = select.poll()
            poll.register(file, select.POLLPRI | select.POLLERR)
            while True:
                text = os.pread(file, 4096, 0)
                if text == b"end\\n": break
                assert text == b"v" * (len(text) - 1) + b"\\n", text
                print(len(text), flush=True)
                assert poll.poll(60000) != []
            """
        let names = (0..<4).map { "POLLED_\($0)" }
        for child in try change(names, in: gate, rounds: 300, pause: 7000, readBy: program, each: 1) {
            #expect(child.errorsSoFar == "")
        }
    }

    @Test(
        "whoever opens and reads gets one whole version, however often it changes and whoever asks for its size"
    )
    func readOften() throws {
        let gate = try MountedGate(options: ["watch=0.05", "ttl=600"])
        defer { gate.end() }
        let program = """
            import os, sys
            last = 0
            while True:
                for turn in range(20):
                    if turn % 3 == 0: os.stat(sys.argv[1])
                    file = os.open(sys.argv[1], os.O_RDONLY)
                    text = os.pread(file, 4096, 0)
                    os.close(file)
                    if text == b"end\\n": sys.exit()
                    assert text == b"v" * (len(text) - 1) + b"\\n", text
                    if last != len(text): print(len(text), flush=True)
                    last = len(text)
            """
        let names = (0..<2).map { "READ_\($0)" }
        for child in try change(names, in: gate, rounds: 200, pause: 20_000, readBy: program, each: 2) {
            #expect(child.errorsSoFar == "")
            #expect(child.outputSoFar.split(separator: "\n").count > 5)
        }
    }

    /// Changes attributes again and again, with values of many lengths, while programs read them that end when one says so. Gives
    /// the programs, which have ended.
    ///
    /// - Parameters:
    ///   - pause: between two changes, in microseconds.
    ///   - program: of Python; it prints the length of the first text, 2, and ends at the value `end`.
    ///   - count: how many read each attribute.
    private func change(
        _ names: [String], in gate: MountedGate, rounds: Int, pause: UInt32, readBy program: String,
        each count: Int
    ) throws -> [Child] {
        for name in names { gate.cloud.setAttribute(vm: 8, name: name, value: "v") }
        let readers = Array(repeating: names, count: count).joined()
        let children = try readers.map { name in
            eventually("\(name) is there") { gate.exists("\(template)/\(name)") }
            let child = try Child(["python3", "-c", program, "\(template)/\(name)"], in: gate.path)
            waitFor("2\n", in: child)
            return child
        }
        defer { for child in children { child.kill(SIGTERM) } }
        for round in 0..<rounds {
            let value = String(repeating: "v", count: [1, 40, 2, 2000, 5, 300][round % 6])
            gate.cloud.setAttribute(vm: 8, name: names[round % names.count], value: .string(value))
            usleep(pause)
        }
        for name in names { gate.cloud.setAttribute(vm: 8, name: name, value: "end") }
        for child in children { #expect(child.wait() == 0) }
        return children
    }

    @Test("python's watchdog", .enabled(if: Self.hasWatchdog, "needs python3-watchdog"))
    func watchdog() throws {
        let gate = try MountedGate(options: ["watch=0.2"])
        defer { gate.end() }
        let program = """
            import sys
            from watchdog.events import FileSystemEventHandler
            from watchdog.observers import Observer
            class Handler(FileSystemEventHandler):
                def on_any_event(self, event): print(event.event_type, event.src_path, flush=True)
            observer = Observer()
            observer.schedule(Handler(), "vm", recursive=True)
            observer.start()
            observer.join()
            """
        let child = try Child(["/usr/bin/python3", "-c", program], in: gate.path)
        defer { child.kill(SIGKILL) }
        gate.simulator.afterRequests(4, of: 8)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        waitFor("modified \(template)/HYPERVISOR\n", in: child)
        gate.cloud.setAttribute(vm: 9, name: "NEW", value: "1")
        waitFor("created vm/9/USER_TEMPLATE/NEW\n", in: child)
        gate.cloud.eraseAttribute(vm: 9, name: "NEW")
        waitFor("deleted vm/9/USER_TEMPLATE/NEW\n", in: child)
    }

    /// A device of its own, in a mount namespace of its own, that any user may open.
    private static let anybodysFUSE = """
        set -e
        mknod $FOLDER/fuse c 10 229
        chmod 666 $FOLDER/fuse
        mount --bind $FOLDER/fuse /dev/fuse
        """

    static let canBeNobody: Bool = {
        guard geteuid() == 0, ["setpriv", "unshare", "fusermount3", "inotifywait"].allSatisfy(Child.exists),
            let folder = try? Executables.makeFolder()
        else { return false }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script =
            anybodysFUSE + "\nexec setpriv --reuid 65534 --regid 65534 --clear-groups test -w /dev/fuse"
        let outcome = try? Child.run(
            ["unshare", "-m", "bash", "-c", script], environment: ["FOLDER": folder])
        return outcome?.succeeded ?? false
    }()

    @Test(
        "a daemon that is not root makes the same events",
        .enabled(if: canBeNobody, "needs root, and fusermount3"))
    func nobody() throws {
        let simulator = try Simulator(cloud: .panacea())
        let folder = try Executables.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try simulator.environmentFile(vm: 8).write(
            toFile: folder + "/one_env", atomically: false, encoding: .utf8)
        let script =
            Self.anybodysFUSE + """

                mkdir $FOLDER/m
                chown 65534:65534 $FOLDER/m
                chmod 755 $FOLDER
                chmod 644 $FOLDER/one_env
                exec setpriv --reuid 65534 --regid 65534 --clear-groups bash -c '
                set -e
                "$ONEGATEFS" -o env_file=$FOLDER/one_env,watch=0.2 $FOLDER/m
                cd $FOLDER/m
                inotifywait -m -q -e modify,close_write,create,delete --format %w%f:%e vm/8 \(template) &
                until [ -e $FOLDER/m.ends ]; do sleep 0.1; done
                kill %1
                wait %1 || true
                cd /
                fusermount3 -u $FOLDER/m'
                """
        let child = try Child(
            ["unshare", "-m", "bash", "-c", script],
            environment: ["FOLDER": folder, "ONEGATEFS": Executables.onegatefs])
        defer { child.kill(SIGKILL) }
        simulator.afterRequests(5, of: 8)
        simulator.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "lxc")
        waitFor("\(template)/HYPERVISOR:CLOSE_WRITE", in: child)
        simulator.cloud.setAttribute(vm: 8, name: "NEW", value: "1")
        waitFor("\(template)/NEW:CREATE", in: child)
        // Nobody may write a name, the daemon itself neither.
        simulator.cloud.setName(vm: 8, "another")
        waitFor("vm/8/NAME:CLOSE_WRITE", in: child)
        simulator.cloud.eraseAttribute(vm: 8, name: "NEW")
        waitFor("\(template)/NEW:DELETE", in: child)
        try Data().write(to: URL(fileURLWithPath: folder + "/m.ends"))
        #expect(child.wait() == 0)
        #expect(child.errorsSoFar == "")
    }

    static let hasWatchdog: Bool = {
        let outcome = try? Child.run(["/usr/bin/python3", "-c", "import watchdog"])
        return outcome?.succeeded ?? false
    }()
}
