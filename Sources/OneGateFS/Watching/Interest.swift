import FUSE

/// Who is watching? The kernel sends no request for an inotify watch. But it forgets an inode whose name
/// was dropped unless somebody holds it: watches it, has it open, or works in it. So names that were
/// not used for a while are dropped, and what is not forgotten then is of interest.
struct Interest {
    /// Nodes that were used since their names were last dropped, the first used first.
    private(set) var used: [Inode] = []
    /// Nodes that somebody holds.
    private(set) var held: Set<Inode> = []
    /// Nodes whose names were dropped just now: soon it is known who holds them.
    private(set) var dropped: [Inode] = []

    /// A name was looked up.
    mutating func use(_ node: Node, at now: ContinuousClock.Instant) {
        node.usedAt = now
        guard !node.isListed else { return }
        node.isListed = true
        node.listedAt = now
        used.append(node.inode)
    }

    /// The kernel forgot a node. Returns whether it was held until now.
    mutating func forget(_ node: Node) -> Bool { held.remove(node.inode) != nil }

    /// Takes the nodes whose names should be dropped now: those that were not used for a while, or
    /// long used without a pause. They are in the order of their first use, folders before what is in them.
    mutating func takeIdle(
        _ inodes: InodeTable, idle: Duration, now: ContinuousClock.Instant
    ) -> [Node] {
        var taken: [Node] = []
        used.removeAll { inode in
            guard let node = inodes[inode] else { return true }
            guard let usedAt = node.usedAt, let listedAt = node.listedAt else { return true }
            guard usedAt + idle <= now || listedAt + idle * 2 <= now else { return false }
            node.isListed = false
            taken.append(node)
            return true
        }
        dropped += taken.map(\.inode)
        return taken
    }

    /// Takes the folders that are held, to see whether they still are.
    mutating func takeHeldFolders(_ inodes: InodeTable) -> [Node] {
        let folders = held.compactMap { inodes[$0] }.filter { $0.isFolder }
        dropped += folders.map(\.inode)
        return folders.sorted { $0.depth < $1.depth }
    }

    /// After names were dropped: those that the kernel has not forgotten are held. Returns the folders
    /// among them, whose names have to be looked up again, because a process that works in one would
    /// not find its way (getcwd(3)).
    mutating func settle(_ inodes: InodeTable) -> [Node] {
        var folders: [Node] = []
        for inode in dropped {
            guard let node = inodes[inode], node.lookups > 0 else { continue }
            held.insert(inode)
            if node.isFolder { folders.append(node) }
        }
        dropped = []
        return folders
    }

    /// When the first used node may be idle.
    func nextIdle(_ inodes: InodeTable, idle: Duration) -> ContinuousClock.Instant? {
        var first: ContinuousClock.Instant?
        for inode in used.prefix(64) {
            guard let node = inodes[inode], let usedAt = node.usedAt, let listedAt = node.listedAt else {
                continue
            }
            let time = min(usedAt + idle, listedAt + idle * 2)
            first = first.map { min($0, time) } ?? time
        }
        return first
    }
}
