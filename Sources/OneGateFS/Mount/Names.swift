import FUSE

/// The names in a folder, and what kind each is.
struct Names {
    /// The folder of the server's data, if it is one.
    var directory: Directory?
    /// Names that do not come from there.
    var others: [(name: FileName, kind: FileKind)] = []
    /// Whether they may be something else with the next open, with no word from the server.
    var arePassing = false

    /// Calls with each name, in the order in which they are listed.
    func forEach(_ body: (FileName, FileKind) -> Void) {
        if let directory {
            for (name, item) in directory.items { body(name, item.kind) }
        }
        for (name, kind) in others { body(name, kind) }
    }

    /// How many there are.
    var count: Int { (directory?.items.count ?? 0) + others.count }

    /// A number that no other names and kinds have; two that do are as likely as a wrong bit in memory.
    var signature: Int {
        var hasher = Hasher()
        forEach { name, kind in
            hasher.combine(name)
            hasher.combine(kind)
        }
        return hasher.finalize()
    }
}

extension Item {
    /// The kind that a listing shows.
    var kind: FileKind {
        switch self {
        case .file: .regular
        case .directory: .directory
        case .link: .symbolicLink
        }
    }
}
