import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

/// The table in `docs/watching.md`: what programs and the masks of programs see of remote changes. With
/// ONEGATEFS_WRITE_TABLE=1 in the environment the table is written anew.
@Suite("The table of what watchers see", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct WatchingTableTests {
    private static let template = "vm/9/USER_TEMPLATE"
    private static let role = "service/roles/slave"

    /// What happens on the server, one after the other.
    private static let changes: [(title: String, name: String, make: @Sendable (Cloud) -> Void)] = [
        ("changed: `ACTIVE`", "ACTIVE", { $0.setAttribute(vm: 9, name: "ACTIVE", value: "NO") }),
        ("added: `NEW`", "NEW", { $0.setAttribute(vm: 9, name: "NEW", value: "1") }),
        ("removed: `NEW`", "NEW", { $0.eraseAttribute(vm: 9, name: "NEW") }),
        ("role scaled: VM `13`", "13", { $0.scale(service: 3, role: "slave", to: 3) }),
    ]

    /// A program and how it shows what it sees, one thing a line.
    private struct Program {
        let title: String
        /// A script for bash, run in the mount point.
        let script: String
        /// Turns the new lines of its output and the name in question into a cell.
        var cell: @Sendable (_ lines: [String], _ name: String) -> String = { lines, name in
            events(lines.filter { $0.split(separator: " ").first?.hasSuffix(name) ?? false })
        }
    }

    /// The kinds of the events of lines that are `PATH KIND`, each once.
    private static func events(_ lines: [String]) -> String {
        var kinds: [String] = []
        for line in lines {
            let kind = String(line.split(separator: " ").last ?? "").replacing(
                "CLOSE_WRITE,CLOSE", with: "CLOSE_WRITE")
            if !kinds.contains(kind) { kinds.append(kind) }
        }
        return kinds.joined(separator: ", ")
    }

    private static let inotifywait =
        "exec inotifywait -m -q -e modify,attrib,close_write,create,delete,move --format '%w%f %e'"

    private static let programs: [Program] = [
        Program(title: "`inotifywait -m ACTIVE`", script: "\(inotifywait) \(template)/ACTIVE"),
        Program(title: "`inotifywait -m USER_TEMPLATE`", script: "\(inotifywait) \(template)"),
        Program(title: "`inotifywait -m -r` of the mount", script: "\(inotifywait) -r ."),
        Program(
            title: "`ls USER_TEMPLATE/* \\| entr -n`",
            script: "ls \(template)/* | entr -n echo runs",
            cell: { lines, _ in lines.contains("runs") ? "runs" : "" }),
        Program(
            title: "python's watchdog, recursive",
            script: """
                exec /usr/bin/python3 -u -c '
                from watchdog.events import FileSystemEventHandler
                from watchdog.observers import Observer
                class Handler(FileSystemEventHandler):
                    def on_any_event(self, event):
                        if event.is_directory and event.event_type == "modified": return
                        print(event.src_path, event.event_type)
                observer = Observer()
                observer.schedule(Handler(), ".", recursive=True)
                observer.start()
                observer.join()'
                """),
        Program(
            title: "incron, `USER_TEMPLATE IN_MODIFY,IN_CREATE,IN_DELETE`",
            script: """
                mkdir $FOLDER/tables $FOLDER/users
                printf '%s\\n' "system_table_dir = $FOLDER/tables" "user_table_dir = $FOLDER/users" \\
                    "lockfile_dir = $FOLDER" > $FOLDER/incron.conf
                echo "$PWD/\(template) IN_MODIFY,IN_CREATE,IN_DELETE $FOLDER/run \\$# \\$%" > $FOLDER/tables/table
                echo '#!/bin/sh' > $FOLDER/run
                echo 'echo $1 $2 >>' $FOLDER/out >> $FOLDER/run
                chmod +x $FOLDER/run
                touch $FOLDER/out
                incrond -n -f $FOLDER/incron.conf > /dev/null 2>&1 &
                exec tail -f $FOLDER/out
                """),
        Program(
            title: "`tail -F .onegatefs/events`", script: "exec tail -n 0 -F -s 0.1 .onegatefs/events",
            cell: { lines, name in
                let count = lines.count { $0.contains("/\(name)\"") || $0.contains("/\(name)/") }
                return count == 0 ? "" : count == 1 ? "a line" : "lines"
            }),
        Program(
            title: "`watch -n 0.2 -g cat ACTIVE`",
            script:
                "cat \(template)/ACTIVE; TERM=xterm watch -n 0.2 -g cat \(template)/ACTIVE > /dev/null; echo ends",
            cell: { lines, _ in lines.contains("ends") ? "sees it" : "" }),
        Program(
            title: "poll(2) of `ACTIVE` for POLLPRI",
            script: """
                exec python3 -u -c '
                import os, select
                file = os.open("\(template)/ACTIVE", os.O_RDONLY)
                poll = select.poll()
                poll.register(file, select.POLLPRI)
                while True:
                    os.pread(file, 100, 0)
                    print("POLLPRI" if poll.poll()[0][1] & select.POLLPRI else "other")'
                """, cell: { lines, _ in lines.contains("POLLPRI") ? "wakes" : "" }),
        Program(
            title: "a program that compares mtime and size of `ACTIVE`",
            script: """
                exec python3 -u -c '
                import os, time
                def look(): status = os.stat("\(template)/ACTIVE"); return status.st_mtime_ns, status.st_size
                before = look()
                while True:
                    time.sleep(0.1)
                    now = look()
                    if now != before: print("differs")
                    before = now'
                """, cell: { lines, _ in lines.contains("differs") ? "sees it" : "" }),
    ]

    /// Programs that are services, by what they listen for.
    private static let masks: [(title: String, path: String, mask: UInt32)] = [
        (
            "systemd `PathChanged=ACTIVE`", template + "/ACTIVE",
            0x400 | 0x800 | 0x4 | 0x8 | 0x100 | 0x200 | 0x40 | 0x80
        ),
        (
            "systemd `PathModified=USER_TEMPLATE`", template,
            0x400 | 0x800 | 0x4 | 0x8 | 0x100 | 0x200 | 0x40 | 0x80 | 0x2
        ),
        (
            "systemd `PathChanged=` role's `vm`", role + "/vm",
            0x400 | 0x800 | 0x4 | 0x8 | 0x100 | 0x200 | 0x40 | 0x80
        ),
        (
            "Prometheus `file_sd` in `USER_TEMPLATE`", template,
            0x80 | 0x40 | 0x100 | 0x4 | 0x2 | 0x800 | 0x200 | 0x400
        ),
        ("keepalived `track_file` in `USER_TEMPLATE`", template, 0x8 | 0x200 | 0x40 | 0x80),
        ("Envoy in `USER_TEMPLATE`", template, 0x2 | 0x80),
    ]

    @Test(
        "docs/watching.md says what is", .needs("inotifywait", "entr", "incrond", "tail", "watch", "python3"),
        .enabled(if: WatchingProgramsTests.hasWatchdog, "needs python3-watchdog"))
    func table() throws {
        let gate = try MountedGate(options: ["watch=0.3"])
        defer { gate.end() }
        let running = try Self.programs.map { (program: $0, child: try gate.start($0.script)) }
        defer { for (_, child) in running { child.kill(SIGKILL) } }
        let listening = try Self.masks.map { row in
            let inotify = try Inotify(gate)
            try inotify.watch(row.path, mask: row.mask)
            return inotify
        }
        let witness = try Inotify(gate, Self.template, Self.role + "/vm")
        // `tail` and `watch` look for themselves, entr is deaf for a moment after it ran its program.
        eventually("entr has begun") { running[3].child.outputSoFar.contains("runs") }
        settle(gate)
        var seen = running.map { $0.child.outputSoFar.count }
        var rows = (Self.programs.map(\.title) + Self.masks.map(\.title)).map { [$0] }
        for change in Self.changes {
            for inotify in listening { inotify.clear() }
            witness.clear()
            change.make(gate.cloud)
            eventually("\(change.title) is seen") { !witness.all.isEmpty }
            settle(gate)
            for (index, (program, child)) in running.enumerated() {
                let output = child.outputSoFar
                let lines = output.dropFirst(seen[index]).split(separator: "\n").map(String.init)
                seen[index] = output.count
                rows[index].append(program.cell(lines, change.name))
            }
            for (index, inotify) in listening.enumerated() {
                let events = inotify.all.filter { $0.split(separator: " ")[0].hasSuffix(change.name) }
                rows[running.count + index].append(Self.events(events))
            }
        }
        let title = ["what watches"] + Self.changes.map(\.title)
        let table = ([title, title.map { _ in "---" }] + rows).map { row in
            "| " + row.map { $0.isEmpty ? "-" : $0 }.joined(separator: " | ") + " |"
        }
        try compare(table.map { $0 + "\n" }.joined())
    }

    /// Lets everybody see what there is to see.
    private func settle(_ gate: MountedGate) { gate.simulator.afterRequests(8, of: 8, path: "/service") }

    private func compare(_ table: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../docs/watching.md").standardized
        let text = try String(contentsOf: file, encoding: .utf8)
        let (begin, end) = ("<!-- table of what watchers see -->\n", "<!-- end of the table -->")
        let start = try #require(text.range(of: begin)?.upperBound)
        let stop = try #require(text.range(of: end)?.lowerBound)
        if ProcessInfo.processInfo.environment["ONEGATEFS_WRITE_TABLE"] != nil {
            try text.replacingCharacters(in: start..<stop, with: table).write(
                to: file, atomically: false, encoding: .utf8)
        } else {
            #expect(String(text[start..<stop]) == table)
        }
    }
}
