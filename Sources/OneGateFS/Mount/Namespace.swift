import FUSE
import OneGate
import OrderedCollections

/// Making, removing and renaming.
extension OneGateFileSystem {
    /// What a new name in a folder would be.
    enum NewPlace: Sendable {
        case scratch
        case attribute(AttributePlace, existing: File?)
    }

    /// What a name that somebody wants to make in a folder would be, or why it cannot be made.
    ///
    /// - Parameter isExclusive: whether it was made with O_EXCL, as temporary files are.
    func placeForNew(
        _ name: FileName, in folder: Node, isExclusive: Bool = false, isTemporary: Bool = false,
        _ state: inout MountState, _ query: Cache.Query
    ) -> Cache.Answer<NewPlace> {
        let directory: Directory
        switch resolve(folder, &state, query) {
        case .known(.directory(let known), _): directory = known
        case .known, .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
        let holdsValues = directory.purpose == .userTemplate || directory.purpose == .vector
        if let item = directory[name] {
            guard case .file(let file) = item, file.purpose == .attribute, let place = place(name, in: folder)
            else {
                return .failed(Failure(.notPermitted, "OneGate only shows this; it cannot be changed"))
            }
            return .known(.attribute(place, existing: file), until: nil)
        }
        let isWritable = holdsValues || directory.items.values.contains { $0.isWritable }
        let isTemporary = isTemporary || isExclusive && Name.isTemporary(name, beside: directory.items.keys)
        if isWritable, isTemporary || Name.isScratch(name) { return .known(.scratch, until: nil) }
        guard holdsValues else {
            return .failed(Failure(.notPermitted, "nothing can be made in this folder"))
        }
        guard Name.isAttribute(name), let place = place(name, in: folder) else {
            return .failed(
                Failure(.invalid, "the name of an attribute is upper case, [A-Z_][A-Z0-9_]*; not \(name)"))
        }
        return .known(.attribute(place, existing: nil), until: nil)
    }

    /// The place of a name in a folder of values.
    private func place(_ name: FileName, in folder: Node) -> AttributePlace? {
        let (resource, path) = folder.resource
        guard case .machine(let id) = resource.kind else { return nil }
        return AttributePlace(machine: id, path: path + [name])
    }

    // MARK: Making

    func makeNode(
        _ request: consuming Request, parent: Inode, name: FileName, kind: FileKind, permissions: UInt16,
        device: UInt64
    ) {
        if isOurs(request.context) { return answerOurs(made: request, parent, name) }
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        guard kind == .regular else {
            request.answer(.error(.notPermitted))
            return
        }
        let deferred = request.deferred(isAwaited: true)
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                let place = try await settled { [self] state, query -> Cache.Answer<NewPlace> in
                    guard let folder = state.inodes[parent] else { return .absent }
                    return placeForNew(name, in: folder, &state, query)
                }.get()
                if case .attribute(let place, let existing) = place {
                    if existing != nil {
                        deferred.answer(.error(.exists))
                        return
                    }
                    _ = try await store(.whole([]), at: place, for: .waiting(deferred))
                }
                answerMade(deferred, parent, name, place)
            } catch {
                report(error, parent, .mknod, name: name)
                deferred.answer(.error(error.errno))
            }
        }
    }

    private func answerMade(_ deferred: DeferredRequest, _ parent: Inode, _ name: FileName, _ place: NewPlace)
    {
        let query = Cache.Query(arrival: .now)
        let entry: Entry? = state.withLock { state in
            guard let folder = state.inodes[parent] else { return nil }
            let node = state.inodes.node(name, of: folder, kind: .inner, isFolder: false)
            if case .scratch = place { state.addOverlay(node, .scratch(bytes: [])) }
            guard case .known(let item, _) = resolve(node, &state, query) else {
                let stamp = state.newStamp()
                let file = File(
                    content: .bytes([0x0A]), purpose: .attribute, permissions: 0o644, modified: stamp.time,
                    version: stamp.version)
                return self.entry(node, .file(file), until: query.arrival, query, &state)
            }
            return self.entry(node, item, until: query.arrival, query, &state)
        }
        guard let entry else {
            deferred.answer(.error(.noEntry))
            return
        }
        if !deferred.answer(.entry(entry)) { takeBack([entry.inode], nil) }
    }

    func makeDirectory(
        _ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16
    ) {
        if isOurs(request.context) { return answerOurs(made: request, parent, name) }
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        serve(request, .mkdir) { [self] state, query in
            guard let folder = state.inodes[parent] else { return .error(.noEntry) }
            switch resolve(folder, &state, query) {
            case .known(.directory(let directory), _):
                if directory[name] != nil { return .error(.exists) }
                guard directory.purpose == .userTemplate else {
                    return .failed(
                        Failure(.notPermitted, "a folder is a vector attribute: only in USER_TEMPLATE"),
                        parent, name)
                }
                guard Name.isAttribute(name) else {
                    return .failed(
                        Failure(
                            .invalid, "the name of an attribute is upper case, [A-Z_][A-Z0-9_]*; not \(name)"),
                        parent, name)
                }
                let node = state.inodes.node(name, of: folder, kind: .inner, isFolder: true)
                if state.overlays[node.inode] != nil { return .error(.exists) }
                state.addOverlay(node, .vector)
                guard let item = state.overlays[node.inode]?.item else { return .error(.io) }
                let entry = entry(node, item, until: query.arrival, query, &state)
                return .reply(.entry(entry), lookups: [node.inode])
            case .known: return .error(.notDirectory)
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, parent, name)
            }
        }
    }

    func symbolicLink(_ request: consuming Request, target: [UInt8], parent: Inode, name: FileName) {
        if isOurs(request.context) { return answerOurs(made: request, parent, name) }
        request.answer(.error(.notPermitted))
    }

    func link(_ request: consuming Request, inode: Inode, newParent: Inode, newName: FileName) {
        request.answer(.error(.notPermitted))
    }

    // MARK: Removing

    /// Something that can be removed or renamed.
    enum Removable: Sendable {
        case scratch(Inode, bytes: [UInt8])
        /// A vector attribute without keys that only this mount knows.
        case begunVector(Inode)
        case attribute(AttributePlace, File, isLastKey: Bool)
        case vector(AttributePlace, isEmpty: Bool)
    }

    /// What a name in a folder is, to be removed or renamed; nil if it is not there.
    private func removable(
        _ name: FileName, in parent: Inode, _ state: inout MountState, _ query: Cache.Query
    ) -> Cache.Answer<Removable> {
        guard let folder = state.inodes[parent] else { return .absent }
        let inode = state.inodes.number(name, of: folder)
        if case .scratch(let bytes)? = state.overlays[inode]?.content {
            return .known(.scratch(inode, bytes: bytes), until: nil)
        }
        let directory: Directory
        switch resolve(folder, &state, query) {
        case .known(.directory(let known), _): directory = known
        case .known, .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
        switch directory[name] {
        case nil:
            switch state.overlays[inode]?.content {
            case .vector?: return .known(.begunVector(inode), until: nil)
            case .created?:
                // Not stored yet: its open will see to it.
                return .failed(Failure(.busy, "it is being written"))
            default: return child(name, of: folder, &state, query).flatMap { _ in fixed() }
            }
        case .file(let file)?:
            guard file.purpose == .attribute, let place = place(name, in: folder) else { return fixed() }
            let isLastKey = place.key != nil && directory.items.count == 1
            return .known(.attribute(place, file, isLastKey: isLastKey), until: nil)
        case .directory(let vector)?:
            guard vector.purpose == .vector, let place = place(name, in: folder) else { return fixed() }
            return .known(.vector(place, isEmpty: vector.items.isEmpty), until: nil)
        case .link?: return fixed()
        }
    }

    private func fixed<Value>() -> Cache.Answer<Value> {
        .failed(Failure(.notPermitted, "OneGate only shows this; it cannot be removed"))
    }

    func unlink(_ request: consuming Request, parent: Inode, name: FileName) {
        remove(request, parent, name, .unlink) { [self] removable, requester throws(Failure) in
            switch removable {
            case .scratch(let inode, _): state.withLock { _ = $0.overlays.removeValue(forKey: inode) }
            case .begunVector, .vector: throw Failure(.isDirectory, "a vector attribute is a folder: rmdir")
            case .attribute(let place, _, let isLastKey):
                try await erase(place, for: requester)
                if isLastKey { keepVector(parent) }
            }
        }
    }

    /// Keeps showing a vector attribute whose last key was removed, until rmdir: as folders do.
    private func keepVector(_ inode: Inode) {
        state.withLock { state in
            guard let node = state.inodes[inode] else { return }
            state.addOverlay(node, .vector)
        }
    }

    func removeDirectory(_ request: consuming Request, parent: Inode, name: FileName) {
        remove(request, parent, name, .rmdir) { [self] removable, requester throws(Failure) in
            switch removable {
            case .begunVector(let inode):
                let isEmpty = state.withLock { state in
                    let isEmpty = !state.overlays.values.contains { $0.parent == inode }
                    if isEmpty { state.overlays[inode] = nil }
                    return isEmpty
                }
                guard isEmpty else { throw Failure(.notEmpty, "there are files that are being written") }
            case .vector(let place, let isEmpty):
                guard isEmpty else { throw Failure(.notEmpty, "the vector attribute has keys") }
                try await erase(place, for: requester)
            case .scratch, .attribute: throw Failure(.notDirectory, "not a folder")
            }
        }
    }

    /// Removes something: at once if the server has nothing to do with it.
    private func remove(
        _ request: consuming Request, _ parent: Inode, _ name: FileName, _ operation: Operation,
        _ body: @escaping @Sendable (Removable, Requester) async throws(Failure) -> Void
    ) {
        if isOurs(request.context) {
            return answerOurs(removed: request, parent, name, isFolder: operation == .rmdir)
        }
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        let deferred = request.deferred(isAwaited: true)
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                let found = try await settled { [self] state, query in
                    removable(name, in: parent, &state, query)
                }.get()
                let requester = Requester.waiting(deferred)
                try requester.check()
                try await body(found, requester)
                if operation == .rmdir { bury(parent, name) }
                metrics.count(operation, .ok)
                deferred.answer(.ok)
            } catch {
                if error.errno != .notEmpty { report(error, parent, operation, name: name) }
                deferred.answer(.error(error.errno))
            }
        }
    }

    private func bury(_ parent: Inode, _ name: FileName) {
        state.withLock { state in
            if let folder = state.inodes[parent] { state.inodes.bury(name, of: folder) }
        }
    }

    // MARK: Renaming

    func rename(
        _ request: consuming Request, parent: Inode, name: FileName, newParent: Inode, newName: FileName,
        flags: RenameFlags
    ) {
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        guard flags.isSubset(of: .noReplace) else {
            request.answer(.error(.invalid))
            return
        }
        let deferred = request.deferred(isAwaited: true)
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                let source = try await settled { [self] state, query in
                    removable(name, in: parent, &state, query)
                }.get()
                let goal = try await settled { [self] state, query in
                    destination(newName, in: newParent, source, &state, query)
                }.get()
                if flags.contains(.noReplace), goal.exists {
                    deferred.answer(.error(.exists))
                    return
                }
                let requester = Requester.waiting(deferred)
                try requester.check()
                try await rename(source, to: goal, newParent, newName, for: requester)
                if case .attribute(let place, _, true) = source, !goal.isKey(beside: place) {
                    keepVector(parent)
                }
                // Who was interrupted goes on knowing the old name.
                if !deferred.isAnswered { moved(parent, name, newParent, newName) }
                metrics.count(.rename, .ok)
                deferred.answer(.ok)
            } catch {
                report(error, parent, .rename, name: name)
                deferred.answer(.error(error.errno))
            }
        }
    }

    /// Where something can be renamed to.
    enum Destination: Sendable {
        case scratch(exists: Bool)
        case attribute(AttributePlace, existing: File?)
        /// A control file: it is told the content.
        case command(Handle.Writing.Target)

        /// Whether it is a key of the same vector attribute.
        func isKey(beside place: AttributePlace) -> Bool {
            guard case .attribute(let other, _) = self else { return false }
            return other.key != nil && other.name == place.name && other.machine == place.machine
        }

        var exists: Bool {
            switch self {
            case .scratch(let exists): exists
            case .attribute(_, let existing): existing != nil
            case .command: true
            }
        }
    }

    private func destination(
        _ name: FileName, in parent: Inode, _ source: Removable, _ state: inout MountState,
        _ query: Cache.Query
    ) -> Cache.Answer<Destination> {
        guard let folder = state.inodes[parent] else { return .absent }
        let inode = state.inodes.number(name, of: folder)
        if state.overlays[inode]?.isScratch ?? false { return .known(.scratch(exists: true), until: nil) }
        if case .vector? = state.overlays[inode]?.content,
            state.overlays.values.contains(where: { $0.parent == inode })
        {
            return .failed(Failure(.notEmpty, "there are files in it that are being written"))
        }
        // A file beside the attributes that takes commands: `sed -i` of a CARDINALITY ends here.
        if folder.kind != .root, case .known(.directory(let directory), _) = resolve(folder, &state, query),
            case .file(let file)? = directory[name], file.purpose != .attribute
        {
            let node = state.inodes.node(name, of: folder, kind: .inner)
            defer { _ = state.inodes.collect(node) }
            switch target(node, file) {
            case .success(let target): return .known(.command(target), until: nil)
            case .failure(let failure): return .failed(failure)
            }
        }
        return placeForNew(name, in: folder, &state, query).map { place in
            switch place {
            case .scratch: .scratch(exists: false)
            case .attribute(let place, let existing): .attribute(place, existing: existing)
            }
        }
    }

    private func rename(
        _ source: Removable, to goal: Destination, _ newParent: Inode, _ newName: FileName,
        for requester: Requester
    ) async throws(Failure) {
        switch (source, goal) {
        case (.scratch(let inode, let bytes), .scratch):
            keepScratch(bytes, newParent, newName)
            state.withLock { _ = $0.overlays.removeValue(forKey: inode) }
        case (.scratch(let inode, let bytes), .attribute(let place, _)):
            _ = try await store(.whole(bytes), at: place, for: requester)
            state.withLock { $0.overlays[inode] = nil }
        case (.scratch(let inode, let bytes), .command(let target)):
            if let order = try Order(bytes, to: target) { try await carryOut(order, for: requester) }
            state.withLock { _ = $0.overlays.removeValue(forKey: inode) }
        case (.attribute(let place, _, _), .scratch):
            let bytes = try await inTurn(of: place.machine, for: requester) { () async throws(Failure) in
                let bytes = try await currentContent(place).file.bytes
                try await eraseInTurn(place)
                return bytes
            }
            keepScratch(bytes, newParent, newName)
        case (.attribute(let place, _, _), .attribute(let newPlace, _)):
            if place == newPlace { return }
            try await inTurn(of: place.machine, newPlace.machine, for: requester) {
                () async throws(Failure) in
                try await renameInTurn(place, to: newPlace)
            }
        case (.vector(let place, _), .attribute(let newPlace, nil)) where newPlace.key == nil:
            try await rename(vector: place, to: newPlace, for: requester)
        case (.begunVector(let inode), .attribute(let newPlace, nil)) where newPlace.key == nil:
            state.withLock { state in
                state.overlays[inode] = nil
                guard let folder = state.inodes[newParent] else { return }
                state.addOverlay(
                    state.inodes.node(newName, of: folder, kind: .inner, isFolder: true), .vector)
            }
        case (.vector, _), (.begunVector, _):
            throw Failure(.notPermitted, "a vector attribute can only be renamed to a new attribute of a VM")
        case (.attribute, .command):
            throw Failure(.notPermitted, "an attribute cannot become a command")
        }
    }

    /// An attribute that is about to be erased, and its VM: what somebody stored since it was read goes with it.
    private func currentContent(_ place: AttributePlace) async throws(Failure) -> (
        file: File, tree: Directory?
    ) {
        let tree = try await current(place.machine)
        guard let file = place.file(in: tree) else {
            throw Failure(.noEntry, "\(place.erasable) is not there any more")
        }
        return (file, tree)
    }

    private func renameInTurn(_ place: AttributePlace, to newPlace: AttributePlace) async throws(Failure) {
        let (file, tree) = try await currentContent(place)
        let goal = place.machine == newPlace.machine ? tree : try await current(newPlace.machine)
        let replaced = newPlace.file(in: goal)
        _ = try await storeInTurn(.whole(file.bytes), at: newPlace)
        do throws(Failure) { try await eraseInTurn(place) } catch {
            // Of what was refused nothing should be left.
            let left = try? await current(place.machine)
            guard place.file(in: left ?? nil)?.value == file.value else { throw error }
            if let replaced {
                _ = try? await storeInTurn(.whole(replaced.bytes), at: newPlace)
            } else {
                try? await eraseInTurn(newPlace)
            }
            throw error
        }
    }

    private func rename(
        vector place: AttributePlace, to newPlace: AttributePlace, for requester: Requester
    ) async throws(Failure) {
        try await inTurn(of: place.machine, newPlace.machine, for: requester) { () async throws(Failure) in
            guard let vector = place.vector(in: try await current(place.machine)) else {
                throw Failure(.noEntry, "\(place.name) is not there any more")
            }
            let members = try keys(of: vector)
            touch(newPlace, .folder)
            try await update([(newPlace.name, .vector(members))], of: newPlace.machine)
            do throws(Failure) { try await eraseInTurn(place) } catch {
                let left = try? await current(place.machine)
                if let vector = place.vector(in: left ?? nil), try keys(of: vector) == members {
                    try? await eraseInTurn(newPlace)
                }
                throw error
            }
        }
    }

    /// Holds a scratch file in memory under a name.
    private func keepScratch(_ bytes: [UInt8], _ parent: Inode, _ name: FileName) {
        state.withLock { state in
            guard let folder = state.inodes[parent] else { return }
            let node = state.inodes.node(name, of: folder, kind: .inner, isFolder: false)
            state.addOverlay(node, .scratch(bytes: bytes))
        }
    }

    /// The kernel goes on knowing what was renamed by the inode that it had: so do we.
    private func moved(_ parent: Inode, _ name: FileName, _ newParent: Inode, _ newName: FileName) {
        state.withLock { state in
            guard let folder = state.inodes[parent], let newFolder = state.inodes[newParent] else { return }
            let before = state.inodes.move(name, of: folder, to: newName, of: newFolder)
            let inode = state.inodes.number(newName, of: newFolder)
            state.moveOverlay(from: before, to: inode)
            if let node = state.inodes[inode] { forget(node) }
        }
    }
}

extension Item {
    /// Whether it is a file that something can be written to.
    var isWritable: Bool { if case .file(let file) = self { file.purpose != .shown } else { false } }
}

extension Cache.Answer {
    /// The answer to a question that the answer leads to.
    func flatMap<Other>(_ transform: (Value) -> Cache.Answer<Other>) -> Cache.Answer<Other> {
        switch self {
        case .known(let value, _): transform(value)
        case .absent: .absent
        case .needs(let source): .needs(source)
        case .failed(let failure): .failed(failure)
        }
    }
}
