import FUSE

/// The nodes that the kernel knows, by inode number.
struct InodeTable {
    private var nodes: [Inode: Node] = [:]
    /// The numbers of names that have another one than their own: they were renamed, or were a file and then a folder.
    private var renumbered: [Inode: Inode] = [:]
    private var pruneLimit = 1024
    private var renumberings: UInt64 = 0
    let root: Node

    init() {
        root = Node(inode: .root, name: "", parent: nil, kind: .root)
        root.lookups = 1
        nodes[.root] = root
    }

    /// How many there are.
    var count: Int { nodes.count }

    subscript(inode: Inode) -> Node? { nodes[inode] }

    /// The nodes whose names the kernel has looked up.
    var known: [Node] { nodes.values.filter { $0.lookups > 0 } }

    /// The node of a name in a folder, if the kernel knows it.
    func child(_ name: FileName, of parent: Node) -> Node? {
        var inode = start(name, in: parent.inode)
        while let node = nodes[inode] {
            if node.parent === parent, node.name == name, !node.isRetired { return node }
            inode = Inode(rawValue: inode.rawValue &+ 1)
        }
        return nil
    }

    /// The number that a name in a folder has, or would have.
    func number(_ name: FileName, of parent: Node) -> Inode {
        child(name, of: parent)?.inode ?? start(name, in: parent.inode)
    }

    /// Where to look for a name.
    private func start(_ name: FileName, in parent: Inode) -> Inode {
        let inode = InodeNumber.of(name, in: parent)
        return renumbered[inode] ?? inode
    }

    /// The number that a path has, or would have.
    func number(_ path: [FileName]) -> Inode {
        var node: Node? = root
        var inode = Inode.root
        for name in path {
            inode = node.map { number(name, of: $0) } ?? start(name, in: inode)
            node = node.flatMap { child(name, of: $0) }
        }
        return inode
    }

    /// The node of a name in a folder, made if need be.
    ///
    /// What was a file and is a folder now, or the other way round, gets another number: the kernel calls an inode bad
    /// whose kind changed, and whoever has it open gets EIO (fuse_make_bad in fs/fuse).
    mutating func node(_ name: FileName, of parent: Node, kind: Node.Kind, isFolder: Bool) -> Node {
        if let node = child(name, of: parent), isOther(node, isFolder: isFolder) {
            node.isRetired = true
            renumber(name, of: parent)
        }
        return node(name, of: parent, kind: kind)
    }

    /// A folder goes with rmdir(2): whoever still holds its inode can make nothing in it any more (S_DEAD), not even when there is a
    /// folder of that name again. So the name gets another number.
    mutating func bury(_ name: FileName, of parent: Node) {
        guard let node = child(name, of: parent), node.lookups > 0 else { return }
        node.isRetired = true
        renumber(name, of: parent)
    }

    /// Gives a name a number that nothing had before.
    private mutating func renumber(_ name: FileName, of parent: Node) {
        let own = InodeNumber.of(name, in: parent.inode)
        renumberings &+= 1
        renumbered[own] = vacant(
            from: InodeNumber.of(name, in: Inode(rawValue: ~own.rawValue &+ renumberings)))
    }

    /// The first number from one on that no node has.
    private func vacant(from inode: Inode) -> Inode {
        var inode = inode
        while nodes[inode] != nil || inode.rawValue < 2 { inode = Inode(rawValue: inode.rawValue &+ 1) }
        return inode
    }

    /// Forgets the numbers of names that could have their own again, once there are many: editors make new names all
    /// the time.
    ///
    /// - Parameter isUsed: whether something besides a node has a number.
    mutating func prune(_ isUsed: (Inode) -> Bool) {
        guard renumbered.count > pruneLimit else { return }
        func isKept(_ inode: Inode) -> Bool { nodes[inode] != nil || isUsed(inode) }
        renumbered = renumbered.filter { isKept($0.key) || isKept($0.value) }
        pruneLimit = max(1024, renumbered.count * 2)
    }

    /// Whether the kernel knows a node as a file that is a folder now, or the other way round.
    func isOther(_ node: Node, isFolder: Bool) -> Bool { node.lookups > 0 && node.isFolder != isFolder }

    /// Follows rename(2): the kernel knows what has the new name by the inode that had the old one.
    ///
    /// Returns the number that the new name had before.
    mutating func move(_ name: FileName, of parent: Node, to newName: FileName, of newParent: Node) -> Inode {
        let before = number(newName, of: newParent)
        guard let node = child(name, of: parent) else { return before }
        let replaced = child(newName, of: newParent)
        if replaced === node { return before }
        replaced?.isRetired = true
        node.move(to: newName, in: newParent)
        renumbered[InodeNumber.of(newName, in: newParent.inode)] = node.inode
        renumber(name, of: parent)
        _ = collect(parent)
        // The kernel may never have heard of it.
        if let replaced { _ = collect(replaced) }
        return before
    }

    /// The node of a name in a folder, made if need be.
    mutating func node(_ name: FileName, of parent: Node, kind: Node.Kind) -> Node {
        if let node = child(name, of: parent) { return node }
        let inode = vacant(from: start(name, in: parent.inode))
        let own = InodeNumber.of(name, in: parent.inode)
        if inode != own { renumbered[own] = inode }
        let node = Node(inode: inode, name: name, parent: parent, kind: kind)
        nodes[inode] = node
        return node
    }

    /// Takes back `count` lookups; a node that nobody knows any more goes, and its parents with it.
    /// Returns the nodes that went.
    mutating func forget(_ inode: Inode, count: UInt64) -> [Node] {
        guard let node = nodes[inode], node !== root else { return [] }
        node.lookups -= min(count, node.lookups)
        return collect(node)
    }

    /// Removes a node that nobody refers to, and its parents likewise.
    mutating func collect(_ node: Node) -> [Node] {
        var gone: [Node] = []
        var next: Node? = node
        while let node = next, node !== root, node.lookups == 0, node.children == 0 {
            nodes[node.inode] = nil
            gone.append(node)
            node.parent?.children -= 1
            next = node.parent
        }
        return gone
    }
}
