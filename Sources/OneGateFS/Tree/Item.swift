import FUSE
import OrderedCollections

/// One thing that a path can mean: a file, a directory or a symbolic link. Immutable; a change on the
/// server makes a new item, and what did not change is shared with the tree before.
public enum Item: Sendable {
    case file(File)
    case directory(Directory)
    case link(Link)

    /// When the thing was last seen to change.
    public var modified: Timestamp {
        switch self {
        case .file(let file): file.modified
        case .directory(let directory): directory.modified
        case .link(let link): link.modified
        }
    }
}

/// A symbolic link.
public struct Link: Sendable {
    /// Where it points, relative to the link's folder.
    public let target: String
    /// When it was first seen, or last seen to change.
    public let modified: Timestamp
}

/// A regular file: its bytes, which are a value and one newline, and what writing to it means.
public struct File: Sendable {
    /// What a file holds.
    public enum Content: Sendable {
        case bytes([UInt8])
        /// Made when it is first needed, because it is long and seldom read: the JSON twins.
        case deferred(DeferredText)
    }

    /// What writing to a file, or removing it, means.
    public enum Purpose: Sendable, Hashable {
        /// Nothing: it only shows.
        case shown
        /// A user template's attribute, or the key of a vector attribute: update, erase.
        case attribute
        /// `update`: KEY=VALUE lines.
        case update
        /// `control`: actions.
        case control
        /// A role's CARDINALITY: scaling.
        case cardinality
    }

    /// The bytes.
    public let content: Content
    /// What writing means.
    public let purpose: Purpose
    /// Permission bits before the mount's umask is applied.
    public let permissions: UInt16
    /// When the content was last seen to change.
    public let modified: Timestamp
    /// A number that no other content had in this mount's life: equal versions, equal bytes.
    public let version: UInt64

    /// The size in bytes.
    public var size: Int {
        switch content {
        case .bytes(let bytes): bytes.count
        case .deferred(let text): text.size
        }
    }

    /// The whole content.
    public var bytes: [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .deferred(let text): text.bytes
        }
    }

    /// The value: the content without its final newline.
    public var value: [UInt8] { bytes.last == 0x0A ? Array(bytes.dropLast()) : bytes }
}

/// A directory: items by name, in the server's order.
public final class Directory: Sendable {
    /// What can be made and removed inside.
    public enum Purpose: Sendable, Hashable {
        /// Nothing.
        case shown
        /// A USER_TEMPLATE: attributes and, with mkdir, vector attributes.
        case userTemplate
        /// A vector attribute: its keys.
        case vector
    }

    /// The items by file name.
    public let items: OrderedDictionary<FileName, Item>
    /// What can be done inside.
    public let purpose: Purpose
    /// When a name was last seen to come or go.
    public let modified: Timestamp

    init(items: OrderedDictionary<FileName, Item>, purpose: Purpose, modified: Timestamp) {
        self.items = items
        self.purpose = purpose
        self.modified = modified
    }

    /// The item of a name, or nil.
    public subscript(name: FileName) -> Item? { items[name] }

    /// The directory of a name, or nil.
    func directory(_ name: FileName) -> Directory? {
        if case .directory(let directory)? = items[name] { directory } else { nil }
    }

    /// The file of a name, or nil.
    func file(_ name: FileName) -> File? {
        if case .file(let file)? = items[name] { file } else { nil }
    }
}
