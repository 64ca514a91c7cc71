import FUSE

/// Who reads a version through the page cache while there is another one by now.
///
/// The size that such a read ends at belongs to the inode, and to whichever version the kernel was told of last: told of another
/// one in the middle of the read, it cuts the content, or fills it up with zeros. So it is not told before these programs
/// have closed the file. That is a matter of microseconds, unless a program keeps the file open, and that is not waited for.
extension Node {
    /// How long they are waited for, from when another version was first to be told.
    static let readingTime: Duration = .milliseconds(100)

    /// Whether the kernel cannot be told of a version yet.
    func isRead(otherThan version: UInt64, at now: ContinuousClock.Instant) -> Bool {
        guard cachedOpens > 0, let cachedVersion, cachedVersion != version else { return false }
        if let awaited, awaited.version == cachedVersion { return now < awaited.until }
        awaited = (cachedVersion, now + Node.readingTime)
        return true
    }
}

extension OneGateFileSystem {
    /// Whether the kernel cannot be told yet what a node is.
    func isRead(_ node: Node, otherThan item: Item, _ query: Cache.Query) -> Bool {
        guard case .file(let file) = item, !query.isOurs else { return false }
        return node.isRead(otherThan: file.version, at: .now)
    }

    /// Calls `body` once nobody reads an older version of a file any more, or has done so for too long.
    func whenRead(_ inode: Inode, _ body: @escaping @Sendable () -> Void) {
        let until: ContinuousClock.Instant? = state.withLock { state in
            guard let node = state.inodes[inode], node.cachedOpens > 0, let awaited = node.awaited else {
                return nil
            }
            node.waiters.append(body)
            return awaited.until
        }
        guard let until else { return body() }
        Task(executorPreference: client.executor) { [self] in
            try? await Task.sleep(until: until, clock: .continuous)
            let waiters = state.withLock { state in state.inodes[inode].map { take($0) } ?? [] }
            for waiter in waiters { waiter() }
        }
    }

    /// The last open of a file that is read through the page cache was closed.
    func endReading(_ node: Node) {
        let waiters = take(node)
        guard !waiters.isEmpty else { return }
        Task(executorPreference: client.executor) { for waiter in waiters { waiter() } }
    }

    private func take(_ node: Node) -> [@Sendable () -> Void] {
        defer { node.waiters = [] }
        return node.waiters
    }
}
