import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Removing and renaming", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct RemovingTests {
    @Test("rm erases an attribute")
    func remove() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let before = try #require(gate.cloud.userTemplate(vm: 9)?.members)
        let requests = try gate.requests { try #expect(gate.shell("rm vm/9/USER_TEMPLATE/ACTIVE").succeeded) }
        #expect(requests.changes.lines == ["PUT /vms/9"])
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == nil)
        #expect(!gate.exists("vm/9/USER_TEMPLATE/ACTIVE"))
        #expect(gate.cloud.userTemplate(vm: 9)?.members?.count == before.count - 1)
    }

    @Test("rm -r erases a vector attribute")
    func removeVector() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let outcome = try gate.shell("rm -r vm/9/USER_TEMPLATE/BACKUP")
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.cloud.attribute(vm: 9, name: "BACKUP") == nil)
        #expect(!gate.exists("vm/9/USER_TEMPLATE/BACKUP"))
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test("rm of what somebody else erased meanwhile is ENOENT")
    func removeGone() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE")
        gate.cloud.eraseAttribute(vm: 9, name: "ACTIVE")
        let outcome = try gate.shell("rm vm/9/USER_TEMPLATE/ACTIVE")
        #expect(outcome.errors.contains("No such file or directory"), "\(outcome)")
        #expect(!gate.exists("vm/9/USER_TEMPLATE/ACTIVE"))
        #expect(try gate.shell("rm -f vm/9/USER_TEMPLATE/ACTIVE").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "HYPERVISOR") == "kvm")
    }

    @Test("a last key that the server does not erase is no success of rm -f")
    func removeLastKey() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 9, name: "ONE", value: ["KEY": "1"])
        gate.cloud.setAttribute(vm: 9, name: "a-b", value: "makes every erase in this VM fail")
        let outcome = try gate.shell("rm -f vm/9/USER_TEMPLATE/ONE/KEY")
        #expect(outcome.errors.contains("Input/output error"), "\(outcome)")
        #expect(gate.cloud.attribute(vm: 9, name: "ONE") == ["KEY": "1"])
    }

    @Test("mv takes what is stored by then", arguments: ["B", ".scratch"])
    func moveNewer(goal: String) throws {
        let gate = try MountedGate(options: ["ttl=600", "peer_ttl=600"])
        defer { gate.end() }
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "new")
        try #expect(gate.shell("cd vm/9/USER_TEMPLATE && mv ACTIVE \(goal)").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == nil)
        #expect(try gate.text("vm/9/USER_TEMPLATE/\(goal)") == "new\n")
    }

    @Test("a refused mv leaves nothing behind", arguments: ["SERVICE_ID", "A-B"])
    func refusedMove(name: String) throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        if name == "A-B" { gate.cloud.setAttribute(vm: 9, name: "A-B", value: "x") }
        let before = gate.cloud.userTemplate(vm: 9)
        for goal in ["NEW", "ACTIVE"] {
            let outcome = try gate.shell("cd vm/9/USER_TEMPLATE && mv \(name) \(goal)")
            #expect(outcome.errors.contains("Operation not permitted"), "\(outcome)")
        }
        // What was erased before a name with a dash came there could not be erased any more.
        if name == "SERVICE_ID" { #expect(gate.cloud.userTemplate(vm: 9) == before) }
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test("mv of a vector attribute and a key that is written meanwhile lose nothing")
    func moveVectorMeanwhile() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        try #expect(gate.shell("cd vm/9/USER_TEMPLATE && mkdir V && echo 1 > V/A").succeeded)
        gate.simulator.inject(.delay(.milliseconds(200)))
        let script = "cd vm/9/USER_TEMPLATE; mv V W & sleep 0.05; echo precious > V/B && echo stored; wait"
        let outcome = try gate.shell(script)
        let (old, new) = (gate.cloud.attribute(vm: 9, name: "V"), gate.cloud.attribute(vm: 9, name: "W"))
        let isKept = old?["B"] == "precious" || new?["B"] == "precious"
        #expect(isKept || !outcome.output.contains("stored"), "\(outcome) \(String(describing: (old, new)))")
    }

    @Test("what was made here, stored otherwise and removed is gone", .needs("python3"))
    func createdElsewhere() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        let program = """
            import os
            file = os.open('vm/9/USER_TEMPLATE/MADE', os.O_WRONLY | os.O_CREAT)
            print(os.path.exists('vm/9/USER_TEMPLATE/MADE'))
            with open('vm/9/update', 'w') as update: update.write('MADE=x')
            os.unlink('vm/9/USER_TEMPLATE/MADE')
            print(os.path.exists('vm/9/USER_TEMPLATE/MADE'), 'MADE' in os.listdir('vm/9/USER_TEMPLATE'))
            """
        let outcome = try gate.python(program)
        #expect(outcome.output == "True\nFalse False\n", "\(outcome)")
        let renaming = """
            import os
            os.chdir('vm/9/USER_TEMPLATE')
            file = os.open('MADE', os.O_WRONLY | os.O_CREAT)
            os.rename('ACTIVE', 'MADE')
            os.rename('MADE', '.scratch')
            print('MADE' in os.listdir('.'))
            """
        #expect(try gate.python(renaming).output == "False\n")
    }

    @Test("names of scratch files that come and go leave nothing")
    func scratchNames() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        func count() throws -> Int {
            let outcome = try gate.shell(
                """
                cd vm/9/USER_TEMPLATE
                for I in $(seq 1 50); do echo x > .a; mv .a .b; rm .b; done
                awk '/^onegatefs_inodes/ { print $2 }' ../../../.onegatefs/metrics
                """)
            return Int(try #require(Double(outcome.output.dropLast()), "\(outcome)"))
        }
        let before = try count()
        #expect(try count() <= before + 5)
    }

    @Test("erasing and writing one VM at the same time loses nothing")
    func removeWhileWriting() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for number in 0..<20 { gate.cloud.setAttribute(vm: 9, name: "OLD\(number)", value: "x") }
        let outcome = try gate.shell(
            """
            cd vm/9/USER_TEMPLATE
            for I in $(seq 0 19); do rm OLD$I & (echo $I > NEW$I) & done; wait
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        for number in 0..<20 {
            #expect(gate.cloud.attribute(vm: 9, name: "OLD\(number)") == nil)
            #expect(gate.cloud.attribute(vm: 9, name: "NEW\(number)") == .string("\(number)"))
        }
    }

    @Test("a vector attribute that went, and is there again, takes new keys")
    func again() throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.3"])
        defer { gate.end() }
        // Whoever sits in what was removed finds the new one by its name.
        let outcome = try gate.shell(
            """
            cd vm/9/USER_TEMPLATE && above=$PWD && mkdir SAT && cd SAT &&
            rmdir "$above/SAT" && mkdir "$above/SAT" && echo x > "$above/SAT/KEY"
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(gate.cloud.attribute(vm: 9, name: "SAT") == ["KEY": "x"])
        // The event of the old one is made while the new one is used.
        for number in 0..<15 {
            let folder = "vm/9/USER_TEMPLATE/VECTOR_\(number)"
            gate.cloud.setAttribute(vm: 9, name: "VECTOR_\(number)", value: ["OLD": "x"])
            let key = open(gate.path + "/\(folder)/KEY", O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
            #expect(key >= 0, "\(number): \(errno)")
            _ = gate.cloud.eraseAttribute(vm: 9, name: "VECTOR_\(number)")
            close(key)
            let other = open(gate.path + "/\(folder)/OTHER", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            #expect(other >= 0, "\(number): \(errno)")
            close(other)
        }
    }

    @Test("mv stores the new name, then erases the old one; between VMs too")
    func rename() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 9, name: "A", value: "a,b\nc")
        var requests = try gate.requests {
            try #expect(gate.shell("cd vm/9/USER_TEMPLATE && mv A B").succeeded)
        }
        #expect(requests.changes.lines == ["PUT /vms/9", "PUT /vms/9"])
        #expect(gate.cloud.attribute(vm: 9, name: "A") == nil)
        #expect(gate.cloud.attribute(vm: 9, name: "B") == "a,b\nc")
        requests = try gate.requests {
            try #expect(
                gate.shell("mv vm/9/USER_TEMPLATE/B vm/8/USER_TEMPLATE/C && cat vm/8/USER_TEMPLATE/C").output
                    == "a,b\nc\n")
        }
        #expect(requests.changes.lines == ["PUT /vm", "PUT /vms/9"])
        #expect(gate.cloud.attribute(vm: 9, name: "B") == nil)
        #expect(gate.cloud.attribute(vm: 8, name: "C") == "a,b\nc")
        // Onto an attribute that is there.
        try #expect(gate.shell("mv vm/8/USER_TEMPLATE/C vm/8/USER_TEMPLATE/HYPERVISOR").succeeded)
        #expect(gate.cloud.attribute(vm: 8, name: "HYPERVISOR") == "a,b\nc")
        #expect(try gate.text("vm/8/USER_TEMPLATE/HYPERVISOR") == "a,b\nc\n")
        #expect(!gate.exists("vm/8/USER_TEMPLATE/C"))
    }

    @Test("a vector's keys and a vector itself can be renamed")
    func renameVector() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        try #expect(gate.shell("cd vm/9/USER_TEMPLATE/BACKUP && mv KEY PASSWORD").succeeded)
        #expect(
            gate.cloud.attribute(vm: 9, name: "BACKUP") == [
                "HOST": "backup.example.org", "PASSWORD": "secret",
            ])
        try #expect(
            gate.shell("cd vm/9/USER_TEMPLATE && mv BACKUP ARCHIVE && cat ARCHIVE/PASSWORD").output
                == "secret\n")
        #expect(gate.cloud.attribute(vm: 9, name: "BACKUP") == nil)
        #expect(
            gate.cloud.attribute(vm: 9, name: "ARCHIVE") == [
                "HOST": "backup.example.org", "PASSWORD": "secret",
            ])
    }

    @Test("a refused mv loses nothing")
    func refusedRename() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let outcome = try gate.shell("cd vm/9/USER_TEMPLATE && mv ACTIVE SERVICE_ID")
        #expect(!outcome.succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
        #expect(gate.cloud.attribute(vm: 9, name: "SERVICE_ID") == "3")
        #expect(try !gate.shell("cd vm/9/USER_TEMPLATE && mv ACTIVE lower").succeeded)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
    }

    @Test("what only shows cannot be removed, renamed, written or made")
    func shown() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for script in [
            "rm -f vm/8/STATE", "rm -f vm/8/control", "rmdir vm/8/TEMPLATE", "rm vm/self",
            "mv vm/8/ID vm/8/XID", "rmdir vm/8",
            "mkdir vm/99", "mkdir service/roles/new", "rm -f service/roles/slave/CARDINALITY",
            "ln -s x vm/8/USER_TEMPLATE/LINK",
            "ln vm/9/USER_TEMPLATE/ACTIVE vm/9/USER_TEMPLATE/HARD", "mkfifo vm/8/USER_TEMPLATE/PIPE",
            "rm -f .onegatefs/status",
            "echo 5 > vm/8/ID", "echo x > vm/8/vm.json", "echo x > .onegatefs/errors",
            "echo x > service/STATE",
            "echo x > vm/8/TEMPLATE/NIC/0/IP", "mv vm/9/USER_TEMPLATE/ACTIVE vm/9/ACTIVE",
        ] {
            let requests = try gate.requests {
                let outcome = try gate.shell(script)
                #expect(!outcome.succeeded && outcome.status < 128, "\(script): \(outcome)")
                #expect(
                    ["Operation not permitted", "Permission denied"].contains { outcome.errors.contains($0) },
                    "\(script): \(outcome)")
            }
            #expect(requests.changes.lines == [], "\(script)")
        }
    }
}
