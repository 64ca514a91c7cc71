import FUSE

/// poll(2) on files, as sysfs has it: readable at any time, and POLLPRI and POLLERR when there is another
/// version than the one that was opened. It is what a read from the beginning gives then.
extension OneGateFileSystem {
    func poll(
        _ request: consuming Request, inode: Inode, file: OpenFile, events: PollEvents, handle: PollHandle?
    ) {
        let always: PollEvents = [.readable, .normalReadable, .writable, .normalWritable]
        let thread = request.context.pid
        let ready: PollEvents = state.withLock { state in
            if opensAreLeft { return polled(inode, by: thread, handle, &state) }
            guard case .reading(var reading)? = state.handles[file.handle], let node = state.inodes[inode]
            else {
                return always
            }
            node.isPolled = true
            if case .known(.file(let current), _) = resolve(node, &state, .ours),
                current.version != reading.file.version, isReadable(current, of: node, through: reading)
            {
                reading.file = current
                reading.text = if case .deferred(let text) = current.content { text.text } else { nil }
                reading.isNews = true
                if reading.cached { node.cachedVersion = current.version }
            }
            if let handle { reading.poll = handle }
            state.handles[file.handle] = .reading(reading)
            return reading.isNews
                ? [.readable, .normalReadable, .priority, .error] : [.readable, .normalReadable]
        }
        request.answer(.poll(ready))
    }

    /// Whether a read gets another version whole. What is read through the page cache would be cut at the size of the version
    /// before as long as the kernel has not forgotten that: it is told to, and who waits is woken when it has.
    private func isReadable(_ file: File, of node: Node, through reading: Handle.Reading) -> Bool {
        guard reading.cached else { return true }
        guard !node.isTouched else { return false }
        guard node.forgottenVersion != file.version else { return true }
        if node.forgettingVersion != file.version {
            node.forgettingVersion = file.version
            let inode = node.inode
            forget(node) { [self] state in
                guard let node = state.inodes[inode], node.forgettingVersion == file.version else { return }
                node.forgottenVersion = file.version
                node.forgettingVersion = nil
                wake(pollers(of: inode, state))
            }
        }
        return false
    }

    /// Where the kernel opens alone, an open says nothing of itself: a thread is told of each version once.
    private func polled(
        _ inode: Inode, by thread: Int32, _ handle: PollHandle?, _ state: inout MountState
    ) -> PollEvents {
        guard let revision = state.revisions[inode],
            case .known(.file(let current), _) = resolve(revision.node, &state, .ours)
        else { return [.readable, .normalReadable] }
        // The kernel has one for each pass of poll(2), and there is no telling which of them are still waited for: who is
        // woken for nothing asks again.
        if revision.pollers.count >= Revision.polledLimit {
            wake(revision.pollers)
            revision.pollers = []
        }
        if let handle { revision.pollers.append(handle) }
        if revision.polled.count >= Revision.polledLimit { revision.polled = [:] }
        let before = revision.polled.updateValue(current.version, forKey: thread)
        return before.map { $0 != current.version } ?? false
            ? [.readable, .normalReadable, .priority, .error] : [.readable, .normalReadable]
    }

    /// Wakes whoever waits in poll(2) for a file.
    func wakePollers(of inode: Inode) { wake(state.withLock { pollers(of: inode, $0) }) }

    private func pollers(of inode: Inode, _ state: MountState) -> [PollHandle] {
        state.handles.all.compactMap { handle in
            if case .reading(let reading) = handle, reading.node.inode == inode { reading.poll } else { nil }
        }
    }

    /// Wakes programs that wait in poll(2).
    func wake(_ handles: [PollHandle]) {
        guard !handles.isEmpty else { return }
        invalidator.perform { _ in
            for handle in handles { handle.notify() }
        }
    }
}
