import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Reading", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct ReadingTests {
    @Test("the state of this VM is a word and a newline")
    func state() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        #expect(try gate.shell("cat vm/self/STATE").output == "RUNNING\n")
        #expect(try gate.text("vm/8/LCM_STATE") == "RUNNING\n")
        #expect(try gate.text("vm/8/ID") == "8\n")
        #expect(try gate.text("vm/8/NAME") == "master_0_(service_3)\n")
        #expect(try gate.text("vm/8/IP") == "192.168.150.100\n")
        #expect(try gate.text("vm/8/TEMPLATE/NIC/0/IP") == "192.168.150.100\n")
        #expect(try gate.text("vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        #expect(try gate.text("vm/9/USER_TEMPLATE/BACKUP/KEY") == "secret\n")
    }

    @Test("each NIC's IP is a line")
    func addresses() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        gate.cloud.attachNIC(vm: 8, network: 0, ip: "192.168.150.177")
        #expect(try gate.text("vm/8/IP") == "192.168.150.100\n192.168.150.177\n")
        #expect(try gate.names("vm/8/TEMPLATE/NIC") == ["0", "1"])
    }

    @Test("a VM of a service sees its service and every VM of it")
    func serviceTree() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        #expect(try gate.names("") == [".onegatefs", "service", "vm"])
        #expect(try gate.names("vm") == ["10", "8", "9", "self"])
        #expect(try gate.shell("readlink vm/self").output == "8\n")
        for vm in [8, 9, 10] {
            #expect(
                try gate.names("vm/\(vm)") == [
                    "ID", "IP", "LCM_STATE", "NAME", "STATE", "TEMPLATE", "USER_TEMPLATE", "control",
                    "update",
                    "vm.json",
                ])
        }
        #expect(
            try gate.names("service") == [
                "ID", "NAME", "STATE", "control", "extended.json", "roles", "service.json",
            ])
        #expect(try gate.names("service/roles") == ["master", "slave"])
        #expect(try gate.names("service/roles/slave") == ["CARDINALITY", "NAME", "STATE", "control", "vm"])
        #expect(try gate.names("service/roles/slave/vm") == ["10", "9"])
        #expect(try gate.shell("readlink service/roles/slave/vm/9").output == "../../../../vm/9\n")
        #expect(try gate.text("service/roles/slave/vm/9/USER_TEMPLATE/ACTIVE") == "YES\n")
        #expect(try gate.text("service/roles/slave/CARDINALITY") == "2\n")
        #expect(try gate.text("service/STATE") == "RUNNING\n")
        #expect(try gate.text("service/NAME") == "PANACEA service\n")
    }

    @Test("a virtual router's VM sees its router and its networks")
    func routerTree() throws {
        let gate = try MountedGate(vm: 12)
        defer { gate.end() }
        #expect(try gate.names("") == [".onegatefs", "vm", "vnet", "vrouter"])
        #expect(try gate.text("vrouter/NAME") == "vr\n")
        #expect(try gate.shell("readlink vrouter/vm/12").output == "../../vm/12\n")
        #expect(try gate.names("vnet") == ["0"])
        #expect(try gate.text("vnet/0/NAME") == "private\n")
        #expect(try gate.text("vnet/0/AR_POOL/AR/0/IP") == "192.168.150.100\n")
        #expect(try gate.text("vnet/0/TEMPLATE/GATEWAY") == "192.168.150.1\n")
        // The server allows the reservation of a network too, for whoever asks for it.
        #expect(try gate.text("vnet/2/NAME") == "reserved\n")
        #expect(throws: SystemError(what: "", number: ENOENT)) { try gate.text("vnet/1/NAME") }
        #expect(try gate.text("vnet/0/vnet.json").contains("\"VNET\""))
        #expect(try gate.text("vnet/0/extended.json").contains("\"VNET\""))
    }

    @Test("a VM of nothing sees itself alone")
    func loneTree() throws {
        let gate = try MountedGate(vm: 11)
        defer { gate.end() }
        #expect(try gate.names("") == [".onegatefs", "vm"])
        #expect(try gate.names("vm") == ["11", "self"])
        #expect(!gate.exists("service"))
        #expect(!gate.exists("vnet"))
        #expect(!gate.exists("vm/8"))
    }

    @Test("a VM looks the same whichever request brought it")
    func sameFromEveryRequest() throws {
        let simulator = try Simulator(cloud: .panacea())
        let one = try MountedGate(simulator, vm: 8, options: ["ttl=600"])
        defer { one.end() }
        let other = try MountedGate(simulator, vm: 9, options: ["ttl=600"])
        defer { other.end() }
        let list = "cd vm/9 && find . -type f ! -name update -printf '%p %m %s ' -exec sha256sum {} + | sort"
        #expect(try one.shell(list).output == other.shell(list).output)
        #expect(try one.bytes("vm/9/vm.json") == other.bytes("vm/self/vm.json"))
    }

    @Test("sizes are exact, and every reader reads the same bytes", .needs("busybox", "python3"))
    func sizes() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        gate.cloud.setAttribute(
            vm: 9, name: "LONG", value: .string(String(repeating: "0123456789", count: 1000)))
        gate.cloud.setAttribute(vm: 9, name: "EMPTY", value: "")
        gate.cloud.setAttribute(vm: 9, name: "TEXT", value: "žluťoučký\n日本語\n\tend")
        let outcome = try gate.shell(
            """
            find vm service -type f ! -name update | sort | while read -r F; do
                SUM=$(sha256sum < "$F")
                [ "$(stat -c %s "$F")" = "$(cat "$F" | wc -c)" ] || echo "size of $F"
                [ "$(busybox cat "$F" | sha256sum)" = "$SUM" ] || echo "busybox: $F"
                [ "$(dd bs=7 status=none if="$F" | sha256sum)" = "$SUM" ] || echo "in pieces: $F"
                echo "$SUM$F" >> "$FOLDER/sums"
            done
            python3 - "$FOLDER/sums" <<'END'
            import hashlib, sys
            for line in open(sys.argv[1]):
                sum, name = line.rstrip("\\n").split("  -")
                if hashlib.sha256(open(name, "rb").read()).hexdigest() != sum: print("python:", name)
            END
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        #expect(try gate.text("vm/9/USER_TEMPLATE/EMPTY") == "\n")
        #expect(try gate.text("vm/9/USER_TEMPLATE/TEXT") == "žluťoučký\n日本語\n\tend\n")
    }

    @Test("ls -lR, find, grep -r, tar, cp -r, df and stat work without an error")
    func walks() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        for script in [
            "ls -lR", "ls -laR vm/", "find . -type f", "find . -ls", "grep -r RUNNING vm", "df .", "df -i .",
            "tar -cf - vm service .onegatefs | tar -tf - > /dev/null", "cp -r vm service \"$FOLDER\"/",
            "cp -a vm \"$FOLDER\"/archive", "stat vm/*/*", "du -sh .", "wc -c vm/*/STATE",
            "head -c 3 vm/8/vm.json",
            "tail -n 1 vm/8/vm.json", "test -r vm/8/STATE", "cmp vm/8/STATE vm/9/STATE",
            "diff -r vm/8/TEMPLATE vm/8/TEMPLATE",
        ] {
            let outcome = try gate.shell(script)
            #expect(outcome.succeeded && outcome.errors.isEmpty, "\(script): \(outcome)")
        }
        #expect(try gate.shell("df -T . | tail -n 1").output.contains("fuse.onegatefs"))
        #expect(
            try String(contentsOfFile: gate.folder + "/vm/9/USER_TEMPLATE/ACTIVE", encoding: .utf8) == "YES\n"
        )
    }

    @Test("rsync -a copies everything without an error", .needs("rsync"))
    func rsync() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        let outcome = try gate.shell(
            "rsync -a vm service \"$FOLDER\"/copy/ && diff -r vm \"$FOLDER\"/copy/vm")
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        // What is copied is known to be the same by its time and size.
        #expect(try gate.shell("rsync -ain vm \"$FOLDER\"/copy/").output == "")
    }

    @Test("modes and owners are the mount's")
    func modes() throws {
        let gate = try MountedGate(options: ["uid=1234", "gid=4321", "umask=022"])
        defer { gate.end() }
        let modes = try gate.shell(
            """
            stat -c '%a %u %g %n' vm/8 vm/8/ID vm/8/STATE vm/8/USER_TEMPLATE vm/8/USER_TEMPLATE/HYPERVISOR \
                vm/8/USER_TEMPLATE/SERVICE_ID vm/8/USER_TEMPLATE/ROLE_NAME vm/9/USER_TEMPLATE/BACKUP \
                vm/9/USER_TEMPLATE/BACKUP/KEY vm/8/update vm/8/control vm/8/vm.json \
                service/roles/slave/CARDINALITY service/control
            """)
        #expect(
            modes.lines.map { String($0.prefix { $0 != " " }) } == [
                "755", "444", "444", "755", "644", "444", "444", "755", "644", "200", "644", "444", "644",
                "644",
            ])
        #expect(modes.lines.allSatisfy { $0.contains(" 1234 4321 ") })
    }

    @Test("without options nobody but the mounting user sees anything")
    func defaultModes() throws {
        let gate = try MountedGate()
        defer { gate.end() }
        #expect(try gate.status("vm/8").st_mode & 0o777 == 0o700)
        #expect(try gate.status("vm/8/ID").st_mode & 0o777 == 0o400)
        #expect(try gate.status("vm/8/USER_TEMPLATE/HYPERVISOR").st_mode & 0o777 == 0o600)
        #expect(try gate.status("vm/8/USER_TEMPLATE/HYPERVISOR").st_uid == getuid())
    }

    @Test("a number without a name is shown as the number")
    func unnamedStates() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.setState(vm: 8, state: 77, lcm: 99)
        #expect(try gate.text("vm/8/STATE") == "77\n")
        #expect(try gate.text("vm/8/LCM_STATE") == "99\n")
        gate.cloud.setState(vm: 9, state: 8)
        #expect(try gate.text("vm/9/STATE") == "POWEROFF\n")
        gate.cloud.setState(service: 3, state: 55)
        #expect(try gate.text("service/STATE") == "55\n")
    }

    @Test("names that cannot be file names are percent-encoded")
    func oddNames() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        for (name, file) in [
            ("A/B", "A%2FB"), ("..", "%2E%2E"), (".", "%2E"), ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("50%", "50%25"), ("A\nB", "A%0AB"), ("A-B", "A-B"), ("a.b", "a.b"), ("é", "é"),
        ] {
            gate.cloud.setUserTemplate(vm: 8, ["HYPERVISOR": "kvm", "SERVICE_ID": "3"])
            gate.cloud.setAttribute(vm: 8, name: name, value: "odd")
            #expect(try gate.names("vm/8/USER_TEMPLATE").contains(file), "\(name)")
            #expect(try gate.text("vm/8/USER_TEMPLATE/\(file)") == "odd\n")
        }
        gate.cloud.setAttribute(vm: 8, name: String(repeating: "X", count: 400), value: "long")
        #expect(try gate.shell("ls -l vm/8/USER_TEMPLATE").succeeded)
        #expect(try gate.shell("cat vm/8/USER_TEMPLATE/XXXX*").output == "long\n")
    }

    @Test("a repeated attribute is a folder of numbers")
    func repeated() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        gate.cloud.setAttribute(vm: 8, name: "LIST", value: ["one", ["A": "x", "B": "y"], "three"])
        #expect(try gate.names("vm/8/USER_TEMPLATE/LIST") == ["0", "1", "2"])
        #expect(try gate.text("vm/8/USER_TEMPLATE/LIST/0") == "one\n")
        #expect(try gate.text("vm/8/USER_TEMPLATE/LIST/1/B") == "y\n")
        #expect(try gate.text("vm/8/USER_TEMPLATE/LIST/2") == "three\n")
    }

    @Test(
        "an mtime is when the value was last seen to change, and a change of size or mtime is seen by polling"
    )
    func modificationTimes() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let file = "vm/9/USER_TEMPLATE/ACTIVE"
        func time(_ file: String) throws -> String { try gate.shell("stat -c %.Y \(file)").output }
        let before = try time(file)
        let other = try time("vm/9/STATE")
        gate.cloud.setAttribute(vm: 9, name: "UNRELATED", value: "x")
        #expect(try time(file) == before)
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NOW")
        #expect(try time(file) != before)
        #expect(try time("vm/9/STATE") == other)
        #expect(try gate.status(file).st_size == 4)
        let folder = try time("vm/9/USER_TEMPLATE")
        gate.cloud.eraseAttribute(vm: 9, name: "UNRELATED")
        #expect(try time("vm/9/USER_TEMPLATE") != folder)
    }

    @Test("inode numbers stay for the life of the mount")
    func inodes() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        let list = "find vm service .onegatefs -printf '%i %p\\n' | grep -v SCRATCH | sort -k 2"
        let before = try gate.shell(list).output
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "NO, something longer")
        gate.cloud.setState(vm: 9, state: 8)
        #expect(try gate.shell(list).output == before)
        gate.cloud.eraseAttribute(vm: 9, name: "ACTIVE")
        #expect(!gate.exists("vm/9/USER_TEMPLATE/ACTIVE"))
        gate.cloud.setAttribute(vm: 9, name: "ACTIVE", value: "YES")
        #expect(try gate.shell(list).output == before)
        #expect(
            Set(before.split(separator: "\n").map { $0.prefix { $0 != " " } }).count
                == before.split(separator: "\n").count)
    }
}
