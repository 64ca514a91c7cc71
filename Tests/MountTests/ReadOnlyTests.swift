import Foundation
import Glibc
import OneGateSimulator
import Testing

/// A mount with the option `ro`: the kernel opens alone, so what was read before is read again without a word to the daemon.
@Suite(
    "Mounts that are read-only", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)),
    .enabled(if: geteuid() == 0, "only root's mounts are the kernel's to keep read-only"))
struct ReadOnlyTests {
    private static let file = "vm/8/USER_TEMPLATE/ACTIVE"

    /// How often the kernel asked for something.
    private func operations(_ gate: MountedGate, _ operation: String) throws -> Int {
        let line = try gate.text(".onegatefs/metrics").split(separator: "\n").first {
            $0.hasPrefix("onegatefs_operations_total{operation=\"\(operation)\",errno=\"\"}")
        }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    @Test("the kernel keeps the mount read-only, and nothing can be opened to be written")
    func refused() throws {
        let gate = try MountedGate(options: ["ro", "ttl=600"])
        defer { gate.end() }
        // It is mounted just before it is made read-only, and answers after that.
        _ = try gate.names("")
        let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
        let line = mounts.split(separator: "\n").first { $0.contains(" \(gate.path) ") }
        #expect(line?.split(separator: " ")[3].split(separator: ",").contains("ro") ?? false, "\(line ?? "")")
        let file = "vm/8/USER_TEMPLATE/HYPERVISOR"
        for flags in [O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND] {
            #expect(throws: SystemError(what: "", number: EROFS)) {
                try gate.write("x", to: file, flags: flags)
            }
        }
        #expect(gate.simulator.requests.changes.isEmpty)
    }

    @Test("what was read and listed is read and listed again without asking the daemon")
    func cached() throws {
        let gate = try MountedGate(options: ["ro", "ttl=600", "watch=0"])
        defer { gate.end() }
        let script = "cat vm/8/STATE vm/8/USER_TEMPLATE/*; ls -l vm/8/USER_TEMPLATE vm/8/TEMPLATE/NIC/0"
        let first = try gate.shell(script).output
        let before = try (
            operations(gate, "getattr"), operations(gate, "lookup"), operations(gate, "readdir")
        )
        for _ in 0..<20 { #expect(try gate.shell(script).output == first) }
        let after = try (operations(gate, "getattr"), operations(gate, "lookup"), operations(gate, "readdir"))
        // Reading the metrics asks for attributes, as all about the mount does.
        #expect(after.0 - before.0 < 10, "\(before) \(after)")
        #expect(after.1 - before.1 < 10, "\(before) \(after)")
        #expect(after.2 == before.2, "\(before) \(after)")
    }

    @Test(
        "what is read is no older than the ttl, whole, and as long as it is", arguments: ["ttl=0", "ttl=0.3"])
    func fresh(ttl: String) throws {
        let gate = try MountedGate(options: ["ro", ttl])
        defer { gate.end() }
        for length in [3, 300, 4, 4095, 5000, 1, 9000, 2] {
            let value = String(repeating: "x", count: length)
            gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string(value))
            if ttl != "ttl=0" { usleep(350_000) }
            #expect(try gate.text(Self.file) == value + "\n")
            #expect(try gate.status(Self.file).st_size == off_t(length + 1))
        }
    }

    @Test("while values of many lengths come and go, every open reads one of them whole")
    func wholeValues() throws {
        let gate = try MountedGate(options: ["ro", "ttl=0.01", "watch=0.05"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "0")
        let inotify = try Inotify(gate, Self.file)
        let program = """
            import os, sys, time
            seen, end = set(), time.monotonic() + 4
            while time.monotonic() < end:
                with open(sys.argv[1]) as file:
                    text = ""
                    while piece := os.read(file.fileno(), 100): text += piece.decode()
                    seen.add(text)
            print(*seen, sep="", end="")
            """
        let readers = try (0..<4).map { _ in
            try Child(["python3", "-c", program, Self.file], in: gate.path)
        }
        var sent: Set<String> = ["0"]
        for number in 0..<60 {
            let value = String(repeating: "\(number % 10)", count: 1 + number * 37 % 900)
            sent.insert(value)
            gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string(value))
            usleep(50_000)
        }
        for reader in readers {
            let outcome = reader.finish()
            #expect(outcome.succeeded && !outcome.lines.isEmpty, "\(outcome.errors)")
            let strange = Set(outcome.lines).subtracting(sent)
            #expect(strange.isEmpty, "\(strange.map { "\($0.prefix(40).debugDescription) of \($0.count)" })")
        }
        #expect(!inotify.all.isEmpty)
    }

