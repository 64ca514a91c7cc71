import OneGate
import Testing

@testable import OneGateSimulator

/// Every recorded exchange with a real server, replayed over HTTP. The answers have to be the same:
/// the status, the JSON with the order of its keys, the text of an error.
///
/// What is not compared, and why: the states in `#get at once`, which are a race on the real servers
/// too; the addresses that `attachnic` got, which depend on what else the cloud did.
@Suite("As real servers answer")
struct ConformanceTests {
    /// Exchanges of which only the status is compared, or nothing, with the reason.
    private static let statusOnly: [String: String] = [
        "malformed: NaN #post": "the JSON parser's words",
        "TRACE /": "the framework's page for a method that no client of OneGate uses",
        "TRACE /vm": "the same",
        "TRACE /nope": "the same",
    ]
    private static let skipped: [String: String] = [
        "FOO /": "the simulator's HTTP parser refuses a method that it does not know",
        "FOO /vm": "the same",
        "FOO /nope": "the same",
        "multipart #put": "no client of OneGate sends it",
        "multipart #get": "the same",
        "detachnic 1 #get at once": "whether an alias is still there is a race",
        "6.10: PUT /vms/2 (service peer) erase again": "OneFlow failed by chance",
    ]

    private static let base: JSON = [
        "HYPERVISOR": "dummy", "KEEP": "one", "KEEP2": "two words", "KVEC": ["A": "1", "B": "2"],
    ]

