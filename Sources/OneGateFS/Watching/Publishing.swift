import FUSE

/// Telling the kernel, and whoever watches, what changed.
extension OneGateFileSystem {
    /// Makes differences known that an answer of the server's showed.
    func publish(_ changes: [TreeChange]) {
        guard !changes.isEmpty else { return }
        let (news, watchable): ([TreeChange], [TreeChange]) = state.withLock { state in
            state.changesSeen += 1
            for change in changes { invalidate(change, state) }
            let news = changes.filter { $0.isNews && !isOurs($0, state) }
            let watchable = news.filter { isWatchable($0, state) }
            return (news, watchable)
        }
        let now = Clock.now
        let lines = news.flatMap { EventLine.lines($0, time: now) }
        for line in lines { events.append(line) }
        for change in watchable { deliver(change) }
        if !lines.isEmpty { deliver(.events) }
    }

    /// The kernel may not go on believing what is no longer so.
    private func invalidate(_ change: TreeChange, _ state: MountState) {
        guard let node = node(at: change.path, state) else { return }
        switch change.kind {
        // While a program writes, the kernel asks each time. To have it forget a size would make it drop the answer
        // to a question that it asked before, and cut what somebody reads.
        case .changed where node.writers > 0 && isOurs(change, state): node.doubtSize()
        // What changes a thousand times in a second is forgotten as often as it is asked for.
        case .changed where node.isUnknown: break
        case .changed: forget(node)
        case .removed:
            if let parent = node.parent { invalidator.invalidateEntry(node.name, in: parent.inode) }
        case .added: break
        }
    }

    /// Whether the kernel knows a path or its folder, so that somebody may be watching.
    private func isWatchable(_ change: TreeChange, _ state: MountState) -> Bool {
        options.watchInterval > .zero && node(at: Array(change.path.dropLast()), state) != nil
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

    /// Whether this is what a change of ours makes: the program that makes it knows.
    private func isOurs(_ change: TreeChange, _ state: MountState) -> Bool {
        state.ownChanges[change.path]?.explains(change) ?? false
    }
}
