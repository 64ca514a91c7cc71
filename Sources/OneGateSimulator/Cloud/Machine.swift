import OneGate
import OrderedCollections

typealias Members = OrderedDictionary<String, JSON>

/// A user of the cloud.
struct User: Sendable {
    var id: Int
    var name: String
    var groupID: Int
    var groupName: String
    /// Whether the user is in the administrators' group, whom the core refuses nothing.
    var isAdministrator: Bool
}

/// A virtual machine as the core knows it.
struct Machine: Sendable {
    let id: Int
    var name: String
    var owner: User
    var state: Int
    var lifecycle: Int
    var userTemplate: UserTemplate
    /// Each NIC, and each alias of one, with everything that the core knows of it, keys in order.
    var nics: [Members] = []
    var aliases: [Members] = []
    /// What a VM of `extended` has in TEMPLATE besides its NICs.
    var template: Members = [:]
    /// Values of the VM as `extended` shows it that differ from the usual ones.
    var facts: Members = [:]
    /// `OWNER_U` and so on, in octal digits: use 4, manage 2, administrate 1.
    var mode = [6, 0, 0]
    var virtualRouter: Int?
    /// Whether its context has BACKEND=YES, which makes a virtual network show its ONEGATE_ attributes.
    var isBackend = false
    /// Nil for a VM that was not created with TOKEN=YES.
    var token: String?
    /// Whether nobody but an administrator can read it.
    var isUnreadable = false
    var snapshots: Set<Int> = []
    var disks: Set<Int> = [0]
    /// Counts the changes of the state, so that a transition that was overtaken is dropped.
    var generation = 0

    private(set) var rendering = Rendering()

    struct Rendering: Sendable {
        var plain: [UInt8]?
        var whole: [UInt8]?
    }

    mutating func invalidate() { rendering = Rendering() }

    /// Whether every call about it fails, because its user template has a character that the core
    /// cannot send.
    var isBricked: Bool { userTemplate.isOutsideBMP }

    var stateName: String { MachineState.name(state: state, lifecycle: lifecycle) }

    // MARK: What a server shows

    private static let visibleKeys: Set<String> = [
        "IP", "IP6_LINK", "IP6_SITE", "IP6_GLOBAL", "NETWORK", "MAC", "NAME", "PARENT", "EXTERNAL",
        "EXTERNAL_IP",
    ]

    /// What `/vm` and `/vms/ID` answer.
    mutating func plain() -> [UInt8] {
        if let bytes = rendering.plain { return bytes }
        func visible(_ nics: [Members]) -> JSON {
            .array(nics.map { .object($0.filter { Machine.visibleKeys.contains($0.key) }) })
        }
        var attributes = userTemplate.json.members ?? [:]
        attributes.removeValue(forKey: "SCHED_MESSAGE")
        let body: JSON = [
            "VM": [
                "NAME": .string(name), "ID": .string("\(id)"), "STATE": .string("\(state)"),
                "LCM_STATE": .string("\(lifecycle)"), "USER_TEMPLATE": .object(attributes),
                "TEMPLATE": ["NIC": visible(nics), "NIC_ALIAS": visible(aliases)],
            ]
        ]
        let bytes = Array(body.compact.utf8)
        rendering.plain = bytes
        return bytes
    }

    /// What `vm_info` is in `/service?extended=true`.
    mutating func whole() -> [UInt8] {
        if let bytes = rendering.whole { return bytes }
        var members: Members = [
            "ID": .string("\(id)"), "UID": .string("\(owner.id)"), "GID": .string("\(owner.groupID)"),
            "UNAME": .string(owner.name), "GNAME": .string(owner.groupName), "NAME": .string(name),
            "PERMISSIONS": permissions, "LAST_POLL": "0", "STATE": .string("\(state)"),
            "LCM_STATE": .string("\(lifecycle)"), "PREV_STATE": .string("\(state)"),
            "PREV_LCM_STATE": .string("\(lifecycle)"), "RESCHED": "0", "STIME": .string("\(startTime)"),
            "ETIME": "0", "DEPLOY_ID": .string("node1:\(name):dummy"), "MONITORING": .emptyObject,
            "SCHED_ACTIONS": .emptyObject, "TEMPLATE": wholeTemplate, "USER_TEMPLATE": userTemplate.json,
            "HISTORY_RECORDS": history,
            "BACKUPS": ["BACKUP_CONFIG": .emptyObject, "BACKUP_IDS": .emptyObject],
        ]
        for (key, value) in facts { members[key] = value }
        let bytes = Array(JSON.object(["VM": .object(members)]).compact.utf8)
        rendering.whole = bytes
        return bytes
    }

    /// What `vm_info` is without `extended`.
    var summary: JSON {
        [
            "VM": [
                "ID": .string("\(id)"), "UID": .string("\(owner.id)"), "GID": .string("\(owner.groupID)"),
                "UNAME": .string(owner.name), "GNAME": .string(owner.groupName), "NAME": .string(name),
            ]
        ]
    }

    private var permissions: JSON {
        var members: Members = [:]
        for (who, bits) in zip(["OWNER", "GROUP", "OTHER"], mode) {
            for (right, bit) in [("U", 4), ("M", 2), ("A", 1)] {
                members["\(who)_\(right)"] = .string(bits & bit == 0 ? "0" : "1")
            }
        }
        return .object(members)
    }

    private var wholeTemplate: JSON {
        var members = template
        // One NIC is an object, several are an array, and without any the name is missing.
        for (name, nics) in [("NIC", nics), ("NIC_ALIAS", aliases)] where !nics.isEmpty {
            let values = nics.map { JSON.object($0) }
            members[name] = values.count == 1 ? values[0] : .array(values)
        }
        members.sort { UserTemplate.precedes($0.key, $1.key) }
        return .object(members)
    }

    private var startTime: Int { 1_795_335_000 + id * 10 }

    private var history: JSON {
        let started: JSON = .string("\(startTime + 5)")
        return [
            "HISTORY": [
                "OID": .string("\(id)"), "SEQ": "0", "HOSTNAME": "node1", "HID": "0", "CID": "0",
                "STIME": started, "ETIME": "0", "VM_MAD": "dummy", "TM_MAD": "dummy", "DS_ID": "0",
                "PLAN_ID": "-1", "ACTION_ID": "0", "PSTIME": started, "PETIME": started, "RSTIME": started,
                "RETIME": "0", "ESTIME": "0", "EETIME": "0", "ACTION": "0", "UID": "-1", "GID": "-1",
                "REQUEST_ID": "-1",
            ]
        ]
    }
}
