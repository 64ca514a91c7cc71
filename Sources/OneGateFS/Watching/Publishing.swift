import FUSE

/// Telling the kernel, and whoever watches, what changed.
extension OneGateFileSystem {
    /// Makes differences known that an answer of the server's showed.
    func publish(_ changes: [TreeChange]) {
        guard !changes.isEmpty else { return }
        let news: [TreeChange] = state.withLock { state in
            state.changesSeen += 1
            return changes.filter { change in
                invalidate(change, state)
                return !isOurs(change, state)
            }
        }
        guard !news.isEmpty else { return }
        let now = Clock.now
        for change in news where EventLine.isNeeded(change) {
            events.append(EventLine.line(change, time: now))
        }
        for change in news where isWatchable(change) { deliver(change) }
        deliver(.events)
    }

    /// The kernel may not go on believing what is no longer so.
    private func invalidate(_ change: TreeChange, _ state: MountState) {
        guard let node = node(at: change.path, state) else { return }
        switch change.kind {
        case .changed: forget(node)
        case .removed: if let parent = node.parent { notifier.invalidateEntry(node.name, in: parent.inode) }
        case .added: break
        }
    }

    /// Whether the kernel knows a path or its folder, so that somebody may be watching.
    private func isWatchable(_ change: TreeChange) -> Bool {
        options.watchInterval > .zero && state.withLock { node(at: Array(change.path.dropLast()), $0) != nil }
    }

    /// The node of a path, if the kernel knows it.
    func node(at path: [FileName], _ state: MountState) -> Node? {
        var node = state.inodes.root
        for name in path {
            guard let child = state.inodes.child(name, of: node) else { return nil }
            node = child
        }
        return node
    }

    /// Whether a change of ours, under way now, makes this difference: the program that makes it knows.
    private func isOurs(_ change: TreeChange, _ state: MountState) -> Bool {
        guard change.path.count > 2, change.path[0] == "vm", let id = Name.identifier(change.path[1]) else {
            return false
        }
        return state.queues[id]?.touched.contains(change.path) ?? false
    }
}
