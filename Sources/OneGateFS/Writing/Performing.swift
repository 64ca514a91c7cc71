import FUSE
import OneGate

/// Actions and scaling.
extension OneGateFileSystem {
    /// Does what was written to a `control` or a CARDINALITY. Nothing is ever sent twice.
    ///
    /// - Parameters:
    ///   - command: what to do.
    ///   - machine: the VM, for an action of one.
    ///   - role: the role, for an action of all its VMs.
    ///   - requester: for whom.
    func perform(
        _ command: Command, machine: Int?, role: String?, for requester: Requester
    ) async throws(Failure) {
        switch command {
        case .scale(let role, let cardinality):
            try requester.check()
            try await scale(role, to: cardinality)
        case .act(let action):
            if let machine { return try await act(action, machine, requester) }
            guard let role else { return }
            try await act(action, role: role, for: requester)
        }
    }

    private func act(
        _ action: Action, _ machine: Int, _ requester: Requester
    ) async throws(Failure) {
        try await inTurn(of: machine, for: requester) { () async throws(Failure) in
            do throws(OneGateError) {
                try await client.perform(action, vm: machine)
                expire(machine: machine)
            } catch {
                expire(machine: machine, after: error)
                throw await explained(Failure(error, changing: true), action, machine)
            }
        }
    }

    /// The server does not always say why the core refused: then what is known is said.
    private func explained(_ failure: Failure, _ action: Action, _ machine: Int) async -> Failure {
        guard failure.status == 500, let tree = try? await current(machine), let file = tree.file("STATE")
        else {
            return failure
        }
        let state = String(decoding: file.value, as: UTF8.self)
        return failure.explained(nil, "\(failure.words): \(action.name) of VM \(machine), which is \(state)")
    }

    private func act(_ action: Action, role: String, for requester: Requester) async throws(Failure) {
        let machines = try await members(of: role)
        var failed: [(machine: Int, failure: Failure)] = []
        for machine in machines {
            try requester.check()
            do {
                try await act(action, machine, requester)
            } catch {
                failed.append((machine, error))
            }
        }
        guard let first = failed.first else { return }
        let words = failed.map { "VM \($0.machine): \($0.failure.words)" }.joined(separator: "; ")
        throw first.failure.explained(
            nil, "\(action.name) failed for \(failed.count) of \(machines.count) VMs of \(role): \(words)")
    }

    /// The VMs of a role, asked for now.
    private func members(of role: String) async throws(Failure) -> [Int] {
        let service = try await currentService()
        guard let role = service.roles.first(where: { $0.name.utf8.elementsEqual(role.utf8) }) else {
            throw Failure(.noEntry, "the service has no role \(role)")
        }
        return role.members.map(\.vmID)
    }

    private func currentService() async throws(Failure) -> Service {
        do { return try await client.service(extended: false) } catch { throw Failure(error) }
    }

    private func cardinalityPath(of role: String) -> [FileName] {
        ["service", "roles", Name.file(for: role), "CARDINALITY"]
    }

    /// A CARDINALITY is about to be written: the kernel tells whoever watches it.
    func touchCardinality(_ command: Command) {
        guard case .scale(let role, let cardinality) = command else { return }
        state.withLock { $0.begin(.value(Array(String(cardinality).utf8)), at: cardinalityPath(of: role)) }
    }

    private func scale(_ role: String, to cardinality: Int) async throws(Failure) {
        let path = cardinalityPath(of: role)
        var succeeded = false
        defer {
            state.withLock { state in
                state.cache.expireService(at: .now)
                state.endOwnChanges(below: path, areExpected: succeeded, at: .now)
            }
        }
        do {
            try await client.scale(role: role, to: cardinality)
            succeeded = true
        } catch {
            let failure = Failure(error, changing: true)
            guard error.kind == .badRequest else { throw failure }
            // The server refuses what is so already; for whoever wrote it, it is done.
            let service = try await currentService()
            guard let known = service.roles.first(where: { $0.name.utf8.elementsEqual(role.utf8) }) else {
                throw failure.explained(.noEntry, "the service has no role \(role)")
            }
            if known.cardinality == cardinality {
                succeeded = true
                return
            }
            throw failure.explained(
                nil,
                "\(failure.words) (the role has \(known.cardinality.map(String.init) ?? "?") VMs and is \(known.stateName)"
                    + "; it may be scaled only within its limits, and when it is RUNNING)")
        }
    }
}
