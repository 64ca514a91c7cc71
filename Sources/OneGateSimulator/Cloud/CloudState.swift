import OneGate
import OrderedCollections

/// Everything that a cloud is at one moment, and how it goes on as time passes.
struct CloudState: Sendable {
    var settings = Settings()
    var users: [Int: User] = [:]
    var services: [Int: Service] = [:]
    var routers: [Int: VirtualRouter] = [:]
    var networks: [Int: VirtualNetwork] = [:]
    private(set) var machines: [Int: Machine] = [:]
    /// Counts the changes of what a service shows.
    private(set) var revision = 0
    private(set) var nextMachine = 0
    private var events: [Event] = []
    private(set) var now: Duration = .zero
    /// What contexts give as ONEGATE_ENDPOINT.
    var endpoint = "http://127.0.0.1:5030"

    private struct Event: Sendable {
        enum Change: Sendable {
            case machine(Int, generation: Int, state: Int, lifecycle: Int)
            case deploy(Int, generation: Int)
            case role(Int, role: String, state: Int)
            case gate(Int)
        }
        var due: Duration
        var change: Change
    }

    // MARK: Machines

    /// Changes a VM, if there is one with that ID.
    mutating func change(_ id: Int, _ body: (inout Machine) -> Void) {
        guard machines[id] != nil else { return }
        revision += 1
        if var machine = machines.removeValue(forKey: id) {
            body(&machine)
            machine.invalidate()
            machines[id] = machine
        }
    }

    mutating func insert(_ machine: Machine) {
        revision += 1
        machines[machine.id] = machine
        nextMachine = max(nextMachine, machine.id + 1)
    }

    mutating func plain(_ id: Int) -> [UInt8] { machines[id]?.plain() ?? [] }
    mutating func whole(_ id: Int) -> [UInt8] { machines[id]?.whole() ?? [] }

    /// IDs before this are not given to new VMs.
    mutating func reserveMachineIDs(below id: Int) { nextMachine = max(nextMachine, id) }

    /// Sends a VM from one state through others to the last one, a `transitionTime` each.
    mutating func transition(_ id: Int, through steps: [(state: Int, lifecycle: Int)]) {
        guard let last = steps.last else { return }
        var generation = 0
        let isInstant = settings.transitionTime == .zero
        let first = isInstant ? last : steps[0]
        change(id) { machine in
            machine.generation += 1
            generation = machine.generation
            (machine.state, machine.lifecycle) = first
        }
        if !isInstant {
            for (index, step) in steps.enumerated().dropFirst() {
                schedule(
                    after: settings.transitionTime * index,
                    .machine(id, generation: generation, state: step.state, lifecycle: step.lifecycle))
            }
        }
        if last.state == MachineState.pending, settings.hasScheduler {
            schedule(after: settings.transitionTime * steps.count, .deploy(id, generation: generation))
        }
    }

    /// Gives a VM a NIC on a network.
    mutating func attachNIC(
        _ id: Int, network: Int, parent: String? = nil, ip: String? = nil, name: String? = nil
    ) {
        guard let machine = machines[id], var net = networks[network] else { return }
        let lease: VirtualNetwork.Lease
        if let ip, let address = IPv4(ip) {
            lease = .init(ip: ip, mac: address.mac, holder: .machine(id))
            if !net.ranges.isEmpty { net.ranges[0].leases.append(lease) }
        } else if let free = net.takeAddress(for: .machine(id)) {
            lease = free
        } else {
            return
        }
        networks[network] = net
        let number = ((machine.nics + machine.aliases).compactMap { $0["NIC_ID"]?.integer }.max() ?? -1) + 1
        var nic: Members = [
            "AR_ID": "0", "BRIDGE": "br0", "BRIDGE_TYPE": "linux", "CLUSTER_ID": "0", "IP": .string(lease.ip),
            "MAC": .string(lease.mac), "NAME": .string("NIC\(number)"), "NETWORK": .string(net.name),
            "NETWORK_ID": .string("\(network)"), "NETWORK_UNAME": .string(net.ownerName),
            "NIC_ID": .string("\(number)"), "SECURITY_GROUPS": "0", "TARGET": .string("one-\(id)-\(number)"),
            "VN_MAD": "dummy",
        ]
        for key in ["DNS", "GATEWAY"] { nic[key] = net.template[key] }
        if let parent {
            let holder = machine.nics.first { $0["NAME"]?.scalar == parent }
            nic["PARENT"] = .string(parent)
            nic["PARENT_ID"] = holder?["NIC_ID"] ?? "0"
            nic["NAME"] = .string("NIC\(holder?["NIC_ID"]?.integer ?? 0)_ALIAS\(number)")
        }
        if let name { nic["NAME"] = .string(name) }
        nic.sort { UserTemplate.precedes($0.key, $1.key) }
        change(id) { parent == nil ? $0.nics.append(nic) : $0.aliases.append(nic) }
    }

    /// Takes a NIC or an alias away, and tells whether there was one.
    mutating func detachNIC(_ id: Int, number: Int) -> Bool {
        let isNIC: (Members) -> Bool = { $0["NIC_ID"]?.integer == number }
        guard let machine = machines[id], let nic = (machine.nics + machine.aliases).first(where: isNIC)
        else {
            return false
        }
        change(id) { machine in
            machine.nics.removeAll(where: isNIC)
            machine.aliases.removeAll(where: isNIC)
        }
        if let network = nic["NETWORK_ID"]?.integer, let ip = nic["IP"]?.scalar {
            networks[network]?.release(ip)
        }
        return true
    }

