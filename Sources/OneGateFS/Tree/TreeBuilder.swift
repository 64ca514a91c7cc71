import FUSE
import OneGate
import OrderedCollections

/// When a snapshot was taken: what new and changed items are stamped with.
public struct Stamp: Sendable {
    /// Grows with every snapshot of a mount.
    public let version: UInt64
    /// The time of day.
    public let time: Timestamp

    package init(version: UInt64, time: Timestamp) {
        self.version = version
        self.time = time
    }
}

/// Builds a directory of a new tree from a snapshot, reusing every item of the tree before that has
/// not changed: its modification time, its version and its memory.
struct TreeBuilder {
    private let previous: Directory?
    private let purpose: Directory.Purpose
    let stamp: Stamp
    private var items: OrderedDictionary<FileName, Item> = [:]
    /// Whether an item is other than the one before.
    private var changed = false
    /// Whether names came or went.
    private var renamed = false

    init(previous: Directory?, stamp: Stamp, purpose: Directory.Purpose = .shown) {
        self.previous = previous
        self.stamp = stamp
        self.purpose = purpose
    }

    private mutating func put(_ name: FileName, _ item: Item, reused: Bool) {
        items[name] = item
        if !reused {
            changed = true
            if previous?[name] == nil { renamed = true }
        }
    }

    /// Adds a file with these bytes.
    mutating func file(
        _ name: FileName, bytes: [UInt8], purpose: File.Purpose = .shown, permissions: UInt16 = 0o444
    ) {
        let before = previous?.file(name)
        let isSame = if case .bytes(let old)? = before?.content { old == bytes } else { false }
        if let before, isSame, before.purpose == purpose, before.permissions == permissions {
            return put(name, .file(before), reused: true)
        }
        let modified = before.map { isSame ? $0.modified : stamp.time } ?? stamp.time
        let file = File(
            content: .bytes(bytes), purpose: purpose, permissions: permissions, modified: modified,
            version: stamp.version)
        put(name, .file(file), reused: false)
    }

    /// Adds a file with a value and its newline.
    mutating func value(
        _ name: FileName, _ value: String, purpose: File.Purpose = .shown, permissions: UInt16 = 0o444
    ) {
        file(name, bytes: Array(value.utf8) + [0x0A], purpose: purpose, permissions: permissions)
    }

    /// Adds a file whose long content is made on demand. `unchanged` says that the content before stays.
    mutating func deferred(_ name: FileName, unchanged: Bool, _ make: @escaping @Sendable () -> [UInt8]) {
        if unchanged, let before = previous?.file(name) { return put(name, .file(before), reused: true) }
        let file = File(
            content: .deferred(DeferredText(make)), purpose: .shown, permissions: 0o444, modified: stamp.time,
            version: stamp.version)
        put(name, .file(file), reused: false)
    }

    /// Adds a symbolic link.
    mutating func link(_ name: FileName, to target: String) {
        if case .link(let before)? = previous?[name], before.target == target {
            return put(name, .link(before), reused: true)
        }
        put(name, .link(Link(target: target, modified: stamp.time)), reused: false)
    }

    /// Adds a directory that `fill` fills.
    mutating func directory(
        _ name: FileName, purpose: Directory.Purpose = .shown, _ fill: (inout TreeBuilder) -> Void
    ) {
        let before = previous?.directory(name)
        var builder = TreeBuilder(previous: before, stamp: stamp, purpose: purpose)
        fill(&builder)
        let directory = builder.build()
        put(name, .directory(directory), reused: directory === before)
    }

    /// Adds what a JSON value means: objects and arrays are directories, scalars are files, an empty
    /// XML element (the server sends `{}`) is an empty value.
    mutating func json(_ name: FileName, _ json: JSON, containers: Set<String> = []) {
        switch json {
        case .object(let members) where members.isEmpty && !containers.contains(name.string ?? ""):
            value(name, "")
        case .object(let members):
            directory(name) { $0.members(members, containers: containers) }
        case .array(let elements):
            directory(name) { builder in
                for (index, element) in elements.enumerated() {
                    builder.json(Name.file(for: String(index)), element, containers: containers)
                }
            }
        case .null, .bool, .number, .string:
            value(name, json.scalar ?? "")
        }
    }

    /// Adds every member of an object.
    mutating func members(_ members: OrderedDictionary<String, JSON>, containers: Set<String> = []) {
        for (name, member) in members { json(Name.file(for: name), member, containers: containers) }
    }

    /// The directory: the one before, when nothing in it changed.
    func build() -> Directory {
        if let previous, !changed, previous.items.count == items.count, previous.purpose == purpose {
            return previous
        }
        let sameNames = previous.map { !renamed && $0.items.count == items.count } ?? false
        return Directory(
            items: items, purpose: purpose,
            modified: sameNames ? previous?.modified ?? stamp.time : stamp.time)
    }

    /// Adds an item that was built on another tree than the one before.
    private mutating func adopt(_ name: FileName, _ item: Item) {
        switch item {
        case .file(let file):
            if let before = previous?.file(name), before.purpose == file.purpose,
                before.permissions == file.permissions, case .bytes(let old) = before.content,
                case .bytes(let new) = file.content, old == new
            {
                return put(name, .file(before), reused: true)
            }
            put(name, item, reused: false)
        case .link(let link): self.link(name, to: link.target)
        case .directory(let directory):
            let before = previous?.directory(name)
            let shared = before.map { directory.sharing($0, stamp) } ?? directory
            put(name, .directory(shared), reused: shared === before)
        }
    }

    /// Adds items that were built on another tree; a text made on demand is the one before if all others are.
    fileprivate mutating func adopt(_ directory: Directory) {
        func isDeferred(_ item: Item) -> Bool {
            if case .file(let file) = item, case .deferred = file.content { true } else { false }
        }
        for (name, item) in directory.items {
            // For its place; what it is follows.
            if isDeferred(item) { items[name] = item } else { adopt(name, item) }
        }
        let unchanged = !changed && directory.items.count == previous?.items.count
        for (name, item) in directory.items where isDeferred(item) {
            if unchanged, let before = previous?.file(name) {
                put(name, .file(before), reused: true)
            } else {
                put(name, item, reused: false)
            }
        }
    }
}

extension Directory {
    /// This directory, with everything that is as it is in another one taken from there.
    ///
    /// Two answers that say the same may be taken in at once, each built on what was known before both.
    func sharing(_ other: Directory, _ stamp: Stamp) -> Directory {
        var builder = TreeBuilder(previous: other, stamp: stamp, purpose: purpose)
        builder.adopt(self)
        return builder.build()
    }
}
