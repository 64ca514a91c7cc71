import Glibc

/// What each call comes to in the model.
extension Model {
    /// What a call comes to; the model is as it is after that.
    mutating func expect(_ call: FileCall) throws(NotSaid) -> Expectation {
        switch call {
        case .open(let slot, let mount, let place, let flags): return try open(slot, mount, place, flags)
        case .read(let slot, let count): return try read(slot, count, at: nil)
        case .readAt(let slot, let count, let offset): return try read(slot, count, at: offset)
        case .write(let slot, let data): return try write(slot, data, at: nil)
        case .writeAt(let slot, let data, let offset): return try write(slot, data, at: offset)
        case .resize(let slot, let size): return try resize(slot, size)
        case .sync(let slot): return try sync(slot)
        case .close(let slot): return try close(slot)
        case .truncate(let mount, let place, let size): return try truncate(mount, place, size)
        case .unlink(let mount, let place): return try unlink(mount, place)
        case .makeFolder(let mount, let place): return try makeFolder(mount, place)
        case .removeFolder(let mount, let place): return try removeFolder(mount, place)
        case .rename(let mount, let place, let goal, let replaces):
            return try rename(mount, place, goal, replaces)
        case .status(let mount, let place): return status(mount, place)
        case .list(let mount, let vm, let name):
            let place = name.map { Place(vm: vm, name: $0) }
            switch place.map({ node($0, mount) }) {
            case nil, .folder: return .one(.names(names(in: vm, name, mount)))
            case .some(.none): return .failed(ENOENT)
            case .file, .scratch: return .failed(ENOTDIR)
            }
        case .changeMode(let mount, let place, let mode): return changeMode(mount, place, mode)
        case .setTimes(let mount, let place):
            if let number = missingFolder(place, mount) { return .failed(number) }
            return node(place, mount) == .none ? .failed(ENOENT) : .one(.done)
        case .readWhole(let mount, let place):
            if let number = missingFolder(place, mount) { return .failed(number) }
            switch node(place, mount) {
            case .none: return .failed(ENOENT)
            case .folder: return .failed(EISDIR)
            case .file(let bytes), .scratch(let bytes): return .one(.bytes(bytes))
            }
        case .writeWhole(let mount, let place, let bytes):
            let opened = try open(Model.ownSlot, mount, place, O_WRONLY | O_CREAT | O_TRUNC)
            guard opened.outcomes == [.done] else { return opened }
            let written = try write(Model.ownSlot, bytes, at: nil)
            let closed = try close(Model.ownSlot)
            if closed.outcomes != [.done] { throw NotSaid() }
            return Expectation(outcomes: written.outcomes, isLate: closed.isLate)
        case .update(let mount, let vm, let values):
            for (name, value) in values {
                let place = Place(vm: vm, name: name)
                guard !mounts.contains(where: { $0.begun.contains(place) }),
                    ModelValue.problems(value).isEmpty
                else { throw NotSaid() }
            }
            if values[.restricted] != nil { return .failed(EPERM) }
            for (name, value) in values {
                server[Place(vm: vm, name: name)] = .text(value)
                mounts[mount].created[Place(vm: vm, name: name)] = nil
            }
            return .one(.done)
        case .serverSets(let place, let value):
            guard !mounts.contains(where: { $0.begun.contains(place) }) else { throw NotSaid() }
            if case .vector = value {
                try becomesFolder(place, nil)
            }
            server[place] = value
            return .one(.done)
        case .serverErases(let place):
            server[place] = nil
            return .one(.done)
        }
    }

    /// The open file of calls that open and close it themselves.
    static let ownSlot = -1

