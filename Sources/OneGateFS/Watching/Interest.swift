import FUSE

/// Who is watching? The kernel sends no request for an inotify watch. But it forgets an inode whose name
/// was dropped unless somebody holds it: watches it, has it open, or works in it. So names that were
/// not used for a while are dropped, and what is not forgotten then is of interest.
struct Interest {
    typealias Instant = ContinuousClock.Instant

    /// Files whose names were dropped together, and when.
    private struct Drop {
        let files: [Inode]
        let time: Instant
    }

    /// Nodes that were used since their names were last dropped, the first used first.
    private var used: [Inode] = []
    /// Nodes that somebody holds.
    private(set) var held: Set<Inode> = []
    /// Files whose names were dropped lately: soon it is known who holds them.
    private var drops: [Drop] = []
    /// Folders whose names were dropped just now and that the kernel has not forgotten.
    private var probed: Set<Inode> = []
    /// When names were last taken to be dropped.
    private var taken: Instant?

    /// A name was looked up. Returns whether it is the first in use.
    mutating func use(_ node: Node, at now: Instant) -> Bool {
        node.usedAt = now
        guard !node.isListed else { return false }
        node.isListed = true
        node.listedAt = now
        used.append(node.inode)
        return used.count == 1
    }

    /// The kernel forgot a node: nobody held it. Returns whether it counted as held until now.
    mutating func forget(_ node: Node, at now: Instant) -> Bool {
        let wasHeld = held.remove(node.inode) != nil
        // It has been looked up again meanwhile: then that name is to be dropped too.
        if wasHeld, node.lookups > 0 { _ = use(node, at: now) }
        if node.lookups == 0 { probed.remove(node.inode) }
        return wasHeld
    }

    // MARK: Dropping

    /// Takes the nodes whose names should be dropped now: those that were not used for a while, or
    /// long used without a pause. They are in the order of their first use, folders before what is in them.
    mutating func takeIdle(_ inodes: InodeTable, idle: Duration, now: Instant) -> [Node] {
        if let taken, taken + pause(idle) > now { return [] }
        var idleNodes: [Node] = []
        used.removeAll { inode in
            guard let node = inodes[inode], let usedAt = node.usedAt, let listedAt = node.listedAt else {
                return true
            }
            guard usedAt + idle <= now || listedAt + idle * 2 <= now else { return false }
            node.isListed = false
            // Folders that are held are looked after otherwise.
            if !(node.isFolder && held.contains(inode)) { idleNodes.append(node) }
            return true
        }
        if !idleNodes.isEmpty { taken = now }
        return idleNodes
    }

    /// When names may have to be dropped next.
    func nextIdle(_ inodes: InodeTable, idle: Duration) -> Instant? {
        var first: Instant?
        for inode in used.prefix(64) {
            guard let node = inodes[inode], let usedAt = node.usedAt, let listedAt = node.listedAt else {
                continue
            }
            let time = min(usedAt + idle, listedAt + idle * 2)
            first = first.map { min($0, time) } ?? time
        }
        if first == nil, !used.isEmpty { first = taken }
        return first.map { first in taken.map { max(first, $0 + pause(idle)) } ?? first }
    }

    /// Names are dropped together rather than one by one.
    private func pause(_ idle: Duration) -> Duration { idle / 8 }

    // MARK: Files

    /// The names of files were dropped.
    mutating func dropped(_ files: [Inode], at now: Instant) { drops.append(Drop(files: files, time: now)) }

    /// When it is known who holds the files that were dropped first.
    func nextSettled(_ settleTime: Duration) -> Instant? { drops.first.map { $0.time + settleTime } }

    /// Files that the kernel has not forgotten a while after their names were dropped are held. Returns
    /// whether there was something to find out.
    mutating func settle(_ inodes: InodeTable, settleTime: Duration, now: Instant) -> Bool {
        var hasSettled = false
        while let drop = drops.first, drop.time + settleTime <= now {
            drops.removeFirst()
            for inode in drop.files where (inodes[inode]?.lookups ?? 0) > 0 { held.insert(inode) }
            hasSettled = true
        }
        return hasSettled
    }

    // MARK: Folders

    /// The folders that are held, those above others first.
    func heldFolders(_ inodes: InodeTable) -> [Node] {
        held.compactMap { inodes[$0] }.filter(\.isFolder).sorted { $0.depth < $1.depth }
    }

    /// The names of folders are about to be dropped.
    mutating func probe(_ folders: [Inode]) { probed = Set(folders) }

    /// Whether the kernel has not forgotten all of them.
    var isProbing: Bool { !probed.isEmpty }

    /// Time is up: folders that the kernel has not forgotten are held.
    mutating func endProbe(_ inodes: InodeTable) -> [Node] {
        let folders = probed.compactMap { inodes[$0] }.filter { $0.lookups > 0 }
        held.formUnion(folders.map(\.inode))
        probed = []
        return folders.sorted { $0.depth < $1.depth }
    }
}
