import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("Tools that change files", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct ToolTests {
    /// A way to change ACTIVE from YES to NO.
    struct Way: Sendable, CustomTestStringConvertible {
        let script: String
        let program: String
        /// How many requests change something: one, unless the tool's own system calls ask for more.
        var changes = 1
        var testDescription: String { script }
    }

    static let ways: [Way] = [
        Way(script: "echo NO > ACTIVE", program: "bash"),
        Way(script: "sed -i s/YES/NO/ ACTIVE", program: "sed"),
        Way(script: "busybox sed -i s/YES/NO/ ACTIVE", program: "busybox"),
        Way(script: "perl -pi -e s/YES/NO/ ACTIVE", program: "perl"),
        Way(script: "vim -u NONE -i NONE -es -c '%s/YES/NO/' -c wq ACTIVE", program: "vim"),
        Way(
            script: "vim -u NONE -i NONE -es -c 'set backupcopy=yes' -c '%s/YES/NO/' -c wq ACTIVE",
            program: "vim"),
        Way(
            script: "vim -u NONE -i NONE -es -c 'set nowritebackup' -c '%s/YES/NO/' -c wq ACTIVE",
            program: "vim"),
        // It removes what is there before it makes the new file.
        Way(script: "install -m 600 \"$FOLDER/new\" ACTIVE", program: "install", changes: 2),
        Way(script: "cp \"$FOLDER/new\" ACTIVE", program: "cp"),
        Way(script: "cp -p \"$FOLDER/new\" ACTIVE", program: "cp"),
        // From another file system: it removes what is there before it copies.
        Way(script: "mv \"$FOLDER/new\" ACTIVE", program: "mv", changes: 2),
        Way(script: "cat \"$FOLDER/new\" > ACTIVE", program: "cat"),
        Way(script: "rsync \"$FOLDER/new\" ACTIVE", program: "rsync"),
        Way(script: "rsync -a --no-owner --no-group \"$FOLDER/new\" ACTIVE", program: "rsync"),
        Way(script: "rsync --inplace \"$FOLDER/new\" ACTIVE", program: "rsync"),
        Way(script: "echo NO | tee ACTIVE > /dev/null", program: "tee"),
        Way(script: "dd if=\"$FOLDER/new\" of=ACTIVE status=none", program: "dd"),
        Way(script: "python3 -c \"open('ACTIVE', 'w').write('NO\\n')\"", program: "python3"),
        Way(
            script:
                "python3 -c \"import os; open('tmpx', 'w').write('NO\\n'); os.replace('tmpx', 'ACTIVE')\"",
            program: "python3"),
        Way(script: "patch -s ACTIVE \"$FOLDER/diff\"", program: "patch"),
        Way(script: "printf '1s/YES/NO/\\nw\\nq\\n' | ed -s ACTIVE", program: "ed"),
        Way(script: "printf 'NO\\n' | sponge ACTIVE", program: "sponge"),
        Way(script: "awk 'BEGIN { print \"NO\" > \"ACTIVE\" }'", program: "awk"),
        Way(script: "truncate -s 0 ACTIVE && echo NO >> ACTIVE", program: "truncate", changes: 2),
    ]

    @Test("each changes the value with the fewest requests that it allows", arguments: ways)
    func change(way: Way) throws {
        guard Child.exists(way.program) else { return skip("\(way.program) is not installed") }
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        try "--- ACTIVE\n+++ ACTIVE\n@@ -1 +1 @@\n-YES\n+NO\n".write(
            toFile: gate.folder + "/diff", atomically: false, encoding: .utf8)
        for vm in [8, 9] {
            try "NO\n".write(toFile: gate.folder + "/new", atomically: false, encoding: .utf8)
            chmod(gate.folder + "/new", 0o600)
            gate.cloud.setAttribute(vm: vm, name: "ACTIVE", value: "YES")
            let before = try #require(gate.cloud.userTemplate(vm: vm)?.members)
            let requests = try gate.requests {
                let outcome = try gate.shell("cd vm/\(vm)/USER_TEMPLATE && \(way.script)")
                #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
                #expect(try gate.text("vm/\(vm)/USER_TEMPLATE/ACTIVE") == "NO\n")
            }
            #expect(gate.cloud.attribute(vm: vm, name: "ACTIVE") == "NO")
            #expect(requests.changes.count == way.changes, "\(requests.changes.map(\.body))")
            // Nothing else came, went or changed, and no scratch name was ever sent.
            let after = try #require(gate.cloud.userTemplate(vm: vm)?.members)
            #expect(Set(after.keys) == Set(before.keys))
            for request in requests.changes {
                #expect(Self.names(request.body) == ["ACTIVE"], "\(request.body)")
            }
            let names = try gate.names("vm/\(vm)/USER_TEMPLATE")
            #expect(names == before.keys.sorted(), "nothing is left behind: \(names)")
        }
    }

    /// The names of the attributes that an update or an erase is about.
    static func names(_ body: String) -> Set<String> {
        let data = body.split(separator: "&").first { $0.hasPrefix("data=") }?.dropFirst(5) ?? ""
        let text = data.replacing("+", with: " ").removingPercentEncoding ?? ""
        guard text.hasPrefix("<TEMPLATE>") else { return [text] }
        return Set(text.matches(of: #/<([^/!<>]+)>/#).map { String($0.1) }).subtracting(["TEMPLATE"])
    }

    @Test("scratch files are held in memory, listed, and never sent")
    func scratch() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        _ = try gate.shell("ls -lR vm")
        let requests = try gate.requests {
            let outcome = try gate.shell(
                """
                cd vm/9/USER_TEMPLATE
                for F in .ACTIVE.swp .hidden ACTIVE~ 4913 sedA1b2C3 tmpabc.tmp x.tmp ACTIVE.bak ACTIVE.swp; do
                    echo "content of $F" > $F && echo more >> $F && cat $F > /dev/null && ls -l $F > /dev/null || echo "$F failed"
                    [ "$(stat -c %s $F)" = "$(cat $F | wc -c)" ] || echo "$F has a wrong size"
                done
                ls -A | grep -c '[a-z~4]'
                mv x.tmp y.tmp && cat y.tmp
                rm .ACTIVE.swp .hidden ACTIVE~ 4913 sedA1b2C3 tmpabc.tmp y.tmp ACTIVE.bak ACTIVE.swp
                ls -A | grep -c '[a-z~4]'
                """)
            #expect(outcome.output == "9\ncontent of x.tmp\nmore\n0\n", "\(outcome)")
        }
        #expect(requests.changes.lines == [])
    }

    @Test("a whole user template can be copied to another VM", .needs("rsync"))
    func copyAll() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        for (name, value) in ["A": "1", "B": "two words", "C": "a,b\nc", "D": ""] as [String: JSON] {
            gate.cloud.setAttribute(vm: 9, name: name, value: value)
        }
        let outcome = try gate.shell(
            """
            cp vm/9/USER_TEMPLATE/[A-D] vm/8/USER_TEMPLATE/ && cp -r vm/9/USER_TEMPLATE/BACKUP vm/8/USER_TEMPLATE/
            rsync -r vm/9/USER_TEMPLATE/[A-D] vm/9/USER_TEMPLATE/BACKUP vm/10/USER_TEMPLATE/
            """)
        #expect(outcome == Child.Outcome(status: 0, output: "", errors: ""))
        for name in ["A", "B", "C", "D", "BACKUP"] {
            #expect(
                gate.cloud.attribute(vm: 8, name: name) == gate.cloud.attribute(vm: 9, name: name), "\(name)")
            #expect(
                gate.cloud.attribute(vm: 10, name: name) == gate.cloud.attribute(vm: 9, name: name), "\(name)"
            )
        }
    }

    @Test("an editor whose write is refused leaves the value as it was", .needs("perl"))
    func refused() throws {
        let gate = try MountedGate(options: ["ttl=600"])
        defer { gate.end() }
        for script in [
            "sed -i 's/YES/x /' ACTIVE", "perl -pi -e 's/YES/x /' ACTIVE", "sed -i 's/3/4/' SERVICE_ID",
            "sed -i 's/YES/]]>/' ACTIVE",
        ] {
            let outcome = try gate.shell("cd vm/9/USER_TEMPLATE && \(script)")
            #expect(!outcome.succeeded, "\(script): \(outcome)")
            #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == "YES", "\(script)")
            #expect(gate.cloud.attribute(vm: 9, name: "SERVICE_ID") == "3", "\(script)")
        }
        #expect(gate.simulator.requests.changes.allSatisfy { Self.names($0.body) == ["SERVICE_ID"] })
    }
}
