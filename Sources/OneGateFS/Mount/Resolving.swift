import FUSE

/// What a node means now.
extension OneGateFileSystem {
    /// An item and until when the kernel may rely on it.
    typealias Found = (item: Item, until: ContinuousClock.Instant?)

    /// The item of a node.
    func resolve(_ node: Node, _ state: inout MountState, _ query: Cache.Query) -> Cache.Answer<Item> {
        if query.isOurs, case .leaving(let item)? = state.staged[node.inode] {
            return .known(item, until: query.arrival)
        }
        switch node.kind {
        case .root, .machines, .networks, .about, .revisions:
            return .known(folder(state.mounted), until: nil)
        case .ownLink:
            return .known(.link(Link(target: String(own), modified: state.mounted)), until: nil)
        case .aboutFile(let file):
            return .known(.file(about(file, &state)), until: query.arrival)
        case .machine(let id):
            if let settling = settling(id, state, query) { return settling }
            return state.cache.machine(id, query).map { .directory($0) }
        case .service: return state.cache.serviceSnapshot(query).map { .directory($0.directory) }
        case .router: return state.cache.routerSnapshot(query).map { .directory($0.directory) }
        case .network(let id): return state.cache.network(id, query).map { .directory($0) }
        case .networkExtended(let id): return state.cache.extendedNetwork(id, query).map { .file($0) }
        case .inner:
            if !query.isOurs, let found = node.found, found.epoch == state.epoch, found.until > query.arrival
            {
                return .known(found.item, until: found.until)
            }
            guard let parent = node.parent else { return .absent }
            if let overlay = state.overlays[node.inode], overlay.isScratch {
                return .known(overlay.item, until: query.arrival)
            }
            let answer = inner(node.name, node.inode, of: parent, &state, query)
            // Our own thread sees what nobody else does while it makes events.
            if case .known(let item, let until?) = answer, !query.isOurs {
                node.found = (item, state.epoch, until)
            }
            return answer
        }
    }

