import FUSE

/// A path that the kernel knows: what FUSE calls a node.
///
/// Nodes are not Sendable: they live in the mount's state and are touched only under its lock.
final class Node {
    /// What the path means, as far as its shape tells.
    enum Kind: Hashable {
        case root
        /// `/vm`
        case machines
        /// `/vm/self`
        case ownLink
        /// `/vm/8`
        case machine(Int)
        /// `/service`
        case service
        /// `/vrouter`
        case router
        /// `/vnet`
        case networks
        /// `/vnet/0`
        case network(Int)
        /// `/vnet/0/extended.json`
        case networkExtended(Int)
        /// `/.onegatefs`
        case about
        /// A file in `/.onegatefs`.
        case aboutFile(AboutFile)
        /// `/.revisions`, which is there for our own thread only.
        case revisions
        /// Something inside one of the server's resources, or an editor's scratch file beside it.
        case inner
    }

    let inode: Inode
    private(set) var name: FileName
    private(set) var parent: Node?
    let kind: Kind
    /// How often the kernel was told of it and has not forgotten.
    var lookups: UInt64 = 0
    /// How many known children refer to it.
    var children = 0

    /// The version whose bytes the kernel's page cache may hold.
    var cachedVersion: UInt64?
    /// How many opens read through the page cache now.
    var cachedOpens = 0
    /// The version whose readers through the page cache are waited for, and until when.
    var awaited: (version: UInt64, until: ContinuousClock.Instant)?
    /// What is to be done when they have closed the file.
    var waiters: [@Sendable () -> Void] = []
    /// The version that was last opened to be read.
    var openedVersion: UInt64?
    /// Whether somebody has waited for it with poll(2).
    var isPolled = false
    /// Whether our own thread is making an event of another size.
    var isTouched = false
    /// How many opens for writing may still change it: until then the kernel is told nothing that it could go on believing.
    var writers = 0
    /// The version whose size the kernel was last told.
    var toldVersion: UInt64?

    /// The names that the kernel's page cache may hold of this folder, as ``Names/signature``.
    var cachedNames: Int?
    /// Until when the kernel may use what the last listing told of the names.
    var listedUntil: ContinuousClock.Instant?
    /// How many opens read the folder through the page cache now.
    var cachedListings = 0

    /// Where the kernel opens alone: a folder that is being listed, and the versions of a file that the kernel knows.
    var listing: [Handle.Listing.Entry] = []
    var revisions: [Revision] = []

    /// Whether the kernel was told nothing of the file since it had, or will have, to forget it.
    var isForgotten = false
    /// How many times the kernel is about to be told to forget the size.
    var forgetting = 0
    /// The version for which the kernel was told to forget the ones before, as poll(2) tells of it only then; and the one for
    /// which that is about to be done.
    var forgottenVersion: UInt64?
    var forgettingVersion: UInt64?
    /// Until when it is not sure that the kernel keeps what it is told of the size.
    var doubtedUntil: ContinuousClock.Instant?

    /// Whether it is a folder, as far as it was told to the kernel.
    var isFolder = false
    /// Whether its name has another node now: something was renamed to it, or it is of the other kind, a file or a folder.
    var isRetired = false
    /// When the kernel last looked its name up, and when first since it was last dropped.
    var usedAt: ContinuousClock.Instant?
    var listedAt: ContinuousClock.Instant?
    /// Whether it is among the used ones.
    var isListed = false
    /// What it was found to be, in which epoch, and until when that may be used.
    var found: (item: Item, epoch: UInt64, until: ContinuousClock.Instant)?

    init(inode: Inode, name: FileName, parent: Node?, kind: Kind) {
        self.inode = inode
        self.name = name
        self.parent = parent
        self.kind = kind
        parent?.children += 1
    }

    /// Gives it another name.
    func move(to newName: FileName, in folder: Node) {
        parent?.children -= 1
        folder.children += 1
        (parent, name) = (folder, newName)
    }

    /// The names from the mount point down to this node.
    var names: [FileName] { parent.map { $0.names + [name] } ?? [] }

    /// How far below the mount point it is.
    var depth: Int { parent.map { $0.depth + 1 } ?? 0 }

    /// Whether a node is somewhere above this one.
    func isInside(_ folder: Node) -> Bool { parent.map { $0 === folder || $0.isInside(folder) } ?? false }

    /// The path below the mount point, for messages.
    var path: String {
        guard let parent else { return "/" }
        let above = parent.path
        return (above == "/" ? "" : above) + "/" + name.description
    }

    /// The names from the resource's own folder down to this node, and that folder's node.
    var resource: (node: Node, path: [FileName]) {
        var node = self
        var path: [FileName] = []
        while node.kind == .inner, let parent = node.parent {
            path.append(node.name)
            node = parent
        }
        return (node, path.reversed())
    }
}
