import OneGate

/// A call to the core about a VM, in a user's name.
struct CoreCall {
    let machine: Int
    let user: User

    private func fail(_ method: String, _ message: String) -> GateFailure {
        .halt(500, "[one.vm.\(method)] \(message)")
    }

    private func mustAdministrate(_ method: String) throws(GateFailure) {
        guard user.isAdministrator else {
            throw fail(method, "User [\(user.id)] : Not authorized to perform ADMIN VM [\(machine)].")
        }
    }

    private func current(in state: CloudState) throws(GateFailure) -> Machine {
        guard let current = state.machines[machine] else {
            throw fail("action", "Error getting virtual machine [\(machine)].")
        }
        return current
    }

    private func mustRun(_ method: String, _ what: String, in state: CloudState) throws(GateFailure)
        -> Machine
    {
        let current = try current(in: state)
        guard current.state == MachineState.active, current.lifecycle == MachineState.running else {
            throw fail(method, "\(what) is not available for state \(current.stateName)")
        }
        return current
    }

    // MARK: Actions without parameters

    /// The way to the state that an action leads to; nil when it is not available.
    private func way(_ action: String, from machine: Machine) -> [(state: Int, lifecycle: Int)]? {
        let active = MachineState.active
        let isRunning = machine.state == active && machine.lifecycle == MachineState.running
        let bare = action.hasSuffix("-hard") ? String(action.dropLast(5)) : action
        switch (bare, machine.state) {
        case ("hold", MachineState.pending), ("hold", MachineState.cloning): return [(MachineState.hold, 0)]
        case ("release", MachineState.hold): return [(MachineState.pending, 0)]
        case ("stop", _) where isRunning, ("stop", MachineState.suspended):
            return [(active, 10), (MachineState.stopped, 0)]
        case ("suspend", _) where isRunning: return [(active, 6), (MachineState.suspended, 0)]
        case ("resume", MachineState.suspended): return [(active, 21), (active, 3)]
        case ("resume", MachineState.poweroff): return [(active, 20), (active, 3)]
        case ("resume", MachineState.stopped), ("resume", MachineState.undeployed):
            return [(MachineState.pending, 0)]
        case ("poweroff", _) where isRunning, ("poweroff", MachineState.suspended):
            return [(active, 18), (MachineState.poweroff, 0)]
        case ("undeploy", _) where isRunning, ("undeploy", MachineState.poweroff),
            ("undeploy", MachineState.suspended), ("undeploy", MachineState.stopped):
            return [(active, action == bare ? 30 : 29), (MachineState.undeployed, 0)]
        case ("terminate", MachineState.done): return []
        case ("terminate", active): return [(active, 11), (MachineState.done, 0)]
        case ("terminate", _): return [(MachineState.done, 0)]
        case ("reboot", _) where isRunning: return []
        case ("resched", _) where isRunning, ("resched", MachineState.poweroff): return []
        case ("unresched", _) where isRunning, ("unresched", MachineState.poweroff): return []
        default: return nil
        }
    }

    func act(_ action: String, in state: inout CloudState) throws(GateFailure) {
        if action == "resched" || action == "unresched" { try mustAdministrate("action") }
        let current = try current(in: state)
        guard let way = way(action, from: current) else {
            throw fail(
                "action",
                "Error performing action \"\(action)\": This action is not available for state "
                    + current.stateName)
        }
        state.transition(machine, through: way)
    }

    // MARK: Placement

    func deploy(to host: Int, in state: inout CloudState) throws(GateFailure) {
        try mustAdministrate("deploy")
        let current = try current(in: state)
        guard
            [MachineState.pending, MachineState.hold, MachineState.stopped, MachineState.undeployed]
                .contains(current.state)
        else { throw fail("deploy", "Deploy action is not available for state \(current.stateName)") }
        guard host == 0 else { throw fail("deploy", "Error getting host [\(host)].") }
        let boot = current.state == MachineState.undeployed ? 32 : 2
        state.transition(machine, through: [(MachineState.active, boot), (MachineState.active, 3)])
    }

    func migrate(to host: Int, in state: inout CloudState) throws(GateFailure) {
        try mustAdministrate("migrate")
        guard host == 0 else { throw fail("migrate", "Error getting host [\(host)].") }
        _ = try mustRun("migrate", "Migrate action", in: state)
        throw fail("migrate", "VM is already running on host [0] and datastore [0]")
    }

    func recover(_ operation: Int, in state: inout CloudState) throws(GateFailure) {
        try mustAdministrate("recover")
        switch operation {
        case 3: state.transition(machine, through: [(MachineState.done, 0)])
        case 4: state.transition(machine, through: [(MachineState.pending, 0)])
        case 0, 1, 2, 5: break
        default: throw fail("recover", "Wrong recovery operation code")
        }
    }

    // MARK: Snapshots, disks, NICs