    /// The item of a name inside a resource.
    func inner(
        _ name: FileName, _ inode: Inode, of parent: Node, _ state: inout MountState, _ query: Cache.Query
    ) -> Cache.Answer<Item> {
        var query = query
        // What shows all VMs shows what was just changed in one of them, too.
        let showsAll = parent.kind == .service && name == ServiceTree.extended && !query.isOurs
        if showsAll { query.notBefore = state.cache.changed }
        switch resolve(parent, &state, query) {
        case .known(.directory(let directory), let until):
            if showsAll, case .file(let file)? = directory[name], case .deferred(let text) = file.content,
                !text.hasSize
            {
                return .needs(.serviceText)
            }
            if let item = directory[name] { return .known(item, until: until) }
            if let overlay = state.overlays[inode] { return .known(overlay.item, until: query.arrival) }
            return .absent
        case .known: return .absent
        case .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
    }

    /// Whether a change of ours, made at a last close, has to be waited for: what was written is
    /// visible to the next open.
    private func settling(_ id: Int, _ state: MountState, _ query: Cache.Query) -> Cache.Answer<Item>? {
        guard !query.isOurs, let queue = state.queues[id], queue.unawaited > 0,
            query.failures[.settled(id)] == nil
        else { return nil }
        return .needs(.settled(id))
    }

    /// A folder whose content is known otherwise.
    private func folder(_ modified: Timestamp) -> Item {
        .directory(Directory(items: [:], purpose: .shown, modified: modified))
    }

    /// What a name in a folder is, if it is there.
    func child(
        _ name: FileName, of parent: Node, _ state: inout MountState, _ query: Cache.Query
    ) -> Cache.Answer<(kind: Node.Kind, item: Item)> {
        let shown = folder(state.mounted)
        if query.isOurs, let staged = state.staged[state.inodes.number(name, of: parent)] {
            guard case .leaving(let item) = staged else { return .absent }
            let kind = state.inodes.child(name, of: parent)?.kind ?? kindOfChild(name, of: parent)
            return .known((kind, item), until: query.arrival)
        }
        switch parent.kind {
        case .root:
            switch name {
            case "vm": return .known((.machines, shown), until: nil)
            case ".onegatefs": return .known((.about, shown), until: nil)
            case Revisions.folder where query.isOurs: return .known((.revisions, shown), until: query.arrival)
            case "service": return state.cache.hasService(query).map { (.service, shown) }
            case "vrouter": return state.cache.hasRouter(query).map { (.router, shown) }
            case "vnet": return state.cache.hasRouter(query).map { (.networks, shown) }
            default: return .absent
            }
        case .machines:
            if name == "self" {
                return .known(
                    (.ownLink, .link(Link(target: String(own), modified: state.mounted))), until: nil)
            }
            guard let id = Name.identifier(name) else { return .absent }
            let modified = state.cache.machines[id]?.value?.modified ?? state.mounted
            return state.cache.hasMachine(id, query).map { (.machine(id), folder(modified)) }
        case .networks:
            guard let id = Name.identifier(name) else { return .absent }
            if query.isOurs, state.cache.router.value?.networks.contains(id) ?? false {
                return .known((.network(id), shown), until: query.arrival)
            }
            switch state.cache.hasRouter(query) {
            case .known: return state.cache.network(id, query).map { (.network(id), .directory($0)) }
            case .absent: return .absent
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
        case .network(let id) where name == "extended.json":
            return state.cache.extendedNetwork(id, query).map { (.networkExtended(id), .file($0)) }
        case .about:
            guard let file = AboutFile(name: name) else { return .absent }
            return .known((.aboutFile(file), .file(about(file, &state))), until: query.arrival)
        case .machine, .service, .router, .network, .inner:
            let inode = state.inodes.number(name, of: parent)
            if let overlay = state.overlays[inode], overlay.isScratch {
                return .known((.inner, overlay.item), until: query.arrival)
            }
            return inner(name, inode, of: parent, &state, query).map { (.inner, $0) }
        case .ownLink, .networkExtended, .aboutFile, .revisions:
            return .absent
        }
    }

    /// What kind of node a name in a folder is, whether it is there or not.
    private func kindOfChild(_ name: FileName, of parent: Node) -> Node.Kind {
        switch parent.kind {
        case .machines: Name.identifier(name).map { .machine($0) } ?? .inner
        case .networks: Name.identifier(name).map { .network($0) } ?? .inner
        case .root where name == "service": .service
        case .root where name == "vrouter": .router
        case .root where name == "vnet": .networks
        default: .inner
        }
    }

    /// The attributes of an item for whoever asks. Our own thread, which opens files to make events, may open
    /// what nobody can change; the kernel keeps what that thread is told for no time.
    func attributes(
        of item: Item, inode: Inode, timeout: Double, _ query: Cache.Query
    ) -> (attributes: FileAttributes, timeout: Double) {
        var attributes = attributes(of: item, inode: inode)
        guard query.isOurs else { return (attributes, timeout) }
        let needed: UInt16 = attributes.kind == .directory ? 0o700 : 0o600
        guard attributes.kind != .symbolicLink, attributes.permissions & needed != needed else {
            return (attributes, timeout)
        }
        attributes.permissions |= needed
        return (attributes, 0)
    }

    /// The attributes of an item as the mount's options show them.
    func attributes(of item: Item, inode: Inode) -> FileAttributes {
        let kind: FileKind
        var permissions: UInt16
        let size: Int
        switch item {
        case .file(let file):
            kind = .regular
            permissions = file.permissions
            size = file.size
        case .directory:
            kind = .directory
            permissions = 0o755
            size = 0
        case .link(let link):
            kind = .symbolicLink
            permissions = 0o777
            size = link.target.utf8.count
        }
        if kind != .symbolicLink { permissions &= ~options.umask }
        if options.readOnly && kind == .regular { permissions &= ~0o222 }
        return FileAttributes(
            inode: inode, kind: kind, permissions: permissions, size: Int64(size), owner: options.owner,
            group: options.group, modified: item.modified)
    }

    /// How long the kernel may use what it is told, in seconds.
    func timeout(until: ContinuousClock.Instant?, _ query: Cache.Query) -> Double {
        guard let until else { return 86_400 }
        let left = ContinuousClock.now.duration(to: until)
        return max(0, Double(left.components.seconds) + Double(left.components.attoseconds) * 1e-18)
    }

    /// An entry for the kernel; counts the lookup.
    func entry(
        _ node: Node, _ item: Item, until: ContinuousClock.Instant?, _ query: Cache.Query,
        _ state: inout MountState
    ) -> Entry {
        node.lookups += 1
        if case .directory = item { node.isFolder = true } else { node.isFolder = false }
        let isRestored = query.isOurs && state.isRestoring && state.interest.held.contains(node.inode)
        if !isRestored, options.watchInterval > .zero, node !== state.inodes.root {
            if state.interest.use(node, at: query.arrival) { watchAlarm.signal() }
        }
        if case .file(let file) = item, isFixed(node) {
            let revision = state.revisions.revision(of: file, node)
            revision.lookups += 1
            return entry(revision, until: until, query)
        }
        let (attributes, attributeTimeout) = attributes(
            of: item, inode: node.inode, timeout: told(node, item, until: until, query), query)
        return Entry(
            inode: node.inode, attributes: attributes, entryTimeout: timeout(until: until, query),
            attributeTimeout: attributeTimeout)
    }

    /// Notes what the kernel is told of a node, and says for how long it may believe it.
    func told(
        _ node: Node, _ item: Item, until: ContinuousClock.Instant?, _ query: Cache.Query
    ) -> Double {
        guard case .file(let file) = item else { return timeout(until: until, query) }
        let limit = node.tellSize(of: file.version, at: query.arrival)
        // The kernel could not be made to forget it before a program asks that did what changes it.
        if node.writers > 0 { return 0 }
        // While somebody still reads an older version through the page cache, sizes are asked for each
        // time: that reader needs the old one, everybody else the new one.
        if node.cachedOpens > 0, node.cachedVersion != file.version { return 0 }
        return min(timeout(until: until, query), limit ?? .infinity)
    }
}
