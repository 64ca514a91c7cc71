import FUSE

/// A name in a folder, as the kernel knows it.
struct KnownName {
    let inode: Inode
    let parent: Inode
    let name: FileName

    init?(_ node: Node) {
        guard let parent = node.parent else { return nil }
        (inode, self.parent, name) = (node.inode, parent.inode, node.name)
    }
}