    func snapshot(_ action: String, _ parameter: JSON, in state: inout CloudState) throws(GateFailure) {
        if action == "snapshot_create" {
            if parameter != .null { _ = try Gate.text(parameter) }
            _ = try mustRun("snapshotcreate", "Snapshot action", in: state)
            state.change(machine) { $0.snapshots.insert(($0.snapshots.max() ?? -1) + 1) }
            state.transition(machine, through: [(MachineState.active, 24), (MachineState.active, 3)])
            return
        }
        let number = try Gate.integer(parameter)
        let isRevert = action == "snapshot_revert"
        let current = try mustRun(
            isRevert ? "snapshotrevert" : "snapshotdelete", "Snapshot action", in: state)
        guard current.snapshots.contains(number) else {
            throw isRevert
                ? fail(
                    "snapshotrevert",
                    "Could not revert VM \(machine) to snapshot \(number), it does not exist.")
                : fail(
                    "snapshotdelete",
                    "Could not delete snapshot \(number) for VM \(machine), it does not exist.")
        }
        if !isRevert { state.change(machine) { $0.snapshots.remove(number) } }
        state.transition(machine, through: [(MachineState.active, 24), (MachineState.active, 3)])
    }

    private func parsed(_ text: String, _ method: String) throws(GateFailure) -> UserTemplate {
        do throws(TemplateParser.Failure) {
            return try TemplateParser.parse(Array(text.utf8))
        } catch {
            throw fail(method, error.message)
        }
    }

    func attachDisk(_ text: String, in state: inout CloudState) throws(GateFailure) {
        guard try !parsed(text, "attach").values("DISK").isEmpty else {
            throw fail("attach", "The disk attribute is missing")
        }
        _ = try mustRun("attach", "Attach action", in: state)
        state.change(machine) { $0.disks.insert(($0.disks.max() ?? 0) + 1) }
        state.transition(machine, through: [(MachineState.active, 17), (MachineState.active, 3)])
    }

    func detachDisk(_ number: Int, in state: inout CloudState) throws(GateFailure) {
        let current = try mustRun("detach", "Detach action", in: state)
        // Disk 0 is the context's, which stays.
        guard number != 0, current.disks.contains(number) else {
            throw fail("detach", "VM disk does not exist")
        }
        state.change(machine) { $0.disks.remove(number) }
        state.transition(machine, through: [(MachineState.active, 17), (MachineState.active, 3)])
    }

    func attachNIC(_ text: String, in state: inout CloudState) throws(GateFailure) {
        let template = try parsed(text, "attachnic")
        let nic = template.json("NIC") ?? template.json("NIC_ALIAS") ?? .null
        _ = try mustRun("attachnic", "Attach NIC action", in: state)
        let name = nic["NETWORK"]?.scalar ?? ""
        let network = state.networks.values.first { network in
            if let id = nic["NETWORK_ID"]?.integer { return id == network.id }
            return network.name == name && (nic["NETWORK_UNAME"]?.scalar ?? user.name) == network.ownerName
        }
        guard let network else {
            throw fail(
                "attachnic",
                "User \(user.id) does not own a network with name: \(name) . Set NETWORK_UNAME or NETWORK_UID of "
                    + "owner in NIC.")
        }
        state.attachNIC(machine, network: network.id, parent: nic["PARENT"]?.scalar)
        state.transition(machine, through: [(MachineState.active, 25), (MachineState.active, 3)])
    }

    func detachNIC(_ number: Int, in state: inout CloudState) throws(GateFailure) {
        _ = try mustRun("detachnic", "Detach NIC action", in: state)
        guard state.detachNIC(machine, number: number) else {
            throw fail("detachnic", "Could not detach NIC with NIC_ID \(number), it does not exist.")
        }
        state.transition(machine, through: [(MachineState.active, 25), (MachineState.active, 3)])
    }

    // MARK: Name and rights

    func rename(_ name: String, in state: inout CloudState) throws(GateFailure) {
        try Gate.checkCallText(Array(name.utf8))
        guard !name.isEmpty else { throw fail("rename", "Invalid NAME, it cannot be empty") }
        for character in name where "&|:\\\";/'#{}$<>".contains(character) {
            throw fail("rename", "Invalid NAME, char '\(character)' is not allowed")
        }
        state.change(machine) { $0.name = name }
    }

    func changeMode(_ parameter: JSON, in state: inout CloudState) throws(GateFailure) {
        var mode = [0, 0, 0]
        switch parameter {
        case .string(let text):
            let digits = text.utf8.prefix(3).map { Int($0) - 48 }
            for (index, digit) in digits.enumerated() where (0...7).contains(digit) { mode[index] = digit }
        case .number(let text):
            // Of a number the server takes the lowest bits for digits.
            let number = Int(text) ?? 0
            mode = [number & 1, number >> 1 & 1, number >> 2 & 1]
        default: throw .exception("NoMethodError", "undefined method `[]' for nil")
        }
        if mode.contains(where: { $0 & 1 != 0 }) { try mustAdministrate("chmod") }
        state.change(machine) { $0.mode = mode }
    }
}
