import FUSE

/// Making events: the notifier's thread does on our own mount what a local program would have done, and
/// its requests are answered here without asking anybody.
extension OneGateFileSystem {
    /// What a name is to the notifier's thread while it makes an event.
    enum Staged {
        /// Not there yet: it is about to be made.
        case arriving
        /// Still there: it is about to be removed.
        case leaving(Item)
    }

    /// Makes the events of a change, if somebody may be watching.
    func deliver(_ change: TreeChange) {
        let isChange = if case .changed = change.kind { true } else { false }
        notifier.makeEvent(at: change.path, isChange: isChange) { [self] session, mount in
            switch change.kind {
            case .changed: deliverChanged(change.path, session, mount)
            case .added: deliverAdded(change.path, session, mount)
            case .removed(let item): deliverRemoved(change.path, item, session, mount)
            }
        }
    }

    /// Events of a file in `.onegatefs` that has more to tell.
    func deliver(_ file: AboutFile) {
        let path: [FileName] = [".onegatefs", file.name]
        let isKnown = state.withLock { node(at: path, $0) != nil }
        guard isKnown, options.watchInterval > .zero else { return }
        notifier.makeEvent(at: path, isChange: true) { [self] session, mount in
            let inode = state.withLock { node(at: path, $0)?.inode }
            guard let inode else { return }
            forget(inode, session)
            deliverChanged(path, session, mount)
        }
    }

    /// The kernel was told already to forget what it knows of the file.
    private func deliverChanged(_ path: [FileName], _ session: Session, _ mount: OwnMount) {
        let (inode, size): (Inode?, Int?) = state.withLock { state in
            guard let (node, parent) = watchable(path, state) else { return (nil, nil) }
            let query = Cache.Query.ours
            let inode = node?.inode ?? state.inodes.number(path[path.count - 1], of: parent)
            guard case .known(let found, _) = child(path[path.count - 1], of: parent, &state, query),
                case .file(let file) = found.item
            else { return (nil, nil) }
            return (inode, file.size)
        }
        guard let inode, let size else { return }
        wakePollers(of: inode)
        mount.touch(path, size: size)
        touchRevisions(of: inode, session, mount)
        // To set a size is to forget what was told of it.
        state.withLock { $0.inodes[inode]?.doubtSize() }
    }

    private func deliverAdded(_ path: [FileName], _ session: Session, _ mount: OwnMount) {
        let staged: (parent: Inode, inode: Inode, item: Item)? = state.withLock { state in
            guard let (_, parent) = watchable(path, state) else { return nil }
            let name = path[path.count - 1]
            guard case .known(let found, _) = child(name, of: parent, &state, .ours) else { return nil }
            let inode = state.inodes.number(name, of: parent)
            state.staged[inode] = .arriving
            return (parent.inode, inode, found.item)
        }
        guard let staged else { return }
        defer { state.withLock { $0.staged[staged.inode] = nil } }
        let name = path[path.count - 1]
        // Somebody may have looked the name up already; then it has to be forgotten once more.
        for _ in 0..<3 {
            _ = session.invalidateEntry(parent: staged.parent, name: name)
            if mount.make(path, staged.item) { return }
        }
    }

    private func deliverRemoved(
        _ path: [FileName], _ item: Item?, _ session: Session, _ mount: OwnMount
    ) {
        guard let item, !path.isEmpty else { return }
        let staged: (parent: Inode, inode: Inode)? = state.withLock { state in
            guard let (_, parent) = watchable(path, state) else { return nil }
            // It may have come again meanwhile: for this thread it is still the one that goes.
            let inode = state.inodes.number(path[path.count - 1], of: parent)
            state.staged[inode] = .leaving(item)
            return (parent.inode, inode)
        }
        guard let staged else { return }
        // What somebody holds inside a folder goes before the folder.
        let inside: [[FileName]] = state.withLock { state in
            guard let folder = node(at: path, state) else { return [] }
            let held = state.interest.held.compactMap { state.inodes[$0] }.filter {
                $0 !== folder && $0.isInside(folder)
            }
            return held.sorted { $0.depth > $1.depth }.map { node in node.names }
        }
        for inner in inside {
            guard let innerItem = item.item(at: inner.dropFirst(path.count)) else { continue }
            mount.remove(inner, innerItem)
        }
        removeRevisions(of: staged.inode, item, session, mount)
        mount.remove(path, item)
        state.withLock { $0.staged[staged.inode] = nil }
        _ = session.invalidateEntry(parent: staged.parent, name: path[path.count - 1])
    }

    /// Whether somebody may be watching a path: the kernel knows it or its folder. The node, if the
    /// kernel knows it, and the folder's.
    private func watchable(_ path: [FileName], _ state: MountState) -> (node: Node?, parent: Node)? {
        guard let parent = node(at: Array(path.dropLast()), state) else { return nil }
        return (state.inodes.child(path[path.count - 1], of: parent), parent)
    }

    // MARK: Requests of our own thread

    /// Whether a request is our own thread's.
    func isOurs(_ context: RequestContext) -> Bool {
        let thread = notifier.thread
        return thread != 0 && context.pid == thread
    }

    /// Answers a request to change a file's size, which makes the event: the size is what it is.
    func answerOurs(changed request: consuming Request, _ inode: Inode) {
        let reply: Reply = state.withLock { state in
            if let revision = state.revisions[inode] {
                let entry = entry(revision, until: nil, .ours)
                return .attributes(entry.attributes, timeout: entry.attributeTimeout)
            }
            guard let node = state.inodes[inode],
                case .known(let item, let until) = presence(node, &state, .ours)
            else { return .error(.noEntry) }
            return .attributes(
                attributes(of: item, inode: inode), timeout: told(node, item, until: until, .ours))
        }
        request.answer(reply)
    }

    /// Answers a request to make something that is there already.
    func answerOurs(made request: consuming Request, _ parent: Inode, _ name: FileName) {
        let (reply, lookups): (Reply, [Inode]) = state.withLock { state in
            guard let folder = state.inodes[parent] else { return (.error(.noEntry), []) }
            state.staged[state.inodes.number(name, of: folder)] = nil
            guard case .known(let found, let until) = child(name, of: folder, &state, .ours) else {
                return (.error(.noEntry), [])
            }
            if let node = state.inodes.child(name, of: folder),
                state.inodes.isOther(node, isFolder: found.item.kind == .directory)
            {
                return (.error(.noEntry), [])
            }
            let node = state.inodes.node(name, of: folder, kind: found.kind)
            let entry = entry(node, found.item, until: until, .ours, &state)
            return (.entry(entry), [entry.inode])
        }
        if !request.answer(reply) { takeBack(lookups, nil) }
    }
}

extension Item {
    /// The item of a path inside a folder.
    func item(at path: some Collection<FileName>) -> Item? {
        guard let name = path.first else { return self }
        guard case .directory(let directory) = self else { return nil }
        return directory[name]?.item(at: path.dropFirst())
    }
}
