import OneGate

/// A OneFlow service.
struct Service: Sendable {
    let id: Int
    var name: String
    var owner: User
    var state = FlowState.running
    var roles: [Role]
    /// Whether a role counts as running only when all its VMs have READY=YES, and the next role
    /// waits for it.
    var isGated = false
    /// The answers, and the revision of the cloud that they were made at.
    var rendering: (revision: Int, plain: [UInt8]?, extended: [UInt8]?) = (0, nil, nil)
}

/// A role of a service.
struct Role: Sendable {
    var name: String
    var cardinality: Int
    var state = FlowState.running
    /// The IDs of its VMs, the oldest first.
    var machines: [Int]
    var minimum: Int?
    var maximum: Int?
    /// The number in the name of the next VM.
    var nextNumber: Int
    /// The networks that a new VM gets a NIC on.
    var networks: [Int] = []
    /// The attributes of a new VM, besides ROLE_NAME and SERVICE_ID.
    var attributes: JSON = ["HYPERVISOR": "dummy"]
    /// Who owns a new VM, when it is not the service's owner.
    var machineOwner: User?
}

/// A virtual router.
struct VirtualRouter: Sendable {
    let id: Int
    var name: String
    var machines: [Int]
    /// What the server shows as its TEMPLATE's NICs.
    var nics: [Members]
    var networks: [Int] { nics.compactMap { $0["NETWORK_ID"]?.integer } }
    var templateID = 2

    var json: JSON {
        // One ID is a string; of several the server's own check makes numbers.
        let ids: [JSON] =
            machines.count == 1 ? [.string("\(machines[0])")] : machines.map { .number("\($0)") }
        return [
            "VROUTER": [
                "NAME": .string(name), "ID": .string("\(id)"), "VMS": ["ID": .array(ids)],
                "TEMPLATE": [
                    "NIC": .array(nics.map { .object($0) }), "TEMPLATE_ID": .string("\(templateID)"),
                ],
            ]
        ]
    }
}
