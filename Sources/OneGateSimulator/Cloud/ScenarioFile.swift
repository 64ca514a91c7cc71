import OneGate
import OrderedCollections

extension Cloud {
    /// Why a scenario is not one.
    public struct ScenarioError: Error, Hashable, CustomStringConvertible {
        /// What is wrong, in words.
        public let description: String
    }

    /// A cloud as a JSON object describes it. All members are optional but the IDs:
    ///
    /// ```json
    /// {
    ///   "users": [{"id": 2, "name": "alice", "group_id": 1, "group_name": "users", "administrator": false}],
    ///   "networks": [{"id": 0, "name": "private", "first_ip": "192.168.150.100", "size": 100,
    ///                 "parent": 5, "template": {"GATEWAY": "192.168.150.1"}}],
    ///   "vms": [{"id": 8, "name": "master", "owner": 2, "state": "RUNNING",
    ///            "attributes": {"ACTIVE": "YES", "BACKUP": {"KEY": "x"}, "TAG": ["a", "b"]},
    ///            "nics": [{"network": 0, "ip": "192.168.150.100"}],
    ///            "token": "AAECAwQFBgcICQoLDA0ODw==", "backend": false, "unreadable": false,
    ///            "template": {"CPU": "1"}, "facts": {"STIME": "1795335863"}}],
    ///   "services": [{"id": 3, "name": "PANACEA service", "owner": 2, "gated": false, "state": 2,
    ///                 "roles": [{"name": "slave", "vms": [9, 10], "cardinality": 2, "minimum": 1,
    ///                            "maximum": 5, "state": 2, "networks": [0],
    ///                            "attributes": {"HYPERVISOR": "dummy"}, "vm_owner": 2}]}],
    ///   "vrouters": [{"id": 0, "name": "vr", "vms": [12], "networks": [0], "attributes": {}}],
    ///   "settings": {"restricted_attributes": ["SERVICE_ID"], "restricted_actions": ["reboot"],
    ///                "permissions": {"vm.update": false}, "oneflow_down": false, "core_down": false,
    ///                "transition_seconds": 0, "scaling_seconds": 0, "cooldown_seconds": 0,
    ///                "ready_seconds": 0, "scheduler": true, "public_url": "https://gate:8443"}
    /// }
    /// ```
    ///
    /// A VM's `template` (without NICs) and `facts` are what `extended` shows of it; a NIC may have a
    /// `name`, and a `parent` (another's name) makes it an alias; a network may have `next_index`,
    /// `owner_name` and, instead of the first address, whole `ranges`; a router whole `nics`; a role
    /// `next_number`, the number in the name of its next VM.
    ///
    /// A VM's state is a name (`RUNNING`, `POWEROFF`, `SAVE_SUSPEND`, ...). The VMs of a role get
    /// ROLE_NAME and SERVICE_ID unless they have them; those of a router, VROUTER.
    ///
    /// - Throws: `ScenarioError` for what is not such a description.
    public convenience init(scenario json: JSON) throws(ScenarioError) {
        var state = CloudState()
        try ScenarioReader.read(json, into: &state)
        self.init(state)
    }

    /// A cloud as a JSON text describes it; see `init(scenario:)`.
    ///
    /// - Throws: `ScenarioError`.
    public convenience init(scenarioText text: String) throws(ScenarioError) {
        let json: JSON
        do {
            json = try JSON(parsing: text)
        } catch {
            throw ScenarioError(description: "not JSON: \(error)")
        }
        try self.init(scenario: json)
    }
}

/// Builds the state of a cloud from a scenario.
enum ScenarioReader {
    typealias ScenarioError = Cloud.ScenarioError

    static func read(_ json: JSON, into state: inout CloudState) throws(ScenarioError) {
        guard json.members != nil else { throw ScenarioError(description: "a scenario is a JSON object") }
        try apply(settings: json["settings"] ?? .emptyObject, to: &state.settings)
        state.users[0] = User(
            id: 0, name: "oneadmin", groupID: 0, groupName: "oneadmin", isAdministrator: true)
        state.users[2] = User(id: 2, name: "alice", groupID: 1, groupName: "users", isAdministrator: false)
        for user in list(json, "users") {
            let id = try number(user, "id", of: "a user")
            state.users[id] = User(
                id: id, name: user["name"]?.scalar ?? "user\(id)", groupID: user["group_id"]?.integer ?? 1,
                groupName: user["group_name"]?.scalar ?? "users",
                isAdministrator: user["administrator"] == .bool(true))
        }
        for network in list(json, "networks") { try read(network: network, into: &state) }
        for machine in list(json, "vms") { try read(machine: machine, into: &state) }
        for service in list(json, "services") { try read(service: service, into: &state) }
        for router in list(json, "vrouters") { try read(router: router, into: &state) }
        for network in state.networks.values {
            guard let parent = network.parent, let range = network.ranges.first else { continue }
            reserve(range, for: network.id, in: parent, &state)
        }
    }