    private func expectSame(_ replay: Replay, _ minimum: Int) {
        #expect(replay.count >= minimum)
        #expect(
            replay.differences.isEmpty,
            "\(replay.differences.count) of \(replay.count) differ:\n\(replay.differences.prefix(40).joined(separator: "\n"))"
        )
    }

    private func send(
        _ recording: Recording, with replay: Replay, _ strictness: Replay.Strictness = .everything
    )
        throws
    {
        let names = [recording.name, "\(replay.simulator.dialect.rawValue): \(recording.name)"]
        if recording.isShortened || names.contains(where: { Self.skipped[$0] != nil }) { return }
        try replay.send(recording, Self.statusOnly[recording.name] == nil ? strictness : .status)
    }

    @Test("reads, by every kind of VM")
    func reads() throws {
        let recordings = try Recording.load("new/reads")
        let extended = recordings.filter {
            $0.name.contains("GET /service?extended=true") && $0.status == 200
        }
        let whole = try extended.flatMap { recording -> [JSON] in
            let json = try JSON(parsing: recording.answer ?? "")
            let roles = json["SERVICE"]?["roles"]?.elements ?? []
            return roles.flatMap { $0["nodes"]?.elements ?? [] }.compactMap { $0["vm_info"]?["VM"] }
        }
        let replay = try Replay(RecordedScene.make(whole: whole))
        for recording in recordings { try send(recording, with: replay) }
        expectSame(replay, 320)
    }

    @Test("authentication")
    func authentication() throws {
        let replay = try Replay(RecordedScene.make())
        for recording in try Recording.load("new/auth") { try send(recording, with: replay) }
        expectSame(replay, 46)
    }

    @Test("unknown routes and methods")
    func unknownRoutes() throws {
        let replay = try Replay(RecordedScene.make())
        for recording in try Recording.load("new/unknown-routes") {
            try send(recording, with: replay)
        }
        expectSame(replay, 73)
    }

    @Test("permissions, restricted attributes and actions")
    func permissions() throws {
        let replay = try Replay(RecordedScene.make(isLate: true))
        replay.host = "127.0.0.1:5034"
        replay.cloud.setAttribute(vm: 2, name: "PEERSET", value: "1")
        for recording in try Recording.load("new/permissions") {
            let setting = recording.name.prefix { $0 != "," }
            var settings = Settings()
            if setting.hasPrefix("all") || setting.hasPrefix(":permissions: missing") {
                settings.permissions = .none
            } else if setting.hasPrefix("only") {
                let words = setting.split(separator: " ")
                let resource = words[1].split(separator: ":")[0]
                settings.permissions["\(resource).\(words[2].split(separator: ":")[0])"] = false
            } else if setting.hasPrefix(":vnet: section missing") {
                settings.permissions["vnet.show_by_id"] = false
            } else if setting.hasPrefix(":restricted_actions") {
                settings.restrictedActions = ["HOLD", "resched", "stop"]
            } else if setting.hasPrefix(":restricted_attrs") {
                settings.restrictedAttributes = ["FOO", "bar"]
            } else if setting.hasPrefix(":ssl_server") {
                settings.publicURL = "https://gate.example.org:8443"
            }
            replay.cloud.settings = settings
            try send(recording, with: replay)
        }
        expectSame(replay, 196)
    }

    @Test("several NICs, routers of several VMs, foreign services, what is down")
    func edges() throws {
        let replay = try Replay(
            RecordedScene.make(
                isLate: true,
                more: [RecordedScene.acting(26, "act"), RecordedScene.acting(70, "pend", pending: true)]))
        let cloud = replay.cloud
        let recordings = try Recording.load("new/reads-edge")
        for (index, recording) in recordings.enumerated() {
            let name = recording.name
            if name.hasPrefix("VM 6: /service whose second node") {
                cloud.setAttribute(vm: 6, name: "READY", value: "YES")
                cloud.elapse(.seconds(2000))
                // The scene is late: the second VM of the gated service was VM 80.
                cloud.withState { state in
                    state.changeService(4) { service in
                        service.roles[1].machines = [80]
                    }
                    let owner = state.users[1] ?? state.machines[6]?.owner
                    if let owner {
                        state.insert(
                            state.newMachine(
                                id: 80, name: "second_0_(service_4)", owner: owner,
                                userTemplate: UserTemplate()))
                    }
                }
            } else if name.hasPrefix("lab VM with")
                || ["one attribute", "empty user template"].contains(name)
                || name.hasPrefix("empty single")
            {
                // What it had is what the next answer about the VM itself shows.
                let own = recordings[index...].prefix(2).first { $0.userTemplate != nil }
                if name.contains("two SERVICE_IDs") {
                    cloud.setAttribute(vm: 5, name: "SERVICE_ID", value: ["3", "4"])
                } else if name.contains("vector SERVICE_ID") {
                    cloud.setAttribute(vm: 5, name: "SERVICE_ID", value: ["A": "1"])
                } else if let template = own?.userTemplate {
                    cloud.setUserTemplate(vm: 5, template)
                }
            }
            cloud.configure {
                $0.isOneFlowDown = name.hasPrefix("oneflow down")
                $0.isCoreDown = name.hasPrefix("oned down")
            }
            try send(recording, with: replay)
        }
        expectSame(replay, 53)
    }

    @Test("a service that waits for READY")
    func ready() throws {
        let replay = try Replay(RecordedScene.make())
        replay.cloud.withState { $0.reserveMachineIDs(below: 80) }
        for recording in try Recording.load("new/ready") {
            if recording.name.contains("1.8s") { replay.cloud.elapse(.seconds(1500)) }
            try send(recording, with: replay)
        }
        expectSame(replay, 4)
    }

    @Test("updates", arguments: [("new", Dialect.current), ("6.10", .v6_10)])
    func updates(_ folder: String, _ dialect: Dialect) throws {
        let replay = try Replay(RecordedScene.make(), dialect: dialect)
        for file in ["updates", "updates-chars"] {
            for recording in try Recording.load("\(folder)/\(file)") {
                if recording.name.hasSuffix("#put") { replay.cloud.setUserTemplate(vm: 5, Self.base) }
                try send(recording, with: replay)
            }
        }
        expectSame(replay, 1400)
    }

    @Test("erases", arguments: [("new", Dialect.current), ("6.10", .v6_10)])
    func erases(_ folder: String, _ dialect: Dialect) throws {
        let replay = try Replay(RecordedScene.make(), dialect: dialect)
        let recordings = try Recording.load("\(folder)/erase")
        for (index, recording) in recordings.enumerated() {
            if recording.name.hasSuffix("#put") {
                let after = recordings.indices.contains(index + 1) ? recordings[index + 1].userTemplate : nil
                replay.cloud.setUserTemplate(vm: 5, eraseBase(recording.name, after: after))
            }
            try send(recording, with: replay)
        }
        expectSame(replay, 200)
    }

    /// What the lab VM had before an erase: the usual, or what its name says.
    private func eraseBase(_ name: String, after: JSON?) -> JSON {
        var usual = Self.base.members ?? [:]
        usual["EMPTY"] = ""
        usual["LOWER_HERE"] = "x"
        usual["MULTI"] = ["1", "2"]
        if name.contains("restricted by") { usual["SERVICE_ID"] = "3" }
        if name.contains("SCHED_MESSAGE") { usual["SCHED_MESSAGE"] = "hello" }
        if name.hasPrefix("oned-restricted") { usual["CPU_COST"] = "5" }
        if name.hasPrefix("last attribute of all") { return ["KEEP": "one"] }
        if name.hasPrefix("others intact?") {
            if name.contains("non-ascii name") { return ["ONE_é": "x", "KEEP": "1"] }
            if name.contains("long 1M") {
                return ["KEEP": "one", "BIG": .string(String(repeating: "x", count: 1 << 20))]
            }
            usual = after?.members ?? usual
            if usual["KEEP"] == nil { usual["KEEP"] = "one" }
        }
        return .object(usual)
    }

    @Test("backslashes at an end, characters that brick a VM")
    func harm() throws {
        let replay = try Replay(RecordedScene.make(isLate: true))
        let cloud = replay.cloud
        cloud.setAttribute(vm: 2, name: "PEERSET", value: "1")
        for recording in try Recording.load("new/updates-more") {
            let template: JSON? =
                switch recording.name {
                case let name where !name.hasSuffix("#put") && !name.hasPrefix("after"): nil
                case let name where name.contains("a plain attribute follows"):
                    ["KEEP": "1", "OTHER": "ab\\", "ZED": "z"]
                case let name where name.contains("nothing follows"): ["KEEP": "1", "OTHER": "ab\\"]
                case let name where name.contains("next attribute is empty"):
                    ["KEEP": "1", "OTHER": "ab\\", "ZED": ""]
                case let name where name.contains("starts with #"):
                    ["KEEP": "1", "OTHER": "ab\\", "ZED": "#x", "ZEE": "y"]
                case let name where name.contains("holds name="):
                    ["KEEP": "1", "OTHER": "ab\\", "ZED": "P=\"q"]
                case let name where name.contains("special values"):
                    ["KEEP": "1", "OTHER": "ab\\", "W": "a\n\"b\",c=[d]\\n"]
                default: Self.base
                }
            if let template { cloud.setUserTemplate(vm: 5, template) }
            try send(recording, with: replay)
        }
        expectSame(replay, 25)
    }

    @Test(
        "actions",
        arguments: [
            ("new/actions", Dialect.current), ("new/actions-admin", .current), ("6.10/actions", .v6_10),
        ])
    func actions(_ file: String, _ dialect: Dialect) throws {
        let recordings = try Recording.load(file)
        var more: [JSON] = []
        var templates: [Int: JSON] = [:]
        for id in Set(recordings.compactMap(\.vm)).sorted() where id > 10 {
            let first = recordings.first { $0.vm == id && $0.userTemplate != nil }
            templates[id] = first?.userTemplate
            let isAdministrators = (12...22).contains(id)
            more.append(
                RecordedScene.acting(
                    id, isAdministrators ? "adm" : "act", owner: isAdministrators ? 0 : 2, pending: id >= 70))
        }
        let replay = try Replay(RecordedScene.make(more: more), dialect: dialect)
        for (id, template) in templates {
            replay.cloud.setUserTemplate(vm: id, template)
            if id >= 70 { replay.cloud.setName(vm: id, "pend") }
        }
        for recording in recordings {
            let isAtOnce = recording.name.hasSuffix("#get at once")
            if !isAtOnce { replay.cloud.elapse(.seconds(10_000)) }
            try send(recording, with: replay, isAtOnce ? .exceptStates : .exceptAddresses)
        }
        expectSame(replay, 57)
    }

    @Test(
        "scaling",
        arguments: [
            ("new/scale", Dialect.current, 74, [75, 76], 2, 77),
            ("new/scale-more", .current, 78, [77, 79], 4, 81),
            ("6.10/scale", .v6_10, 78, [82, 83], 7, 84),
        ])
    func scaling(
        _ file: String, _ dialect: Dialect, _ master: Int, _ slaves: [Int], _ number: Int, _ next: Int
    )
        throws
    {
        let (service, machines) = RecordedScene.scaled(master: master, slaves: slaves, nextSlave: number)
        let replay = try Replay(RecordedScene.make(service: service, more: machines), dialect: dialect)
        if file == "new/scale-more" {
            for (id, name) in [(77, "slave_2_(service_5)"), (79, "slave_3_(service_5)")] {
                replay.cloud.setName(vm: id, name)
            }
        }
        replay.cloud.withState { $0.reserveMachineIDs(below: next) }
        for recording in try Recording.load(file) {
            if recording.name.hasSuffix("#put"), !recording.name.hasPrefix("while") {
                replay.cloud.elapse(.seconds(10_000))
            }
            try send(recording, with: replay)
        }
        expectSame(replay, 25)
    }
}
