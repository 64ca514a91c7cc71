import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Errors", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct ErrorTests {
    private static let file = "vm/9/USER_TEMPLATE/ACTIVE"

    @Test("what does not exist is ENOENT, and nothing else is asked for than canonical numbers")
    func absent() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for path in [
            "vm/57", "vm/11", "vm/09", "vm/9abc", "vm/-1", "vm/+9", "vm/99999999999999999999", "vm/9 ",
            "vm/9/NONE",
            "vm/9/USER_TEMPLATE/NONE", "vm/9/USER_TEMPLATE/BACKUP/NONE", "vm/9/USER_TEMPLATE/active",
            "vm/9/TEMPLATE/NIC/7",
            "service/roles/none", "service/roles/slave/vm/8", "vrouter", "vnet", "vnet/0", "none",
            ".onegatefs/none",
        ] {
            #expect(throws: SystemError(what: "", number: ENOENT), "\(path)") { try gate.status(path) }
        }
        #expect(!gate.simulator.requests.contains { $0.path.contains("09") || $0.path.contains("abc") })
        #expect(try gate.shell("cat vm/57/STATE").errors.contains("No such file or directory"))
    }

    @Test("401 is EACCES, and what is known comes back when the core does")
    func unauthorized() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        #expect(try gate.text(Self.file) == "YES\n")
        gate.cloud.isCoreDown = true
        for path in [Self.file, "vm/8/STATE", "service/STATE"] {
            #expect(throws: SystemError(what: "", number: EACCES), "\(path)") { try gate.text(path) }
        }
        #expect(throws: SystemError(what: "", number: EACCES)) { try gate.write("x", to: Self.file) }
        #expect(try gate.errors().contains("EACCES 401 \"Not authorized\""))
        gate.cloud.isCoreDown = false
        #expect(try gate.text(Self.file) == "YES\n")
    }

    @Test("403 is EPERM, and a restricted file shows that it cannot be written")
    func restricted() throws {
        let gate = try MountedGate(options: ["umask=022"])
        defer { gate.end() }
        for value in ["4", "<x>", "a,b", "]", "x\nSERVICE_ID=4", "\"", "<!--SERVICE_ID=-->", ""] {
            #expect(throws: SystemError(what: "", number: EPERM), "\(value)") {
                try gate.write(value + "x", to: "vm/9/USER_TEMPLATE/SERVICE_ID")
            }
        }
        #expect(throws: SystemError(what: "", number: EPERM)) {
            try gate.write("x", to: "vm/9/USER_TEMPLATE/ROLE_NAME")
        }
        #expect(
            try gate.shell("rm -f vm/9/USER_TEMPLATE/SERVICE_ID").errors.contains("Operation not permitted"))
        #expect(gate.cloud.attribute(vm: 9, name: "SERVICE_ID") == "3")
        #expect(try gate.errors().contains("EPERM 403 \"Attribute (SERVICE_ID) cannot be modified\""))
    }

    @Test("what the administrator restricted besides stays refused, however it is written")
    func restrictedMore() throws {
        let cloud = Cloud.panacea()
        cloud.configure {
            $0.restrictedAttributes += ["ACTIVE", "BACKUP"]
            $0.restrictedActions += ["poweroff"]
        }
        let gate = try MountedGate(cloud, options: ["ttl=0"])
        defer { gate.end() }
        for script in [
            "echo NO > vm/9/USER_TEMPLATE/ACTIVE", "echo '<x>' > vm/9/USER_TEMPLATE/ACTIVE",
            ": > vm/9/USER_TEMPLATE/ACTIVE",
            "rm -f vm/9/USER_TEMPLATE/ACTIVE", "echo x > vm/9/USER_TEMPLATE/BACKUP/KEY",
            "rm -f vm/9/USER_TEMPLATE/BACKUP/KEY",
            "echo ACTIVE=NO > vm/9/update", "echo 'BACKUP=[KEY=\"x\"]' > vm/9/update",
            "sed -i s/YES/NO/ vm/9/USER_TEMPLATE/ACTIVE",
            "mv vm/9/USER_TEMPLATE/HYPERVISOR vm/9/USER_TEMPLATE/ACTIVE",
            "mv vm/9/USER_TEMPLATE/ACTIVE vm/9/USER_TEMPLATE/OTHER",
            "echo poweroff > vm/9/control", "echo 'poweroff --hard' > vm/9/control",
            "echo reboot > vm/9/control",
        ] {
            let outcome = try gate.shell(script)
            if script.hasPrefix(": >") { continue }  // Stored at the last close, whose error no shell sees.
            #expect(
                !outcome.succeeded && outcome.errors.contains("Operation not permitted"),
                "\(script): \(outcome)")
        }
        _ = try gate.text(Self.file)
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
        #expect(
            gate.cloud.attribute(vm: 9, name: "BACKUP") == ["HOST": "backup.example.org", "KEY": "secret"])
        #expect(gate.cloud.attribute(vm: 9, name: "HYPERVISOR") == "kvm")
        #expect(gate.cloud.state(vm: 9)?.state == 3)
        // What was refused once is known to be restricted.
        #expect(try gate.status(Self.file).st_mode & 0o222 == 0)
        #expect(try gate.errors().contains("Attribute (ACTIVE) cannot be modified"))
        #expect(try gate.errors().contains("Action (poweroff) is not allowed on this resource"))
    }

    @Test("a permission that is switched off is EPERM")
    func permissions() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.configure { $0.permissions = .none }
        for path in ["vm/8/STATE", "service/STATE"] {
            #expect(throws: SystemError(what: "", number: EPERM), "\(path)") { try gate.text(path) }
        }
        gate.cloud.configure { settings in
            settings.permissions = .init()
            settings.permissions["vm.update_by_id"] = false
        }
        #expect(throws: SystemError(what: "", number: EPERM)) { try gate.write("x", to: Self.file) }
        #expect(try gate.errors().contains("Action (update_by_id) on resource (vm) not supported"))
    }

    @Test("what the server cannot keep as it is is EINVAL, and is not sent")
    func blanks() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for value in [" x", "x ", "\tx", "x\t", "\nx", "x\n\n", " ", "\n\n"] {
            let requests = try gate.requests {
                let error = try SystemError.number { try gate.write(value, to: Self.file) }
                #expect(error == EINVAL, "\(Array(value.utf8))")
            }
            #expect(requests.changes.lines == [])
        }
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
        #expect(try gate.errors().contains("EINVAL"))
    }

    @Test("a value that would be changed or do harm is EILSEQ, and is not sent")
    func harmful() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let values: [[UInt8]] =
            [
                "a\rb", "a]]>b", "ends with \\", "\u{1}", "a\u{0}b", "a\u{1B}[0m", "\u{1F600}", "a\u{FFFE}",
                "\u{FFFF}",
            ]
            .map { Array($0.utf8) } + [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xE9]]
        for value in values {
            for file in [Self.file, "vm/9/USER_TEMPLATE/BACKUP/KEY", "vm/9/USER_TEMPLATE/FRESH"] {
                let requests = try gate.requests {
                    let error = try SystemError.number { try gate.write(value, to: file) }
                    #expect(error == EILSEQ, "\(value)")
                }
                #expect(requests.changes.lines == [], "\(value)")
            }
            let requests = try gate.requests {
                let error = try SystemError.number {
                    try gate.write(Array("X=".utf8) + value, to: "vm/9/update", flags: O_WRONLY)
                }
                #expect(error == EILSEQ || error == EINVAL, "\(value)")
            }
            #expect(requests.changes.lines == [], "\(value)")
        }
        #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES")
        #expect(!gate.exists("vm/9/USER_TEMPLATE/FRESH"))
    }

    @Test("a value that is too large is EFBIG")
    func tooLarge() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        let requests = try gate.requests {
            // An encoded character takes up to 14 bytes in the request.
            let value = String(repeating: ",", count: 450_000)
            let error = try SystemError.number { try gate.write(value, to: Self.file) }
            #expect(error == EFBIG)
        }
        #expect(!requests.changes.contains { $0.status != 200 })
    }

    @Test("a name that is no attribute's is EINVAL, unless the server has it")
    func names() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        for name in [
            "lower", "A-B", "A.B", "1A", "É", "A B", "Mixed", "port", "priority", "protocol", "private",
            "pid", "sedan",
            "patch", "8080",
        ] {
            for path in ["vm/9/USER_TEMPLATE/\(name)", "vm/9/USER_TEMPLATE/BACKUP/\(name)"] {
                #expect(throws: SystemError(what: "", number: EINVAL), "\(name)") {
                    try gate.write("x", to: path)
                }
            }
        }
        #expect(try gate.shell("mkdir vm/9/USER_TEMPLATE/lower").errors.contains("Invalid argument"))
        #expect(gate.simulator.requests.changes.lines == [])
        gate.cloud.setAttribute(vm: 9, name: "A-B", value: "there")
        try gate.write("changed", to: "vm/9/USER_TEMPLATE/A-B")
        #expect(gate.cloud.attribute(vm: 9, name: "A-B") == "changed")
    }

    @Test("a name with a dash is never erased: every later erase in that VM would fail")
    func dashes() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 9, name: "A-B", value: "there")
        let requests = try gate.requests {
            let outcome = try gate.shell("rm -f vm/9/USER_TEMPLATE/A-B")
            #expect(!outcome.succeeded)
        }
        #expect(requests.changes.lines == [])
    }

    @Test("a file's name cannot make a line of the errors its own")
    func forgedLine() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        #expect(throws: SystemError(what: "", number: EINVAL)) {
            try gate.write("", to: "vm/8/USER_TEMPLATE/x\n2026-01-01T00:00:00.000Z write EIO 500 \"no\"")
        }
        let lines = try gate.errors().split(separator: "\n")
        let path = "/vm/8/USER_TEMPLATE/x%0A2026-01-01T00:00:00.000Z%20write%20EIO%20500%20\"no\" EINVAL"
        #expect(!lines.isEmpty && lines.allSatisfy { $0.contains(path) }, "\(lines)")
    }

    @Test("a refused connection is EHOSTUNREACH")
    func refusedConnection() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.simulator.stop()
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try gate.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try gate.text("vm/9/STATE") }
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) {
            try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
        }
        #expect(try gate.errors().contains("EHOSTUNREACH"))
    }

    @Test("an address that is not resolved is EHOSTUNREACH")
    func unresolved() throws {
        let gate = try MountedGate(options: ["endpoint=http://no-such-host.invalid:5030", "timeout=20"])
        defer { gate.end() }
        #expect(throws: SystemError(what: "", number: EHOSTUNREACH)) { try gate.text("vm/8/STATE") }
    }

    @Test("no answer within the timeout is ETIMEDOUT")
    func timeout() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=0.5"])
        defer { gate.end() }
        gate.simulator.inject(.hang)
        #expect(throws: SystemError(what: "", number: ETIMEDOUT)) { try gate.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: ETIMEDOUT)) { try gate.text("vm/9/STATE") }
        #expect(try gate.errors().contains("ETIMEDOUT"))
        gate.simulator.clearFaults()
        #expect(try gate.text("vm/8/STATE") == "RUNNING\n")
    }

    @Test("a server's failure is EIO with its words", arguments: [500, 502, 503, 504])
    func serverFailure(status: Int) throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.simulator.inject(.status(status, "the \"server\" is\nnot well"))
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: EIO)) {
            try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
        }
        let errors = try gate.errors()
        #expect(
            errors.contains("/vm/8") && errors.contains("EIO \(status)") && errors.contains("not well"),
            "\(errors)")
    }

    @Test("a value that was stored changed is EIO, never a silent success")
    func storedChanged() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        // The server says 200 and does nothing.
        gate.simulator.inject(.status(200, ""), path: "/vms/9", method: "PUT", count: 1)
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.write("NO", to: Self.file) }
        #expect(try gate.text(Self.file) == "YES\n")
        gate.simulator.inject(.status(200, ""), path: "/vms/9", method: "PUT", count: 1)
        #expect(try gate.shell("rm -f \(Self.file)").errors.contains("Input/output error"))
        #expect(try gate.text(Self.file) == "YES\n")
    }

    @Test("mounted ro nothing can be changed: EROFS")
    func readOnly() throws {
        let gate = try MountedGate(options: ["ro"])
        defer { gate.end() }
        for script in [
            "echo x > vm/9/USER_TEMPLATE/ACTIVE", "rm -f vm/9/USER_TEMPLATE/ACTIVE",
            "mkdir vm/9/USER_TEMPLATE/V", "echo x > vm/9/update",
            "touch vm/9/USER_TEMPLATE/NEW", "echo resume > vm/9/control",
            "mv vm/9/USER_TEMPLATE/ACTIVE vm/9/USER_TEMPLATE/B",
            "echo 3 > service/roles/slave/CARDINALITY", "chmod 600 vm/9/USER_TEMPLATE/ACTIVE",
        ] {
            let outcome = try gate.shell(script)
            #expect(
                !outcome.succeeded && outcome.errors.contains("Read-only file system"),
                "\(script): \(outcome)")
        }
        #expect(try gate.text(Self.file) == "YES\n")
        #expect(try gate.status(Self.file).st_mode & 0o777 == 0o400)
        #expect(gate.simulator.requests.changes.lines == [])
        #expect(try gate.shell("df . && ls -lR").succeeded)
    }

    @Test(
        "a refused write fails in the shell with the right message",
        arguments: [["bash"], ["busybox", "sh"], ["dash"]])
    func shells(shell: [String]) throws {
        guard Child.exists(shell[0]) else { return skip("\(shell[0]) is not installed") }
        let gate = try MountedGate(options: ["umask=022"])
        defer { gate.end() }
        // A builtin of dash calls every failed write an I/O error; a program that it starts does not.
        let echo = shell == ["dash"] ? "env echo" : "echo"
        for (script, message) in [
            ("\(echo) 4 > vm/9/USER_TEMPLATE/SERVICE_ID", "Operation not permitted"),
            ("\(echo) 'x ' > vm/9/USER_TEMPLATE/ACTIVE", "Invalid argument"),
            (
                "\(echo) 'x]]>' > vm/9/USER_TEMPLATE/ACTIVE",
                "Invalid or incomplete multibyte or wide character"
            ),
            ("\(echo) reboot > vm/9/control", "Operation not permitted"),
            ("\(echo) dance > vm/9/control", "Invalid argument"),
            ("\(echo) many > service/roles/slave/CARDINALITY", "Invalid argument"),
        ] {
            let outcome = try gate.shell(script, with: shell)
            #expect(!outcome.succeeded, "\(script)")
            #expect(
                outcome.errors.contains(message) || outcome.errors.contains("Illegal byte sequence"),
                "\(script): \(outcome)")
        }
        try #expect(!gate.shell("echo 4 > vm/9/USER_TEMPLATE/SERVICE_ID", with: shell).succeeded)
        #expect(try gate.errors().contains("Attribute (SERVICE_ID) cannot be modified"))
    }

    @Test("the token is in no file about the mount and in no log")
    func token() throws {
        let gate = try MountedGate(options: ["log=trace", "ttl=0"])
        defer { gate.end() }
        let token = try #require(gate.cloud.token(vm: 8))
        _ = try gate.shell(
            "cat vm/*/* service/*; echo x > vm/9/USER_TEMPLATE/SERVICE_ID; echo x > vm/9/USER_TEMPLATE/X")
        gate.cloud.isCoreDown = true
        _ = try gate.shell("cat vm/*/*")
        gate.simulator.stop()
        _ = try gate.shell("cat vm/*/*")
        for file in ["status", "errors", "events", "metrics"] {
            #expect(try !gate.text(".onegatefs/\(file)").contains(token))
        }
        #expect(!gate.daemon.errorsSoFar.isEmpty)
        #expect(!gate.daemon.errorsSoFar.contains(token) && !gate.daemon.outputSoFar.contains(token))
        let commandLine = try String(contentsOfFile: "/proc/\(gate.daemon.id)/cmdline", encoding: .utf8)
        #expect(!commandLine.contains(token))
    }
}