    private mutating func truncate(_ mount: Int, _ place: Place, _ size: Int) throws(NotSaid) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        switch node(place, mount) {
        case .none: return .failed(ENOENT)
        case .folder: return .failed(EISDIR)
        case .scratch(let bytes):
            mounts[mount].scratch[place] = bytes.resized(to: size)
            return .one(.done)
        case .file(let bytes):
            if size == bytes.count { return .one(.done) }
            cutReaders(of: place, mount)
            let (_, problems) = try store(bytes.resized(to: size), at: place, by: mount)
            return problems.isEmpty ? .one(.done) : .refused(problems)
        }
    }

    private mutating func unlink(_ mount: Int, _ place: Place) throws(NotSaid) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        switch node(place, mount) {
        case .none: return .failed(ENOENT)
        case .folder: return .failed(EISDIR)
        case .scratch:
            // Nothing is said about a scratch file that is removed while it is being written.
            if isOpen(scratch: place, mount) { throw NotSaid() }
            mounts[mount].scratch[place] = nil
        case .file:
            if isOnlyCreated(place, mount) { return .failed(EBUSY) }
            if let number = erase(place, by: mount) { return .failed(number) }
        }
        return .one(.done)
    }

    private func isOnlyCreated(_ place: Place, _ mount: Int) -> Bool {
        guard mounts[mount].created[place] != nil else { return false }
        switch server[place.folder] {
        case nil: return true
        case .text: return false
        case .vector(let keys): return place.key.map { keys[$0] == nil } ?? false
        }
    }

    private mutating func makeFolder(_ mount: Int, _ place: Place) throws(NotSaid) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        guard node(place, mount) == .none else { return .failed(EEXIST) }
        if place.key != nil { return .failed(EPERM) }
        guard place.leaf.isAttribute else { return .failed(EINVAL) }
        guard !mounts.contains(where: { $0.begun.contains(place) }) else { throw NotSaid() }
        try becomesFolder(place, nil)
        mounts[mount].begun.insert(place)
        return .one(.done)
    }

    private mutating func removeFolder(_ mount: Int, _ place: Place) throws(NotSaid) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        switch node(place, mount) {
        case .none: return .failed(ENOENT)
        case .file, .scratch: return .failed(ENOTDIR)
        case .folder:
            guard names(in: place.vm, place.name, mount).isEmpty else { return .failed(ENOTEMPTY) }
            mounts[mount].begun.remove(place)
            return .one(.done)
        }
    }

    private func status(_ mount: Int, _ place: Place) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        switch node(place, mount) {
        case .none: return .failed(ENOENT)
        case .folder: return .one(.status(isFolder: true, size: 0))
        case .file(let bytes), .scratch(let bytes):
            return .one(.status(isFolder: false, size: bytes.count))
        }
    }

    private func changeMode(_ mount: Int, _ place: Place, _ mode: UInt32) -> Expectation {
        if let number = missingFolder(place, mount) { return .failed(number) }
        let shown: UInt32
        switch node(place, mount) {
        case .none: return .failed(ENOENT)
        case .folder: shown = 0o755
        case .file, .scratch: shown = place.name == .restricted ? 0o444 : 0o644
        }
        let isMoreOpen = shown & ~mounts[mount].umask & ~mode & 0o077 != 0
        return isMoreOpen ? .failed(EPERM) : .one(.done)
    }

    // MARK: Renaming

    private mutating func rename(
        _ mount: Int, _ place: Place, _ goal: Place, _ replaces: Bool
    ) throws(NotSaid) -> Expectation {
        if let number = missingFolder(place, mount) ?? missingFolder(goal, mount) { return .failed(number) }
        let source = node(place, mount)
        let target = node(goal, mount)
        if source == .none { return .failed(ENOENT) }
        if !replaces, target != .none { return .failed(EEXIST) }
        if goal.key != nil, goal.folder == place { return .failed(EINVAL) }
        if place.key != nil, place.folder == goal { return .failed(ENOTEMPTY) }
        if place == goal { return .one(.done) }
        if isOpen(scratch: place, mount) || isOpen(scratch: goal, mount) || place.name == .restricted {
            throw NotSaid()
        }
        if case .folder(let keys) = source { return try rename(mount, folder: place, keys, goal, target) }
        if case .folder = target { return .failed(EISDIR) }
        try hasNoOldScratch(place, mount)
        if case .file = source, isOnlyCreated(place, mount) { return .failed(EBUSY) }
        let bytes: [UInt8]
        switch source {
        case .file(let content), .scratch(let content): bytes = content
        case .none, .folder: throw NotSaid()
        }
        if goal.leaf.isScratch {
            if case .file = source, let number = erase(place, by: mount) { return .failed(number) }
            mounts[mount].scratch[goal] = bytes
        } else if goal.leaf.isAttribute {
            let (_, problems) = try store(bytes, at: goal, by: mount)
            if !problems.isEmpty { return .refused(problems) }
            if case .file = source, let number = erase(place, by: mount) { return .failed(number) }
        } else {
            return .failed(EINVAL)
        }
        if case .scratch = source { mounts[mount].scratch[place] = nil }
        return .one(.done)
    }

    private mutating func rename(
        _ mount: Int, folder place: Place, _ keys: [PlaceName: [UInt8]], _ goal: Place, _ target: Node
    ) throws(NotSaid) -> Expectation {
        // What is in memory inside it stays where it is: nothing is said about that.
        guard names(in: place.vm, place.name, mount).count == keys.count else { throw NotSaid() }
        switch target {
        case .file, .scratch: return .failed(ENOTDIR)
        case .folder where !names(in: goal.vm, goal.name, mount).isEmpty: return .one(.refused)
        case .folder, .none: break
        }
        guard goal.key == nil, goal.leaf.isAttribute, goal.name != .restricted else { return .one(.refused) }
        for other in mounts.indices where other != mount {
            if mounts[other].begun.contains(goal) { throw NotSaid() }
        }
        try becomesFolder(goal, nil)
        if keys.isEmpty {
            mounts[mount].begun.remove(place)
            mounts[mount].begun.insert(goal)
        } else {
            mounts[mount].begun.remove(goal)
            server[goal] = .vector(keys)
            server[place] = nil
        }
        return .one(.done)
    }
}
