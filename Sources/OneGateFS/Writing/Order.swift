import FUSE

/// What somebody tells a file that takes commands, by write(2) or by renaming a file onto it.
enum Order: Sendable {
    /// KEY=VALUE lines for a VM.
    case update(machine: Int, lines: String)
    /// An action of a VM, or of every VM of a role; or scaling.
    case command(Command, machine: Int?, role: String?)
    /// What was written to a CARDINALITY: the file will show it.
    case cardinality(Command)

    /// The order that some bytes are; nil for a file that holds a value.
    init?(_ bytes: [UInt8], to target: Handle.Writing.Target) throws(Failure) {
        switch target {
        case .attribute, .scratch: return nil
        case .update, .control, .roleControl, .serviceControl, .cardinality: break
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.illegalSequence, "not UTF-8")
        }
        do throws(Command.SyntaxError) {
            switch target {
            case .attribute, .scratch: return nil
            case .update(let machine): self = .update(machine: machine, lines: text)
            case .control(let machine):
                self = .command(try Command.virtualMachine(text), machine: machine, role: nil)
            case .roleControl(let role):
                self = .command(try Command.role(role, text), machine: nil, role: role)
            case .serviceControl: self = .command(try Command.service(text), machine: nil, role: nil)
            case .cardinality(let role): self = .cardinality(try Command.cardinality(of: role, text))
            }
        } catch {
            throw Failure(.invalid, error.words)
        }
    }
}

extension OneGateFileSystem {
    /// Does what an order says.
    func carryOut(_ order: Order, for requester: Requester) async throws(Failure) {
        switch order {
        case .update(let machine, let lines):
            try await update(lines: lines, of: machine, for: requester)
            // The kernel does not know that other files than this changed.
            await invalidator.settle(for: .seconds(1))
        case .command(let command, let machine, let role):
            try await perform(command, machine: machine, role: role, for: requester)
        case .cardinality(let command):
            touchCardinality(command)
            try await perform(command, machine: nil, role: nil, for: requester)
        }
    }
}
