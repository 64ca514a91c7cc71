import FUSE

/// What size the kernel believes a file to have. Reads through the page cache end there, and are filled with zeros up
/// to there, so it has to be known for sure.
///
/// The kernel drops what it is told of a size when it had to forget it after it asked (`attr_version` in fs/fuse/inode.c).
/// We do not see when it asked. But no question is on its way to us for longer than `doubt`, so what is asked later is kept.
extension Node {
    /// How long after the kernel had to forget a size it may drop another one.
    static let doubt: Duration = .seconds(1)

    /// The kernel may drop what it is told of the size from now on for a while.
    func doubtSize() {
        toldVersion = nil
        doubtedUntil = .now + Node.doubt
    }

    /// The kernel has another size than it was told.
    func changeSize() {
        toldVersion = nil
        isForgotten = false
    }

    /// Whether the kernel holds nothing of the file that it would have to forget.
    var isUnknown: Bool { isForgotten && cachedOpens == 0 && writers == 0 }

    /// Notes that the kernel is told the size of a version. Gives the longest that it may believe it, in seconds; nil for
    /// any time.
    func tellSize(of version: UInt64, at now: ContinuousClock.Instant) -> Double? {
        isForgotten = false
        guard forgetting == 0 else { return 0 }
        if let doubtedUntil, now < doubtedUntil {
            toldVersion = nil
            return Double(now.duration(to: doubtedUntil) / .nanoseconds(1)) * 1e-9
        }
        doubtedUntil = nil
        toldVersion = version
        return nil
    }

    /// Whether the kernel believes another size than that of a version, and will not ask again by itself.
    func believesOther(than version: UInt64) -> Bool {
        forgetting == 0 && doubtedUntil == nil && toldVersion != version
    }
}

extension OneGateFileSystem {
    /// Has the kernel forget size, times and pages of a file.
    ///
    /// - Parameter completion: is called when it has.
    func forget(_ node: Node, completion: @escaping @Sendable (inout MountState) -> Void = { _ in }) {
        if isFixed(node) {
            // What is known is as it is; another file has the name now.
            if let parent = node.parent { invalidator.invalidateEntry(node.name, in: parent.inode) }
            return
        }
        let inode = node.inode
        node.doubtSize()
        node.isForgotten = true
        node.forgetting += 1
        invalidator.perform { [self] session in
            _ = session.invalidate(inode: inode)
            state.withLock { state in
                guard let node = state.inodes[inode] else { return }
                node.forgetting = max(0, node.forgetting - 1)
                node.doubtSize()
                completion(&state)
            }
        }
    }

    /// The same before this returns, on the notifier's thread.
    func forgetNow(_ inode: Inode) {
        state.withLock { $0.inodes[inode]?.doubtSize() }
        invalidator.performAndWait { _ = $0.invalidate(inode: inode) }
        state.withLock { $0.inodes[inode]?.doubtSize() }
    }
}
