import FUSE
import OneGate
import OrderedCollections

/// Storing values and erasing them, checked.
extension OneGateFileSystem {
    /// What is to be stored in a place.
    enum NewContent: Sendable {
        /// A file's whole content.
        case whole([UInt8])
        /// What some edits make of the content that is stored by then; and the whole if that is as it was.
        case edited(Edits, whole: [UInt8])
        /// Nothing, where nothing is stored by then.
        case created

        /// What a ``WriteSession`` publishes.
        init(_ content: [UInt8], _ edits: Edits?) {
            self = edits.map { .edited($0, whole: content) } ?? .whole(content)
        }
    }

    /// Stores a value, and gives the content that is stored then.
    func store(
        _ content: NewContent, at place: AttributePlace, for requester: Requester
    ) async throws(Failure) -> [UInt8] {
        try await inTurn(of: place.machine, for: requester) { () async throws(Failure) in
            try await storeInTurn(content, at: place)
        }
    }

    func storeInTurn(_ content: NewContent, at place: AttributePlace) async throws(Failure) -> [UInt8] {
        let whole: [UInt8]
        var tree: Directory?
        switch content {
        case .whole(let bytes): whole = bytes
        case .edited(let edits, let expected):
            tree = try await current(place.machine)
            whole = edits.applied(to: place.file(in: tree)?.bytes, whole: expected)
        case .created:
            tree = try await current(place.machine)
            let isThere = place.file(in: tree) != nil || place.key == nil && place.vector(in: tree) != nil
            if isThere { return [] }
            whole = []
        }
        let value = try checked(WriteSession.value(of: whole))
        guard let key = place.key else {
            touch(place, .value(Array(value.utf8)))
            try await update([(place.name, .text(value))], of: place.machine)
            return whole
        }
        // A vector is replaced as a whole: its other keys are those that it has now.
        if tree == nil { tree = try await current(place.machine) }
        var members: OrderedDictionary<String, String> = [:]
        if let item = tree?.directory(VirtualMachineTree.userTemplate)?[Name.file(for: place.name)] {
            guard case .directory(let vector) = item, vector.purpose == .vector else {
                throw Failure(.notDirectory, "\(place.name) is no vector attribute")
            }
            members = try keys(of: vector)
        }
        members[key] = value
        touch(place, .value(Array(value.utf8)))
        try await update([(place.name, .vector(members))], of: place.machine)
        return whole
    }

    /// The keys of a vector attribute, to send them again.
    func keys(of vector: Directory) throws(Failure) -> OrderedDictionary<String, String> {
        var members: OrderedDictionary<String, String> = [:]
        for (name, item) in vector.items {
            guard case .file(let file) = item, let key = Name.decoded(name) else {
                throw Failure(.notPermitted, "the vector attribute has a key that cannot be sent: \(name)")
            }
            members[key] = try checked(file.value)
        }
        return members
    }

    /// A value as text, if it can be stored byte for byte.
    func checked(_ value: [UInt8]) throws(Failure) -> String {
        if let problem = ValueCheck.problem(with: value) { throw Failure(problem.errno, problem.words) }
        return String(decoding: value, as: UTF8.self)
    }

    /// Asks for a VM: for this one in the way that the server has for it.
    func ask(_ machine: Int) async throws(OneGateError) -> VirtualMachine {
        machine == own ? try await client.vm() : try await client.vm(machine)
    }

    /// What a VM looks like now.
    func current(_ machine: Int) async throws(Failure) -> Directory? {
        let asked = ContinuousClock.now
        do {
            take(try await ask(machine), id: machine, asked: asked)
        } catch {
            throw Failure(error)
        }
        return state.withLock { $0.cache.machines[machine]?.value }
    }

    /// What was known of a VM counts no more: it was changed, or may have been. The kernel knows so of the VM's own files.
    ///
    /// - Parameter error: why the change failed.
    func expire(machine: Int, after error: OneGateError? = nil) {
        // Of what could not be sent nothing was done.
        if error?.kind == .unreachable { return }
        state.withLock { state in
            state.cache.expire(machine: machine, at: .now)
            if let node = node(at: ["service", ServiceTree.extended], state) { forget(node) }
        }
    }

