import OrderedCollections

/// A OneFlow service as OneGate shows it to its VMs.
public struct Service: Sendable, Hashable {
    /// The whole answer, `{"SERVICE":{...}}`.
    public let json: JSON
    /// The service's ID, which the server sends as a text of digits.
    public let id: String
    /// The service's name.
    public let name: String
    /// The number of its state, nil if the server shows none.
    public let state: Int?
    /// Its roles in the server's order.
    public let roles: [Role]

    /// A service from an answer of `/service`, extended or not.
    ///
    /// - Throws: `OneGateError` of kind `unexpected` when the answer does not show a service.
    public init(answer: JSON) throws(OneGateError) {
        guard let members = answer["SERVICE"]?.members else {
            throw .wrongShape("the answer shows no service")
        }
        guard let id = members["id"]?.scalar, !id.isEmpty else { throw .wrongShape("the service has no ID") }
        guard let name = members["name"]?.scalar else { throw .wrongShape("the service has no name") }
        var roles: [Role] = []
        switch members["roles"] {
        case .array(let elements)?:
            for element in elements { roles.append(try Role(json: element)) }
        case nil, .null?: break
        default: throw .wrongShape("the service's roles are no array")
        }
        self.json = answer
        self.id = id
        self.name = name
        self.state = members["state"]?.integer
        self.roles = roles
    }

    /// The state as `onegate service show` prints it, or the number where it has no name.
    public var stateName: String { state.map { StateNames.name(of: $0, in: StateNames.service) } ?? "" }

    /// What `/service` answers without `extended`, made from either answer: of each VM only the ID, the owner
    /// and the name.
    public var summary: JSON {
        guard var members = json["SERVICE"]?.members, let roles = members["roles"]?.elements else {
            return json
        }
        members["roles"] = .array(
            roles.map { role in
                guard var roleMembers = role.members, let nodes = roleMembers["nodes"]?.elements else {
                    return role
                }
                roleMembers["nodes"] = .array(nodes.map(Service.summary(ofNode:)))
                return .object(roleMembers)
            })
        return .object(["SERVICE": .object(members)])
    }

    private static let summaryKeys: Set<String> = ["ID", "UID", "GID", "UNAME", "GNAME", "NAME"]

    private static func summary(ofNode node: JSON) -> JSON {
        guard var members = node.members, var info = members["vm_info"]?.members, let vm = info["VM"]?.members
        else { return node }
        info["VM"] = .object(vm.filter { summaryKeys.contains($0.key) })
        members["vm_info"] = .object(info)
        return .object(members)
    }
}

/// A role of a service.
public struct Role: Sendable, Hashable {
    /// The role as the server shows it.
    public let json: JSON
    /// The role's name.
    public let name: String
    /// The number of its state, nil if the server shows none.
    public let state: Int?
    /// How many VMs it should have, nil if the server does not say.
    public let cardinality: Int?
    /// The VMs it has.
    public let members: [Member]

    /// A VM of a role.
    public struct Member: Sendable, Hashable {
        /// The VM's ID.
        public let vmID: Int
        /// What the service's answer shows of the VM, `{"VM":{...}}`; nil if it shows nothing.
        public let vmInfo: JSON?
    }

    init(json: JSON) throws(OneGateError) {
        guard let members = json.members, let name = members["name"]?.scalar, !name.isEmpty else {
            throw .wrongShape("a role of the service has no name")
        }
        var nodes: [Member] = []
        for node in members["nodes"]?.elements ?? [] {
            guard let vmID = node["deploy_id"]?.integer, vmID >= 0 else {
                throw .wrongShape("a node of the role \(name) has no VM ID")
            }
            let info = node["vm_info"]
            nodes.append(Member(vmID: vmID, vmInfo: info?.members == nil ? nil : info))
        }
        self.json = json
        self.name = name
        self.state = members["state"]?.integer
        self.cardinality = members["cardinality"]?.integer
        self.members = nodes
    }

    /// The name of the role's state (OneFlow's role.rb), or the number where it has no name.
    public var stateName: String { state.map { StateNames.name(of: $0, in: StateNames.role) } ?? "" }
}
