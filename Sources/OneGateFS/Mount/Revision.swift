import FUSE

/// One version of a file's content as an inode of its own, where the kernel opens alone.
///
/// An open says nothing of itself there, and the page cache and the size belong to the inode. So an inode has one content
/// for good: whoever has it open reads that, and who opens the name later gets another inode. The number that stat(2)
/// shows is the path's, as everywhere.
///
/// Like nodes, revisions are touched only under the mount's lock.
final class Revision {
    /// How the kernel calls it.
    let inode: Inode
    let node: Node
    /// The content. Another one only where somebody waits in poll(2) for it, to read it through the same open.
    var file: File
    /// Keeps a text that was made on demand while it is read.
    var text: DeferredText.Text?
    /// How often the kernel was told of it and has not forgotten.
    var lookups: UInt64 = 0
    /// Which version poll(2) told a thread of, and who waits there.
    var polled: [Int32: UInt64] = [:]
    var pollers: [PollHandle] = []

    /// For how many threads at a time it is known what poll(2) told them, and how many waits are known.
    static let polledLimit = 256

    init(inode: Inode, node: Node, file: File) {
        self.inode = inode
        self.node = node
        self.file = file
    }

    /// The name by which our own thread finds it.
    var name: FileName { FileName(String(inode.rawValue)) }
}

/// The revisions that the kernel knows.
struct Revisions {
    /// The folder in which our own thread finds them, whatever has their name now.
    static let folder: FileName = ".revisions"

    private var known: [Inode: Revision] = [:]
    /// Paths have numbers that are far above (`InodeNumber`).
    private var last = Inode.root.rawValue

    subscript(inode: Inode) -> Revision? { known[inode] }

    /// The revision that a version of a node's file is, made if need be.
    mutating func revision(of file: File, _ node: Node) -> Revision {
        if let revision = node.revisions.last(where: { $0.file.version == file.version }) { return revision }
        last += 1
        let revision = Revision(inode: Inode(rawValue: last), node: node, file: file)
        node.revisions.append(revision)
        known[revision.inode] = revision
        return revision
    }

    /// Takes back lookups of a revision, if it is one.
    mutating func forget(_ inode: Inode, count: UInt64) {
        guard let revision = known[inode] else { return }
        revision.lookups -= min(count, revision.lookups)
        guard revision.lookups == 0 else { return }
        known[inode] = nil
        revision.node.revisions.removeAll { $0 === revision }
    }
}

extension OneGateFileSystem {
    /// Whether each version of a file has an inode of its own: where the kernel opens alone, but for the logs about the
    /// mount, which only grow.
    func isFixed(_ node: Node) -> Bool {
        guard opensAreLeft else { return false }
        return node.kind != .aboutFile(.errors) && node.kind != .aboutFile(.events)
    }

    /// An entry of a revision. What it is does not change; whether it still has the name does.
    func entry(_ revision: Revision, until: ContinuousClock.Instant?, _ query: Cache.Query) -> Entry {
        let (attributes, timeout) = attributes(
            of: .file(revision.file), inode: revision.node.inode, timeout: timeout(until: nil, query), query)
        return Entry(
            inode: revision.inode, attributes: attributes, entryTimeout: self.timeout(until: until, query),
            attributeTimeout: timeout)
    }

    /// What is read of a file that was not opened.
    func unopened(_ inode: Inode, until end: Int, _ state: inout MountState) -> [UInt8]? {
        if let revision = state.revisions[inode] {
            guard case .deferred(let deferred) = revision.file.content else { return revision.file.bytes }
            let text = revision.text ?? deferred.text
            // It is kept until its end has been read.
            revision.text = end < text.bytes.count ? text : nil
            return text.bytes
        }
        guard case .aboutFile(let file)? = state.inodes[inode]?.kind else { return nil }
        return about(file, &state).bytes
    }

    // MARK: Events

    /// Events of those who hold older revisions of a file: they hold other inodes than the one that has the name now.
    func touchRevisions(of inode: Inode, _ mount: OwnMount) {
        let (older, pollers) = state.withLock { state in
            let (node, current) = known(inode, &state)
            var pollers: [PollHandle] = []
            for revision in node?.revisions ?? [] where !revision.polled.isEmpty {
                if let current {
                    revision.file = current
                    revision.text = nil
                }
                pollers += revision.pollers
                revision.pollers = []
            }
            let older = (node?.revisions ?? []).filter {
                $0.file.version != current?.version || !$0.polled.isEmpty
            }
            return (older.map { (name: $0.name, inode: $0.inode, size: $0.file.size) }, pollers)
        }
        guard !older.isEmpty else { return }
        let inodes = older.map(\.inode)
        invalidator.performAndWait { session in
            for inode in inodes { _ = session.invalidate(inode: inode) }
        }
        for revision in older { mount.touch([Revisions.folder, revision.name], size: revision.size) }
        wake(pollers)
        forgetNames(older.map(\.name))
    }

    /// A file goes: who holds an older revision of it is told, too.
    func removeRevisions(of inode: Inode, _ item: Item, _ mount: OwnMount) {
        guard case .file(let file) = item else { return }
        let older = state.withLock { state in
            (state.inodes[inode]?.revisions ?? []).filter { $0.file.version != file.version }.map(\.name)
        }
        for name in older { mount.remove([Revisions.folder, name], item) }
        forgetNames(older)
    }

    private func known(_ inode: Inode, _ state: inout MountState) -> (node: Node?, current: File?) {
        guard let node = state.inodes[inode] else { return (nil, nil) }
        guard case .known(.file(let file), _) = resolve(node, &state, .ours) else { return (node, nil) }
        return (node, file)
    }

    /// The kernel may not hold a revision only because our own thread used that name of it.
    private func forgetNames(_ names: [FileName]) {
        guard !names.isEmpty,
            let folder = state.withLock({ $0.inodes.child(Revisions.folder, of: $0.inodes.root)?.inode })
        else { return }
        invalidator.performAndWait { session in
            for name in names { _ = session.invalidateEntry(parent: folder, name: name) }
        }
    }

    /// The entry of a revision by the name that our own thread uses.
    func revision(_ parent: Inode, _ name: FileName) -> Entry? {
        state.withLock { state in
            guard state.inodes[parent]?.kind == .revisions, let number = Name.identifier(name),
                let revision = state.revisions[Inode(rawValue: UInt64(number))]
            else { return nil }
            revision.lookups += 1
            revision.node.lookups += 1
            return entry(revision, until: .now, .ours)
        }
    }
}
