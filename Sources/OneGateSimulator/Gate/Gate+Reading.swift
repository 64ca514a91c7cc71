import OneGate

extension Gate {
    func service(_ parameters: FormParameters, in state: inout CloudState) throws(GateFailure) -> GateResponse
    {
        let source = try source("service", "show", nil, parameters, &state)
        // Any value of `extended` counts as true.
        let extended = parameters["extended"].map { $0 != .missing } ?? false
        let service = try checkedService(
            source.machine.userTemplate.text("SERVICE_ID"), contains: "\(source.machine.id)",
            extended: extended,
            for: source.user, in: state)
        return .init(body: state.rendering(of: service.id, extended: extended))
    }

    func router(_ parameters: FormParameters, in state: inout CloudState) throws(GateFailure) -> GateResponse
    {
        let source = try source("vrouter", "show", nil, parameters, &state)
        guard let id = source.machine.virtualRouter else { throw .halt(400, "Empty or invalid VROUTER_ID") }
        let router = try checkedRouter(id, contains: "\(source.machine.id)", source, in: state)
        return .init(status: 200, text: router.json.compact)
    }

    func network(
        _ text: String, _ parameters: FormParameters, in state: inout CloudState
    ) throws(GateFailure) -> GateResponse {
        guard state.settings.permissions["vnet.show_by_id"] else {
            throw .halt(403, "Action (show_by_id) on resource (vnet) not supported")
        }
        let user = try authenticate(text, parameters, in: state)
        guard let id = RubyValues.strictInteger(text) else {
            throw .halt(400, "Invalid id format (ID: \(text)). ID must be an integer.")
        }
        let sourceID = RubyValues.leadingInteger(request.vmid ?? "")
        let source = Source(machine: try machine(sourceID, for: user, in: state), user: user)
        guard let routerID = source.machine.virtualRouter else {
            throw .halt(400, "Virtual networks information can only be retrieved from Virtual Routers.")
        }
        let router = try checkedRouter(routerID, contains: "\(source.machine.id)", source, in: state)
        guard let network = state.networks[id] else { throw .halt(404, "Virtual network \(id) not found") }
        guard isReachable(network, from: router, in: state) else {
            throw .halt(400, "Virtual Network \(id) cannot be retrieved from Virtual router \(routerID).")
        }
        var extended = false
        if case .text(let value)? = parameters["extended"] {
            extended = String(decoding: value, as: UTF8.self).lowercased() == "true"
        }
        if extended {
            for range in network.ranges {
                for case .machine(let id) in range.leases.map(\.holder)
                where state.machines[id]?.isBricked == true {
                    throw .halt(404, Gate.brickedText)
                }
            }
        }
        return .init(status: 200, text: state.json(of: network, extended: extended, for: source.user).compact)
    }

    /// A router reaches its NICs' networks, their parents and children, and what has the same parent.
    private func isReachable(_ network: VirtualNetwork, from router: VirtualRouter, in state: CloudState)
        -> Bool
    {
        var valid: Set<Int> = []
        for id in router.networks {
            valid.insert(id)
            guard let own = state.networks[id] else { continue }
            if let parent = own.parent { valid.insert(parent) }
            for case .network(let child) in own.ranges.flatMap(\.leases).map(\.holder) { valid.insert(child) }
        }
        return valid.contains(network.id) || network.parent.map { valid.contains($0) } == true
    }
}