    /// Stores attributes of a VM with one request, and reads them back.
    func update(_ attributes: [(name: String, value: AttributeValue)], of machine: Int) async throws(Failure)
    {
        do {
            try await client.update(vm: machine == own ? nil : machine, attributes)
        } catch let error as ValueError {
            throw Failure(ValueCheck.errno(of: error), error.description)
        } catch let error as OneGateError {
            expire(machine: machine, after: error)
            throw refused(error, machine, attributes.map(\.name))
        } catch {
            throw Failure(.io, "\(error)")
        }
        expire(machine: machine)
        guard options.verify else { return }
        let stored = try await readBack(machine)
        for (name, value) in attributes {
            guard stored.userTemplate[name].map({ Stored.equals($0, value) }) ?? false else {
                throw Failure(
                    .io,
                    "the server took the value of \(name), but reads back another: it was changed while it was stored"
                        + " or by somebody else at the same time")
            }
        }
    }

    /// What a VM looks like after a change.
    private func readBack(_ machine: Int) async throws(Failure) -> VirtualMachine {
        let asked = ContinuousClock.now
        do {
            let stored = try await ask(machine)
            take(stored, id: machine, asked: asked)
            return stored
        } catch {
            let failure = Failure(error)
            throw failure.explained(
                nil, "the change was accepted but could not be read back: \(failure.words)")
        }
    }

    /// Why an update or an erase failed; notes what the server restricts.
    private func refused(_ error: OneGateError, _ machine: Int, _ names: [String]) -> Failure {
        let failure = Failure(error, changing: true)
        if error.kind == .forbidden {
            let restricted = names.filter { error.words.contains("(\($0))") }
            state.withLock { state in
                state.restricted.formUnion(restricted)
                // What was made before shows them as others.
                state.serviceTrees = nil
            }
        }
        return failure
    }

    /// Erases an attribute, or the key of a vector attribute.
    func erase(_ place: AttributePlace, for requester: Requester) async throws(Failure) {
        try await inTurn(of: place.machine, for: requester) { () async throws(Failure) in
            try await eraseInTurn(place)
        }
    }

    func eraseInTurn(_ place: AttributePlace) async throws(Failure) {
        if let key = place.key { return try await removeInTurn(key, place) }
        touch(place)
        do {
            try await client.erase(vm: place.machine == own ? nil : place.machine, name: place.erasable)
        } catch let error as OneGateError {
            expire(machine: place.machine, after: error)
            let failure = refused(error, place.machine, [place.name])
            // What somebody else erased meanwhile is an error of the server's too (500).
            if error.kind == .server {
                let tree = try await current(place.machine)
                if place.file(in: tree) == nil, place.vector(in: tree) == nil {
                    throw failure.explained(
                        .noEntry, "\(place.erasable) is not there any more: \(failure.words)")
                }
            }
            throw failure
        } catch {
            throw Failure(.notPermitted, "\(error)")
        }
        expire(machine: place.machine)
        guard options.verify else { return }
        guard try await readBack(place.machine).userTemplate[place.name] == nil else {
            throw Failure(.io, "the server took the erasing of \(place.erasable), but it is still there")
        }
    }

    /// Erases the key of a vector attribute by storing its other keys.
    ///
    /// The server could erase `NAME/KEY`, but looks for the whole of that among the names that its
    /// administrator restricted, and so would do it in a restricted attribute too.
    private func removeInTurn(_ key: String, _ place: AttributePlace) async throws(Failure) {
        let tree = try await current(place.machine)
        guard place.file(in: tree) != nil,
            let vector = place.vector(in: tree)
        else { throw Failure(.noEntry, "\(place.erasable) is not there any more") }
        touch(place)
        guard vector.items.count > 1 else {
            return try await eraseInTurn(
                AttributePlace(machine: place.machine, name: place.name, key: nil))
        }
        var members = try keys(of: vector)
        members.removeValue(forKey: key)
        try await update([(place.name, .vector(members))], of: place.machine)
    }
}

/// What reads back, compared with what was sent.
enum Stored {
    /// Whether the server has exactly a value, byte for byte.
    static func equals(_ stored: JSON, _ value: AttributeValue) -> Bool {
        switch (stored, value) {
        case (.string(let stored), .text(let sent)): stored.utf8.elementsEqual(sent.utf8)
        case (.object(let stored), .text(let sent)): stored.isEmpty && sent.isEmpty
        case (.object(let stored), .vector(let sent)):
            stored.count == sent.count
                && sent.allSatisfy { name, value in
                    stored[name]?.scalar.map { $0.utf8.elementsEqual(value.utf8) }
                        ?? (stored[name]?.members?.isEmpty ?? false && value.isEmpty)
                }
        case (.array(let stored), .list(let sent)):
            stored.count == sent.count && zip(stored, sent).allSatisfy { equals($0, $1) }
        default: false
        }
    }
}