    static func apply(settings json: JSON, to settings: inout Settings) throws(ScenarioError) {
        func names(_ name: String) -> [String]? { json[name]?.elements?.compactMap(\.scalar) }
        func time(_ name: String) -> Duration? {
            json[name]?.scalar.flatMap { Double($0) }.map { .nanoseconds(Int64($0 * 1e9)) }
        }
        if let list = names("restricted_attributes") { settings.restrictedAttributes = list }
        if let list = names("restricted_actions") { settings.restrictedActions = list }
        for (name, value) in json["permissions"]?.members ?? [:] {
            guard Settings.Permissions.all.contains(name), case .bool(let isAllowed) = value else {
                throw ScenarioError(description: "\(name) is no permission that can be true or false")
            }
            settings.permissions[name] = isAllowed
        }
        if case .bool(let value)? = json["oneflow_down"] { settings.isOneFlowDown = value }
        if case .bool(let value)? = json["core_down"] { settings.isCoreDown = value }
        if case .bool(let value)? = json["scheduler"] { settings.hasScheduler = value }
        if let value = time("transition_seconds") { settings.transitionTime = value }
        if let value = time("scaling_seconds") { settings.scalingTime = value }
        if let value = time("cooldown_seconds") { settings.cooldownTime = value }
        if let value = time("ready_seconds") { settings.readyTime = value }
        if let value = json["public_url"] { settings.publicURL = value.scalar }
    }

    private static func list(_ json: JSON, _ name: String) -> [JSON] { json[name]?.elements ?? [] }

    private static func number(_ json: JSON, _ name: String, of what: String) throws(ScenarioError) -> Int {
        guard let number = json[name]?.integer else {
            throw ScenarioError(description: "\(what) needs a number \"\(name)\"")
        }
        return number
    }

    private static func owner(_ json: JSON, _ name: String, _ state: CloudState) throws(ScenarioError) -> User
    {
        let id = json[name]?.integer ?? 2
        guard let user = state.users[id] else { throw ScenarioError(description: "there is no user \(id)") }
        return user
    }

    private static func read(network json: JSON, into state: inout CloudState) throws(ScenarioError) {
        let id = try number(json, "id", of: "a network")
        let range = VirtualNetwork.range(
            id: 0, first: json["first_ip"]?.scalar ?? "10.\(id).0.10", size: json["size"]?.integer ?? 100)
        var network = VirtualNetwork(
            id: id, name: json["name"]?.scalar ?? "net\(id)", parent: json["parent"]?.integer,
            ranges: [range],
            template: json["template"]?.members ?? [:])
        if let ranges = json["ranges"]?.elements {
            network.ranges = ranges.map { VirtualNetwork.AddressRange(members: $0.members ?? [:]) }
        }
        if let owner = json["owner_name"]?.scalar { network.ownerName = owner }
        if let next = json["next_index"]?.integer {
            network.ranges[0].members["NEXT_INDEX"] = .string("\(next)")
        }
        state.networks[id] = network
    }

    /// The addresses of a reservation are leases of the network that they were taken from.
    private static func reserve(
        _ range: VirtualNetwork.AddressRange, for child: Int, in parent: Int, _ state: inout CloudState
    ) {
        guard let first = IPv4(range.members["IP"]?.scalar ?? ""), state.networks[parent] != nil,
            let size = range.members["SIZE"]?.integer, state.networks[parent]?.ranges.isEmpty == false
        else { return }
        let leases = (0..<size).map { offset in
            let address = first.advanced(by: offset)
            return VirtualNetwork.Lease(ip: address.description, mac: address.mac, holder: .network(child))
        }
        state.networks[parent]?.ranges[0].leases.insert(contentsOf: leases, at: 0)
    }