extension CloudState {
    /// The answer of a service. Without `extended` its VMs are just named.
    mutating func rendering(of id: Int, extended: Bool) -> [UInt8] {
        guard let service = services[id] else { return [] }
        if service.rendering.revision == revision,
            let bytes = extended ? service.rendering.extended : service.rendering.plain
        {
            return bytes
        }
        var bytes: [UInt8] = []
        func add(_ text: String) { bytes += text.utf8 }
        add(
            "{\"SERVICE\":{\"name\":\(JSON.string(service.name).compact),\"id\":\"\(id)\","
                + "\"state\":\(service.state),\"roles\":[")
        for (index, role) in service.roles.enumerated() {
            add(index == 0 ? "" : ",")
            add("{\"name\":\(JSON.string(role.name).compact),\"cardinality\":\(role.cardinality),")
            add("\"state\":\(role.state),\"nodes\":[")
            for (index, machine) in role.machines.enumerated() {
                add(index == 0 ? "" : ",")
                add("{\"deploy_id\":\(machine),\"running\":null,\"vm_info\":")
                if extended {
                    bytes += whole(machine)
                } else {
                    add(machines[machine]?.summary.compact ?? "{}")
                }
                add("}")
            }
            add("]}")
        }
        add("]}}")
        if service.rendering.revision != revision { services[id]?.rendering = (revision, nil, nil) }
        if extended {
            services[id]?.rendering.extended = bytes
        } else {
            services[id]?.rendering.plain = bytes
        }
        return bytes
    }

    func json(of network: VirtualNetwork, extended: Bool, for user: User) -> JSON {
        let routers = routers.values.filter { $0.networks.contains(network.id) }.map(\.id).sorted()
        let ranges = network.ranges.map { range -> JSON in
            var members = range.members
            members["USED_LEASES"] = .string("\(range.leases.count)")
            let sorted = range.leases.sorted { (IPv4($0.ip)?.bits ?? 0) < (IPv4($1.ip)?.bits ?? 0) }
            let leases = sorted.compactMap { json(of: $0, extended: extended, for: user) }
            members["LEASES"] = ["LEASE": .array(leases)]
            return .object(members)
        }
        var template: Members = [:]
        for name in settings.networkAttributes { template[name] = network.template[name] }
        return [
            "VNET": [
                "ID": .string("\(network.id)"), "NAME": .string(network.name),
                "USED_LEASES": .string("\(network.usedLeases)"),
                "VROUTERS": ["ID": .array(routers.map { .string("\($0)") })],
                "PARENT_NETWORK_ID": network.parent.map { .string("\($0)") } ?? .emptyObject,
                "AR_POOL": ["AR": .array(ranges)], "TEMPLATE": .object(template),
            ]
        ]
    }

    /// A lease, or nil for that of a VM that the user may not see.
    private func json(of lease: VirtualNetwork.Lease, extended: Bool, for user: User) -> JSON? {
        var members: Members = ["IP": .string(lease.ip), "MAC": .string(lease.mac)]
        switch lease.holder {
        case .network(let id): members["VNET"] = .string("\(id)")
        case .router(let id): members["VROUTER"] = .string("\(id)")
        case .machine(let id):
            guard let machine = machines[id], user.isAdministrator || Gate.mayUse(machine, user) else {
                return nil
            }
            members["VM"] = .string("\(id)")
            if extended { extend(&members, with: machine, mac: lease.mac) }
        }
        return .object(members)
    }

    private func extend(_ members: inout Members, with machine: Machine, mac: String) {
        let hasAddress: (Members) -> Bool = { $0["MAC"]?.scalar == mac }
        if let nic = machine.nics.first(where: hasAddress) {
            members["NIC_NAME"] = nic["NAME"]
        } else if let alias = machine.aliases.first(where: hasAddress) {
            let parent = machine.nics.first { $0["NIC_ID"] == alias["PARENT_ID"] }
            members["PARENT"] = alias["PARENT"]
            members["PARENT_NETWORK_ID"] = parent?["NETWORK_ID"]
            members["EXTERNAL"] = .bool(alias["EXTERNAL"]?.scalar?.lowercased() == "yes")
            members["NIC_NAME"] = alias["NAME"]
        }
        guard machine.isBackend else { return }
        members["BACKEND"] = "YES"
        for attribute in machine.userTemplate.attributes where attribute.name.hasPrefix("ONEGATE_") {
            members[attribute.name] = .string(attribute.value.text)
        }
    }
}