    // MARK: Services

    mutating func changeService(_ id: Int, _ body: (inout Service) -> Void) {
        revision += 1
        if var service = services.removeValue(forKey: id) {
            body(&service)
            services[id] = service
        }
    }

    /// Adds new VMs to a role, without touching its cardinality.
    mutating func addMachines(_ count: Int, service id: Int, role name: String) -> [Int] {
        guard let service = services[id], let role = service.roles.first(where: { $0.name == name }) else {
            return []
        }
        var added: [Int] = []
        for offset in 0..<max(count, 0) {
            let machine = nextMachine
            var template = UserTemplate(role.attributes)
            template.set("ROLE_NAME", to: .string(name))
            template.set("SERVICE_ID", to: .string("\(id)"))
            insert(
                newMachine(
                    id: machine, name: "\(name)_\(role.nextNumber + offset)_(service_\(id))",
                    owner: role.machineOwner ?? service.owner, userTemplate: template))
            for network in role.networks { attachNIC(machine, network: network) }
            transition(machine, through: [(3, 1), (3, 2), (3, 3)])
            added.append(machine)
        }
        changeService(id) { service in
            for index in service.roles.indices where service.roles[index].name == name {
                service.roles[index].machines += added
                service.roles[index].nextNumber += added.count
            }
        }
        return added
    }

    /// Takes a VM out of its role and terminates it.
    mutating func removeMachine(_ machine: Int) {
        for id in services.keys {
            guard services[id]?.roles.contains(where: { $0.machines.contains(machine) }) == true else {
                continue
            }
            changeService(id) { service in
                for index in service.roles.indices {
                    service.roles[index].machines.removeAll { $0 == machine }
                }
            }
        }
        for id in routers.keys { routers[id]?.machines.removeAll { $0 == machine } }
        for nic in machines[machine].map({ $0.nics + $0.aliases }) ?? [] {
            if let network = nic["NETWORK_ID"]?.integer, let ip = nic["IP"]?.scalar {
                networks[network]?.release(ip)
            }
        }
        transition(machine, through: [(3, 11), (6, 0)])
    }

    /// Brings a role to a number of VMs as OneFlow does: the oldest go first.
    mutating func scale(service id: Int, role name: String, to cardinality: Int) {
        guard let role = services[id]?.roles.first(where: { $0.name == name }) else { return }
        let isGrowing = cardinality > role.cardinality
        if isGrowing {
            _ = addMachines(cardinality - role.machines.count, service: id, role: name)
        } else {
            for machine in role.machines.prefix(max(role.machines.count - cardinality, 0)) {
                removeMachine(machine)
            }
        }
        setRole(id, name, isGrowing ? FlowState.scaling : FlowState.cooldown, cardinality: cardinality)
        var wait: Duration = .zero
        if isGrowing {
            wait += settings.scalingTime
            schedule(after: wait, .role(id, role: name, state: FlowState.cooldown))
        }
        schedule(after: wait + settings.cooldownTime, .role(id, role: name, state: FlowState.running))
    }

    private mutating func setRole(_ id: Int, _ name: String, _ state: Int, cardinality: Int? = nil) {
        changeService(id) { service in
            for index in service.roles.indices where service.roles[index].name == name {
                service.roles[index].state = state
                if let cardinality { service.roles[index].cardinality = cardinality }
            }
            service.state = state
        }
    }

    /// Looks whether a gated service can go on, after an attribute of one of its VMs changed.
    mutating func noticeAttributes(of machine: Int) {
        for (id, service) in services where service.isGated {
            if service.roles.contains(where: { $0.machines.contains(machine) }) {
                schedule(after: settings.readyTime, .gate(id))
            }
        }
    }

    private mutating func openGate(_ id: Int) {
        guard let service = services[id],
            let index = service.roles.firstIndex(where: { $0.state == FlowState.deploying })
        else { return }
        let isReady = service.roles[index].machines.allSatisfy {
            machines[$0]?.userTemplate.text("READY") == "YES"
        }
        guard isReady else { return }
        let next = service.roles[index...].dropFirst().first { $0.state == FlowState.pending }
        changeService(id) { service in
            service.roles[index].state = FlowState.running
            for other in service.roles.indices where service.roles[other].name == next?.name {
                service.roles[other].state = FlowState.deploying
            }
            if next == nil { service.state = FlowState.running }
        }
        if let next { _ = addMachines(next.cardinality, service: id, role: next.name) }
    }

    // MARK: Time

    private mutating func schedule(after wait: Duration, _ change: Event.Change) {
        let event = Event(due: now + wait, change: change)
        let place = events.firstIndex { $0.due > event.due } ?? events.endIndex
        events.insert(event, at: place)
    }

    /// Lets everything happen that is due.
    mutating func advance(to time: Duration) {
        while let event = events.first, event.due <= time {
            events.removeFirst()
            now = max(now, event.due)
            switch event.change {
            case .machine(let id, let generation, let state, let lifecycle):
                guard machines[id]?.generation == generation else { continue }
                change(id) { ($0.state, $0.lifecycle) = (state, lifecycle) }
            case .deploy(let id, let generation):
                guard machines[id]?.generation == generation else { continue }
                transition(id, through: [(3, 1), (3, 2), (3, 3)])
            case .role(let id, let role, let state): setRole(id, role, state)
            case .gate(let id): openGate(id)
            }
        }
        now = max(now, time)
    }
}
