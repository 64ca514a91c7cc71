import FUSE

/// A value that is stored at the last close, when no program waits for the outcome any more.
struct PendingStore: Sendable {
    let place: AttributePlace
    let content: OneGateFileSystem.NewContent
    let path: String
    let inode: Inode
}

extension OneGateFileSystem {
    /// What the last close of a handle has to store, if anything.
    func storeAtRelease(_ number: UInt64, _ state: inout MountState) -> PendingStore? {
        guard state.handles.isWriting(number), case .writing(var writing)? = state.handles[number],
            case .attribute(let place) = writing.target,
            let node = state.inodes[writing.inode]
        else { return nil }
        let content: NewContent
        switch writing.session.release() {
        case .publish(let whole, let edits): content = NewContent(whole, edits)
        case .create: content = .created
        case .hold, .refuse: return nil
        }
        beginUnawaited(place.machine, &state)
        return PendingStore(place: place, content: content, path: node.path, inode: node.inode)
    }

    /// Stores it. A failure can only be reported where failures are listed.
    ///
    /// It takes its turn before any change that is asked for later: those begin on the same thread.
    func store(_ pending: PendingStore) {
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                _ = try await store(pending.content, at: pending.place, for: .promised)
            } catch {
                report(error, path: pending.path, .close)
            }
            state.withLock { state in
                if let node = state.inodes[pending.inode] { node.writers = max(0, node.writers - 1) }
            }
            endUnawaited(pending.place.machine)
        }
    }
}
