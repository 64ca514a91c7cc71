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
        let job = Notifier.Job(inodes: { [self] in locked(by: change) }) { [self] mount in
            switch change.kind {
            case .changed: deliverChanged(change.path, mount) { [self] in deliver(change) }
            case .added: deliverAdded(change.path, mount)
            case .removed(let item): deliverRemoved(change.path, item, mount)
            }
        }
        notifier.makeEvent(at: change.path, isChange: isChange, job)
    }

    /// Whose locks it may take to make the events of a change: those of the file and of the folders on the way, and when a
    /// folder goes, of what somebody holds in it.
    private func locked(by change: TreeChange) -> [Inode] {
        state.withLock { state in
            var nodes = [state.inodes.root]
            for name in change.path {
                guard let child = nodes.last.flatMap({ state.inodes.child(name, of: $0) }) else { break }
                nodes.append(child)
            }
            if case .removed = change.kind { nodes += held(in: nodes[nodes.count - 1], state) }
            return nodes.map(\.inode)
        }
    }

    /// What somebody holds in a folder, the innermost first.
    private func held(in folder: Node, _ state: MountState) -> [Node] {
        let held = state.interest.held.compactMap { state.inodes[$0] }
        return held.filter { $0 !== folder && $0.isInside(folder) }.sorted { $0.depth > $1.depth }
    }

    /// Events of a file in `.onegatefs` that has more to tell.
    func deliver(_ file: AboutFile) {
        let path: [FileName] = [".onegatefs", file.name]
        let isKnown = state.withLock { node(at: path, $0) != nil }
        guard isKnown, options.watchInterval > .zero else { return }
        // Nobody waits for the server in there.
        let job = Notifier.Job(inodes: { [] }) { [self] mount in
            let inode = state.withLock { node(at: path, $0)?.inode }
            guard let inode else { return }
            forgetNow(inode)
            deliverChanged(path, mount) { [self] in deliver(file) }
        }
        notifier.makeEvent(at: path, isChange: true, job)
    }

    /// The kernel was told already to forget what it knows of the file.
    ///
    /// - Parameter again: does all this later, when nobody reads what was there before.
    private func deliverChanged(
        _ path: [FileName], _ mount: OwnMount, again: @escaping @Sendable () -> Void
    ) {
        let (inode, size, isRead): (Inode?, Int?, Bool) = state.withLock { state in
            guard let (node, parent) = watchable(path, state) else { return (nil, nil, false) }
            let query = Cache.Query.ours
            let inode = node?.inode ?? state.inodes.number(path[path.count - 1], of: parent)
            guard case .known(let found, _) = child(path[path.count - 1], of: parent, &state, query),
                case .file(let file) = found.item
            else { return (nil, nil, false) }
            let isRead = node?.isRead(otherThan: file.version, at: .now) ?? false
            if !isRead { node?.isTouched = true }
            return (inode, file.size, isRead)
        }
        guard let inode, let size else { return }
        guard !isRead else {
            // This thread has no descriptors to wake another one with.
            invalidator.perform { [self] _ in whenRead(inode, again) }
            return
        }
        // Where each version is an inode of its own, the name has to lead to the new one by now.
        if let parent = state.withLock({ $0.inodes[inode].flatMap { isFixed($0) ? $0.parent?.inode : nil } })
        {
            invalidator.invalidateEntryNow(path[path.count - 1], in: parent)
        }
        mount.touch(path, size: size)
        touchRevisions(of: inode, mount)
        state.withLock { state in
            let node = state.inodes[inode]
            node?.isTouched = false
            // To set a size is to forget what was told of it.
            node?.doubtSize()
        }
        wakePollers(of: inode)
    }

    private func deliverAdded(_ path: [FileName], _ mount: OwnMount) {
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
            invalidator.invalidateEntryNow(name, in: staged.parent)
            if mount.make(path, staged.item) { return }
        }
    }

    private func deliverRemoved(_ path: [FileName], _ item: Item?, _ mount: OwnMount) {
        guard let item, !path.isEmpty else { return }
        if case .directory = item, let folder = folder(at: path) {
            // It is there again. To remove what programs are using now would fail them (ENOENT); only what it has no more goes.
            for inner in heldNames(in: path) {
                let below = inner.dropFirst(path.count)
                if folder.item(at: below) == nil { deliverRemoved(inner, item.item(at: below), mount) }
            }
            return
        }
        let staged: (parent: Inode, inode: Inode)? = state.withLock { state in
            guard let (_, parent) = watchable(path, state) else { return nil }
            // It may have come again meanwhile: for this thread it is still the one that goes.
            let inode = state.inodes.number(path[path.count - 1], of: parent)
            state.staged[inode] = .leaving(item)
            return (parent.inode, inode)
        }
        guard let staged else { return }
        // What somebody holds inside a folder goes before the folder.
        for inner in heldNames(in: path) {
            guard let innerItem = item.item(at: inner.dropFirst(path.count)) else { continue }
            mount.remove(inner, innerItem)
        }
        removeRevisions(of: staged.inode, item, mount)
        mount.remove(path, item)
        state.withLock { $0.staged[staged.inode] = nil }
        invalidator.invalidateEntryNow(path[path.count - 1], in: staged.parent)
    }

    /// The paths of what somebody holds in a folder, the innermost first.
    private func heldNames(in path: [FileName]) -> [[FileName]] {
        state.withLock { state in node(at: path, state).map { held(in: $0, state).map(\.names) } ?? [] }
    }

    /// The folder that a path is now.
    private func folder(at path: [FileName]) -> Item? {
        state.withLock { state in
            guard let (_, parent) = watchable(path, state) else { return nil }
            return folder(path[path.count - 1], in: parent, &state)
        }
    }

    /// The folder that a name is now, also while it is another thing for this thread.
    private func folder(_ name: FileName, in parent: Node, _ state: inout MountState) -> Item? {
        let staged = state.staged
        state.staged = [:]
        defer { state.staged = staged }
        guard case .known(let found, _) = child(name, of: parent, &state, .ours),
            case .directory = found.item
        else { return nil }
        return found.item
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

    /// Answers a request to remove something that is gone already, which makes the event.
    ///
    /// A folder may have come again since that was begun. Programs use it, so it is not removed for the kernel. Nothing can
    /// be made in its parent until the answer: the kernel has locked it.
    func answerOurs(removed request: consuming Request, _ parent: Inode, _ name: FileName, isFolder: Bool) {
        let reply: Reply = state.withLock { state in
            guard isFolder, let node = state.inodes[parent] else { return .ok }
            guard folder(name, in: node, &state) == nil else { return .error(.notEmpty) }
            state.inodes.bury(name, of: node)
            return .ok
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