    private static func read(machine json: JSON, into state: inout CloudState) throws(ScenarioError) {
        let id = try number(json, "id", of: "a VM")
        var machine = state.newMachine(
            id: id, name: json["name"]?.scalar ?? "vm-\(id)", owner: try owner(json, "owner", state),
            userTemplate: UserTemplate(json["attributes"] ?? ["HYPERVISOR": "dummy"]))
        if let name = json["state"]?.scalar {
            guard let numbers = MachineState.numbers(named: name) else {
                throw ScenarioError(description: "VM \(id): there is no state \(name)")
            }
            (machine.state, machine.lifecycle) = numbers
        }
        if let token = json["token"] { machine.token = token.scalar.flatMap { $0.isEmpty ? nil : $0 } }
        machine.isBackend = json["backend"] == .bool(true)
        machine.isUnreadable = json["unreadable"] == .bool(true)
        if let facts = json["facts"]?.members { machine.facts = facts }
        if let template = json["template"]?.members { machine.template = template }
        state.insert(machine)
        for nic in list(json, "nics") {
            let network = try number(nic, "network", of: "a NIC")
            guard state.networks[network] != nil else {
                throw ScenarioError(description: "VM \(id): there is no network \(network)")
            }
            state.attachNIC(
                id, network: network, parent: nic["parent"]?.scalar, ip: nic["ip"]?.scalar,
                name: nic["name"]?.scalar)
        }
    }

    private static func read(service json: JSON, into state: inout CloudState) throws(ScenarioError) {
        let id = try number(json, "id", of: "a service")
        var roles: [Role] = []
        for role in list(json, "roles") {
            let name = role["name"]?.scalar ?? "role"
            let machines = list(role, "vms").compactMap(\.integer)
            for machine in machines {
                guard state.machines[machine] != nil else {
                    throw ScenarioError(description: "role \(name): there is no VM \(machine)")
                }
                state.change(machine) { machine in
                    for (attribute, value) in [("ROLE_NAME", name), ("SERVICE_ID", "\(id)")]
                    where machine.userTemplate.values(attribute).isEmpty {
                        machine.userTemplate.set(attribute, to: .string(value))
                    }
                }
            }
            let vmOwner = role["vm_owner"] == nil ? nil : try owner(role, "vm_owner", state)
            roles.append(
                Role(
                    name: name, cardinality: role["cardinality"]?.integer ?? machines.count,
                    state: role["state"]?.integer ?? FlowState.running, machines: machines,
                    minimum: role["minimum"]?.integer, maximum: role["maximum"]?.integer,
                    nextNumber: role["next_number"]?.integer ?? machines.count,
                    networks: list(role, "networks").compactMap(\.integer),
                    attributes: role["attributes"] ?? ["HYPERVISOR": "dummy"], machineOwner: vmOwner))
        }
        state.services[id] = Service(
            id: id, name: json["name"]?.scalar ?? "service \(id)", owner: try owner(json, "owner", state),
            state: json["state"]?.integer ?? FlowState.running, roles: roles,
            isGated: json["gated"] == .bool(true))
    }

    private static func read(router json: JSON, into state: inout CloudState) throws(ScenarioError) {
        let id = try number(json, "id", of: "a virtual router")
        var nics: [Members] = []
        for (index, network) in list(json, "networks").compactMap(\.integer).enumerated() {
            guard let net = state.networks[network] else {
                throw ScenarioError(description: "virtual router \(id): there is no network \(network)")
            }
            nics.append([
                "NETWORK": .string(net.name), "NETWORK_ID": .string("\(network)"),
                "NETWORK_UNAME": .string(net.ownerName), "NIC_ID": .string("\(index)"),
            ])
        }
        let machines = list(json, "vms").compactMap(\.integer)
        for machine in machines {
            state.change(machine) { machine in
                machine.virtualRouter = id
                machine.template["VROUTER_ID"] = .string("\(id)")
                if machine.userTemplate.values("VROUTER").isEmpty {
                    machine.userTemplate.set("VROUTER", to: "YES")
                }
            }
        }
        if let given = json["nics"]?.elements { nics = given.map { $0.members ?? [:] } }
        for nic in nics {
            guard let ip = nic["VROUTER_IP"]?.scalar, let address = IPv4(ip),
                let network = nic["NETWORK_ID"]?.integer, state.networks[network]?.ranges.isEmpty == false
            else { continue }
            state.networks[network]?.ranges[0].leases.append(
                .init(ip: ip, mac: address.mac, holder: .router(id)))
        }
        state.routers[id] = VirtualRouter(
            id: id, name: json["name"]?.scalar ?? "vr\(id)", machines: machines, nics: nics)
    }
}