    @Test("an open reads the version that it found, however long that takes")
    func oneVersion() throws {
        let gate = try MountedGate(options: ["ro", "ttl=0"])
        defer { gate.end() }
        let old = String(repeating: "old", count: 1000)
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string(old))
        let descriptor = try SystemError.check("open", open(gate.path + "/" + Self.file, O_RDONLY))
        defer { close(descriptor) }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "new")
        #expect(try gate.text(Self.file) == "new\n")
        #expect(String(decoding: try Descriptor.readAll(descriptor), as: UTF8.self) == old + "\n")
        let number = try gate.status(Self.file).st_ino
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "newer")
        #expect(try gate.status(Self.file).st_ino == number)
    }

    @Test("a watch on a file sees every change and its end, and goes on seeing when others read")
    func watchedFile() throws {
        let gate = try MountedGate(options: ["ro", "ttl=0.1", "watch=0.1"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "0")
        let first = try Inotify(gate, Self.file)
        for number in 1...5 {
            gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string("\(number)"))
            eventually("change \(number)") {
                first.all.count { $0 == "\(Self.file) CLOSE_WRITE" } == number
            }
            #expect(try gate.text(Self.file) == "\(number)\n")
        }
        let second = try Inotify(gate, Self.file)
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "6")
        second.wait(for: "\(Self.file) CLOSE_WRITE")
        eventually("the first sees it, too") { first.all.count { $0.hasSuffix(" MODIFY") } == 6 }
        #expect(second.all == ["\(Self.file) MODIFY", "\(Self.file) CLOSE_WRITE"])
        _ = gate.cloud.eraseAttribute(vm: 8, name: "ACTIVE")
        second.wait(for: "\(Self.file) DELETE_SELF")
        first.wait(for: "\(Self.file) DELETE_SELF")
    }

    @Test("names that come and go are listed after the ttl, in every folder")
    func listings() throws {
        let gate = try MountedGate(options: ["ro", "ttl=0.2", "peer_ttl=0.2"])
        defer { gate.end() }
        let script = "ls vm service/roles/slave/vm vm/8/USER_TEMPLATE vm/9 | sort | uniq -c"
        _ = try gate.shell(script)
        gate.cloud.setAttribute(vm: 8, name: "ADDED", value: "1")
        gate.cloud.scale(service: 3, role: "slave", to: 3)
        try eventually("what came is listed") {
            let (attributes, members, machines) = try (
                gate.names("vm/8/USER_TEMPLATE"), gate.names("service/roles/slave/vm"), gate.names("vm")
            )
            return attributes.contains("ADDED") && members.count == 3 && machines.count == 5
        }
        _ = gate.cloud.eraseAttribute(vm: 8, name: "ADDED")
        usleep(250_000)
        #expect(try !gate.names("vm/8/USER_TEMPLATE").contains("ADDED"))
    }

    @Test("a long text is read whole, in whatever pieces")
    func longText() throws {
        let gate = try MountedGate(
            .service(machines: 200, attributes: 10), vm: 0, options: ["ro", "ttl=600"])
        defer { gate.end() }
        let text = try gate.bytes("service/extended.json")
        #expect(text.count > 200_000)
        let status = try gate.status("service/extended.json")
        #expect(Int(status.st_size) == text.count)
        let outcome = try gate.shell(
            """
            echo 1 > /proc/sys/vm/drop_caches
            dd if=service/extended.json bs=777 2> /dev/null | cksum; cksum < service/extended.json
            """)
        #expect(Set(outcome.lines).count == 1 && outcome.lines.count == 2, "\(outcome)")
        #expect(outcome.lines.first?.hasSuffix(" \(text.count)") ?? false, "\(outcome)")
    }

    @Test("the new content is there when the event arrives")
    func events() throws {
        let gate = try MountedGate(options: ["ro", "ttl=600", "watch=0.1"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "old")
        #expect(try gate.text(Self.file) == "old\n")
        let inotify = try Inotify(gate, Self.file)
        for (count, value) in ["new", "neu", "a longer value", "s"].enumerated() {
            gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string(value))
            eventually("event \(count)") {
                inotify.all.count { $0 == "\(Self.file) CLOSE_WRITE" } == count + 1
            }
            #expect(try gate.text(Self.file) == value + "\n")
        }
    }

    @Test("poll(2) wakes with POLLPRI, and reading from the beginning gives the new value")
    func poll() throws {
        let gate = try MountedGate(options: ["ro", "watch=0.2", "ttl=600"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "old")
        let program = """
            import os, select, sys
            file = os.open(sys.argv[1], os.O_RDONLY)
            poll = select.poll()
            poll.register(file, select.POLLPRI | select.POLLERR)
            assert poll.poll(0) == []
            for _ in range(3):
                print(os.pread(file, 100, 0).decode(), end="", flush=True)
                events = poll.poll(60000)
                assert events == [(file, select.POLLPRI | select.POLLERR)], events
            """
        let child = try Child(["python3", "-c", program, Self.file], in: gate.path)
        defer { child.kill(SIGTERM) }
        var expected = "old\n"
        eventually("it reads the first") { child.outputSoFar == expected }
        for value in ["something longer", "x"] {
            gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: .string(value))
            expected += value + "\n"
            eventually("it reads \(value)") { child.outputSoFar == expected }
        }
        gate.cloud.setAttribute(vm: 8, name: "ACTIVE", value: "end")
        #expect(child.wait() == 0)
        #expect(child.errorsSoFar == "")
    }

    @Test("the server may be down: what is about the mount can be read, and the rest says why not")
    func outage() throws {
        let gate = try MountedGate(options: ["ro", "ttl=0.1"])
        defer { gate.end() }
        _ = try gate.shell("ls -lR")
        gate.simulator.inject(.status(500, "down"))
        usleep(150_000)
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/8/STATE") }
        #expect(try gate.text(".onegatefs/status").contains("endpoint"))
        #expect(try gate.errors().contains("down"))
        #expect(try gate.shell("ls vm/8").errors.contains("Input/output error"))
    }
}
