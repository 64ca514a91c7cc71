import FUSE

/// One difference between two trees of the same resource.
package struct TreeChange: Sendable {
    enum Kind: Sendable {
        case changed(File, File)
        /// A name came; nil when what it is has not been seen yet.
        case added(Item?)
        case removed(Item?)
    }

    /// The path below the mount point.
    let path: [FileName]
    let kind: Kind

    /// Whether there is another content: not, where it is only found out that a file cannot be written.
    var isNews: Bool {
        guard case .changed(let old, let new) = kind, case .bytes(let before) = old.content,
            case .bytes(let after) = new.content
        else { return true }
        return before != after
    }

    /// What changed from one tree to the next, in the order of the tree. A tree that was not known
    /// before changed nothing: nobody has seen it.
    ///
    /// A link that points elsewhere, and a name that changed its kind, go and come again.
    package static func between(_ before: Directory?, _ after: Directory, at path: [FileName]) -> [TreeChange]
    {
        guard let before, before !== after else { return [] }
        var changes: [TreeChange] = []
        for (name, item) in before.items where after[name] == nil {
            changes.append(TreeChange(path: path + [name], kind: .removed(item)))
        }
        for (name, item) in after.items {
            let path = path + [name]
            switch (before[name], item) {
            case (nil, _): changes.append(TreeChange(path: path, kind: .added(item)))
            case (.file(let old)?, .file(let new)):
                if old.version != new.version {
                    changes.append(TreeChange(path: path, kind: .changed(old, new)))
                }
            case (.directory(let old)?, .directory(let new)):
                changes += between(old, new, at: path)
            case (.link(let old)?, .link(let new)) where old.target == new.target: break
            case (let old?, _):
                changes.append(TreeChange(path: path, kind: .removed(old)))
                changes.append(TreeChange(path: path, kind: .added(item)))
            }
        }
        return changes
    }
}
