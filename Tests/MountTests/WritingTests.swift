import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Writing", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WritingTests {
    private static let template = "vm/9/USER_TEMPLATE"

    @Test("what echo writes is stored without the newline, with one update that is read back")
    func echo() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let requests = try gate.requests {
            try #expect(gate.shell("echo NO > vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        }
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "NO")
        #expect(requests.changes.lines == ["PUT /vms/9"])
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "NO\n")
    }

    @Test("one's own writes are visible to the next open at once")
    func ownWrites() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        for (vm, file) in [(8, "vm/8/USER_TEMPLATE/COUNT"), (9, "vm/9/USER_TEMPLATE/COUNT")] {
            for number in [1, 22, 3] {
                try gate.write("\(number)\n", to: file)
                #expect(try gate.text(file) == "\(number)\n")
                #expect(try gate.status(file).st_size == "\(number)\n".utf8.count)
                #expect(try gate.text("vm/\(vm)/vm.json").contains("\"COUNT\": \"\(number)\""))
            }
        }
    }

    @Test("without reading back a write is one request")
    func noVerify() throws {
        let gate = try MountedGate(options: ["noverify", "ttl=600"])
        defer { gate.end() }
        _ = try gate.text("vm/8/USER_TEMPLATE/HYPERVISOR")
        let requests = try gate.requests { try gate.write("x\n", to: "vm/8/USER_TEMPLATE/HYPERVISOR") }
        #expect(requests.lines == ["PUT /vm"])
        #expect(gate.cloud.attribute(vm: 8, name: "HYPERVISOR") == "x")
    }

    @Test("only one trailing newline belongs to the file")
    func newlines() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for (text, value) in [("a", "a"), ("a\n", "a"), ("a\nb\n", "a\nb"), ("a\n\nb", "a\n\nb")] {
            try gate.write(text, to: "\(Self.template)/TEXT")
            #expect(gate.cloud.attribute(vm: 9, name: "TEXT") == .string(value))
            #expect(try gate.text("\(Self.template)/TEXT") == value + "\n")
        }
    }

    @Test("a slow command never shows others an empty value")
    func slowCommand() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let other = try MountedGate(gate.simulator, vm: 9, options: ["ttl=0"])
        defer { other.end() }
        try #require(try Child.run(["mkfifo", gate.folder + "/pipe"]).succeeded)
        let writer = try gate.start(
            "(read -r LINE < \"$FOLDER/pipe\"; echo \"$LINE\") > vm/9/USER_TEMPLATE/ACTIVE")
        // The shell has opened the file for writing when it waits for the pipe.
        eventually("the file is open") {
            (try? gate.text(".onegatefs/metrics").contains("operation=\"flush\"")) != nil
        }
        for _ in 0..<20 {
            #expect(try other.text("vm/self/USER_TEMPLATE/ACTIVE") == "YES\n")
            #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        }
        try #require(try Child.run(["sh", "-c", "echo NEW > '\(gate.folder)/pipe'"]).succeeded)
        #expect(writer.finish().status == 0)
        #expect(try other.text("vm/self/USER_TEMPLATE/ACTIVE") == "NEW\n")
        #expect(gate.simulator.requests.changes.count == 1)
    }

    @Test(
        "an empty value is stored by : > F and by truncate",
        arguments: [": > F", "truncate -s 0 F", "cp /dev/null F"])
    func emptyValue(script: String) throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let script = script.replacing("F", with: "vm/9/USER_TEMPLATE/ACTIVE")
        let requests = try gate.requests {
            let outcome = try gate.shell(script)
            #expect(outcome.succeeded, "\(outcome)")
            // The next open sees it, also when it is stored at the last close.
            #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "\n")
        }
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "")
        #expect(requests.changes.count == 1)
    }

    @Test("touch makes an attribute with an empty value, and changes none that is there")
    func touch() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        try #expect(gate.shell("touch vm/9/USER_TEMPLATE/NEW && cat vm/9/USER_TEMPLATE/NEW").output == "\n")
        #expect(gate.cloud.attribute(vm: 9, name: "NEW") == "")
        let requests = try gate.requests {
            try #expect(gate.shell("touch vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        }
        #expect(requests.changes.lines == [])
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test(">> appends to the value")
    func append() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        try #expect(gate.shell("echo more >> vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES\nmore")
        try #expect(gate.shell("printf x >> vm/9/USER_TEMPLATE/FRESH").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "FRESH") == "x")
    }

    @Test("an append goes behind what is stored by then")
    func appendRace() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "OTHER")
        try #expect(gate.shell("echo mine >> vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "OTHER\nmine")
    }

    @Test("what is truncated and then appended to begins anew", .needs("python3"))
    func truncatedAppend() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        try gate.write("old\n", to: "vm/9/USER_TEMPLATE/ACTIVE")
        try #expect(
            gate.shell("echo new | dd of=vm/9/USER_TEMPLATE/ACTIVE oflag=append status=none").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "new")
        let program = """
            import sys
            with open(sys.argv[1], 'a') as file:
                file.truncate(0)
                file.write('one\\n'); file.flush()
                file.write('two\\n')
            """
        try #expect(gate.python(program, "vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "one\ntwo")
    }

    @Test(
        "a piece that is refused when one descriptor is closed is refused when the next one is, too",
        .needs("python3"))
    func refusedPiece() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let program = """
            import errno, os, sys
            file = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
            os.write(file, b'a' * 511 + b' ')
            other = os.dup(file)
            for descriptor in (other, file):
                try: os.close(descriptor)
                except OSError as error: print(errno.errorcode[error.errno])
            """
        #expect(try gate.python(program, "vm/9/USER_TEMPLATE/ACTIVE").output == "EINVAL\nEINVAL\n")
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test("what is appended through one open goes on where it was, in however many pieces", .needs("python3"))
    func appendedPieces() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let script = """
            cd vm/9/USER_TEMPLATE && echo v > D && { printf a; printf b; } >> D && cat D
            seq 1 40000 > /tmp/$$.seq; : > E; cat /tmp/$$.seq >> E && cmp /tmp/$$.seq E; rm /tmp/$$.seq
            echo 1 > F; printf 2 >> F; echo 3 >> F; cat F
            """
        let outcome = try gate.shell(script)
        #expect(outcome == Child.Outcome(status: 0, output: "v\nab\n1\n2\n3\n", errors: ""))
        // What others stored meanwhile is a line of its own.
        let program = """
            import os
            file = os.open('vm/9/USER_TEMPLATE/D', os.O_WRONLY | os.O_APPEND)
            os.write(file, b'c')
            open('vm/9/USER_TEMPLATE/D', 'a').write('other')
            os.write(file, b'd')
            """
        try #expect(gate.python(program).succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "D") == "v\nab\nc\nother\nd")
    }

    @Test("two programs that change parts of one value keep each other's", .needs("python3"))
    func parts() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        try gate.write("0123456789", to: "vm/9/USER_TEMPLATE/P")
        let program = """
            import os
            one, two = (os.open('vm/9/USER_TEMPLATE/P', os.O_RDWR) for _ in range(2))
            os.pwrite(one, b'AA', 0)
            print(os.pread(two, 100, 0))
            os.pwrite(two, b'BB', 5)
            """
        #expect(try gate.python(program).output == "b'0123456789\\n'\n")
        #expect(gate.cloud.attribute(vm: 9, name: "P") == "AA234BB789")
    }

    @Test("truncate keeps a part of what is stored by then")
    func truncateNewer() throws {
        let gate = try MountedGate(options: ["ttl=600", "peer_ttl=600"])
        defer { gate.end() }
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "new")
        try #expect(gate.shell("truncate -s 2 vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "ne")
    }

    @Test(
        "update takes lines that come in blocks as one",
        arguments: ["cat", "awk '{ print }'", "dd bs=512 status=none"])
    func updateInBlocks(program: String) throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let lines = (0..<6000).map { "K\($0)=\(String(repeating: "a=b", count: 9))\n" }.joined()
        try lines.write(toFile: gate.folder + "/lines", atomically: true, encoding: .utf8)
        let requests = try gate.requests {
            let outcome = try gate.shell("\(program) < $FOLDER/lines > vm/9/update")
            #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        }
        #expect(requests.changes.count == 1)
        let stored = try #require(gate.cloud.userTemplate(vm: 9)?.members)
        #expect(stored.keys.count { $0.hasPrefix("K") } == 6000)
        #expect(stored["K5999"] == .string(String(repeating: "a=b", count: 9)))
        #expect(stored["a"] == nil && stored["b"] == nil)
    }

    @Test("a long value comes in pieces and is stored whole", .needs("python3"))
    func pieces() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let make = "import sys; sys.stdout.write(''.join('line %d é\\n' % i for i in range(6000)))"
        let value = (0..<6000).map { "line \($0) é" }.joined(separator: "\n")
        let outcome = try gate.shell(
            "python3 -c \"$MAKE\" > vm/9/USER_TEMPLATE/LONG", environment: ["MAKE": make])
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.cloud.attribute(vm: 9, name: "LONG") == .string(value))
        #expect(try gate.text("vm/9/USER_TEMPLATE/LONG") == value + "\n")
    }

    @Test(
        "a text of several lines is stored, in whatever pieces a shell writes it", .needs("dash", "busybox"))
    func lines() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for shell in [["bash"], ["dash"], ["busybox", "sh"]] {
            let outcome = try gate.shell("printf 'a\\n\\nb c\\n' > vm/9/USER_TEMPLATE/TEXT", with: shell)
            #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""), "\(shell)")
            #expect(gate.cloud.attribute(vm: 9, name: "TEXT") == "a\n\nb c", "\(shell)")
            gate.cloud.eraseAttribute(vm: 9, name: "TEXT")
        }
    }

    @Test("a vector's key is written and removed with its other keys kept")
    func vectorKeys() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let folder = "vm/9/USER_TEMPLATE/BACKUP"
        try gate.write("a,b=\"c\"\n", to: "\(folder)/KEY")
        #expect(
            gate.cloud.attribute(vm: 9, name: "BACKUP") == ["HOST": "backup.example.org", "KEY": "a,b=\"c\""])
        try gate.write("8443\n", to: "\(folder)/PORT")
        #expect(
            gate.cloud.attribute(vm: 9, name: "BACKUP")
                == ["HOST": "backup.example.org", "KEY": "a,b=\"c\"", "PORT": "8443"])
        try #expect(gate.shell("rm \(folder)/KEY").succeeded)
        #expect(
            gate.cloud.attribute(vm: 9, name: "BACKUP") == ["HOST": "backup.example.org", "PORT": "8443"])
        #expect(try gate.names(folder) == ["HOST", "PORT"])
    }

    @Test("a vector's key that somebody else wrote meanwhile is kept")
    func vectorRace() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/BACKUP/KEY")
        gate.cloud.setAttribute(vm: 9, name: "BACKUP", value: ["KEY": "secret", "HOST": "other", "NEW": "x"])
        try gate.write("mine\n", to: "vm/9/USER_TEMPLATE/BACKUP/KEY")
        #expect(gate.cloud.attribute(vm: 9, name: "BACKUP") == ["HOST": "other", "KEY": "mine", "NEW": "x"])
    }

    @Test("mkdir begins a vector attribute, and rmdir ends one that is empty")
    func folders() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        var requests = try gate.requests { try #expect(gate.shell("mkdir vm/9/USER_TEMPLATE/DB").succeeded) }
        #expect(requests.changes.lines == [])
        #expect(try gate.names("vm/9/USER_TEMPLATE").contains("DB"))
        try #expect(gate.shell("echo db > vm/9/USER_TEMPLATE/DB/HOST").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "DB") == ["HOST": "db"])
        var outcome = try gate.shell("rmdir vm/9/USER_TEMPLATE/DB")
        #expect(outcome.errors.contains("Directory not empty"), "\(outcome)")
        outcome = try gate.shell("rm vm/9/USER_TEMPLATE/DB/HOST && rmdir vm/9/USER_TEMPLATE/DB")
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.cloud.attribute(vm: 9, name: "DB") == nil)
        #expect(!gate.exists("vm/9/USER_TEMPLATE/DB"))
        requests = try gate.requests {
            try #expect(gate.shell("cd vm/9/USER_TEMPLATE && mkdir X && rmdir X").succeeded)
        }
        #expect(requests.changes.lines == [])
    }

    @Test("update stores all of its lines with one request, or none")
    func update() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let requests = try gate.requests {
            let outcome = try gate.shell(
                "printf '%s\\n' 'A=1' 'B=two words, \"quoted\"' 'C=' 'V=[K=\"1\", L=\"x,y\"]' > vm/9/update",
                with: ["dash"])
            #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        }
        #expect(gate.cloud.attribute(vm: 9, name: "A") == "1")
        #expect(gate.cloud.attribute(vm: 9, name: "B") == "two words, \"quoted\"")
        #expect(gate.cloud.attribute(vm: 9, name: "C") == "")
        #expect(gate.cloud.attribute(vm: 9, name: "V") == ["K": "1", "L": "x,y"])
        #expect(requests.changes.lines == ["PUT /vms/9"])

        let outcome = try gate.shell("cat > vm/9/update <<'END'\nA=2\nSERVICE_ID=4\nB=3\nEND")
        #expect(outcome.errors.contains("Operation not permitted"), "\(outcome)")
        #expect(gate.cloud.attribute(vm: 9, name: "A") == "1")
        #expect(try gate.shell("echo 'no line' > vm/9/update").errors.contains("Invalid argument"))
        #expect(try gate.shell("cat vm/9/update").succeeded == false || gate.text("vm/9/update") == "")
    }

    @Test("writes of many at once to one VM are all stored")
    func concurrent() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let outcome = try gate.shell(
            "for I in $(seq 40); do (echo value $I > vm/9/USER_TEMPLATE/N$I) & done; wait; cat vm/9/USER_TEMPLATE/N* | wc -l"
        )
        #expect(outcome == Child.Outcome(status: 0, output: "40\n", errors: ""))
        for number in 1...40 {
            #expect(gate.cloud.attribute(vm: 9, name: "N\(number)") == .string("value \(number)"))
        }
    }

    @Test("an open for reading and writing reads what it wrote")
    func readWrite() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let descriptor = try SystemError.check("open", open(gate.path + "/vm/9/USER_TEMPLATE/ACTIVE", O_RDWR))
        defer { close(descriptor) }
        #expect(try Descriptor.readAll(descriptor) == Array("YES\n".utf8))
        try SystemError.check("pwrite", pwrite(descriptor, "NO!", 3, 0))
        var bytes = [UInt8](repeating: 0, count: 10)
        #expect(pread(descriptor, &bytes, 10, 0) == 4)
        #expect(Array(bytes.prefix(4)) == Array("NO!\n".utf8))
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "NO!")
    }

    @Test("chmod succeeds when it asks for no less than there is, and has no effect")
    func chmod() throws {
        let gate = try MountedGate(options: ["umask=022"])
        defer { gate.end() }
        let file = "vm/9/USER_TEMPLATE/ACTIVE"
        for mode in ["644", "666", "755", "a+rwx", "u-w"] {
            try #expect(gate.shell("chmod \(mode) \(file)").succeeded, "\(mode)")
        }
        for mode in ["600", "640", "o-r", "0"] {
            let outcome = try gate.shell("chmod \(mode) \(file)")
            #expect(outcome.errors.contains("Operation not permitted"), "\(mode): \(outcome)")
        }
        #expect(try gate.status(file).st_mode & 0o777 == 0o644)
        try #expect(gate.shell("chown \(getuid()):\(getgid()) \(file)").succeeded)
        #expect(try gate.shell("chown 12345 \(file)").errors.contains("Operation not permitted"))
        let time = try gate.shell("stat -c %.Y \(file)").output
        try #expect(gate.shell("touch -d 2001-01-01 \(file)").succeeded)
        #expect(try gate.shell("stat -c %.Y \(file)").output == time)
    }

    @Test("nothing but the attribute that is written is touched")
    func others() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 9, name: "LIST", value: ["a", "b", ["C": "d"]])
        gate.cloud.setAttribute(vm: 9, name: "ODD", value: "a,b=\"c\" [d] \\e\n<f>&amp;")
        let before = try #require(gate.cloud.userTemplate(vm: 9)?.members)
        try gate.write("new", to: "\(Self.template)/ACTIVE")
        try gate.write("new", to: "\(Self.template)/BACKUP/KEY")
        try #expect(gate.shell("echo x > \(Self.template)/EXTRA; rm \(Self.template)/EXTRA").succeeded)
        let after = try #require(gate.cloud.userTemplate(vm: 9)?.members)
        #expect(Array(after.keys).sorted() == Array(before.keys).sorted())
        for (name, value) in before where name != "ACTIVE" && name != "BACKUP" {
            #expect(after[name] == value)
        }
    }
}
