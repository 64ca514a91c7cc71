import FUSE

/// What is shown in a folder although the server does not have it: an editor's scratch file, an
/// attribute that was created and not yet stored, a vector attribute without keys.
struct Overlay {
    enum Content {
        /// An editor's scratch file, in memory.
        case scratch(bytes: [UInt8])
        /// A file that an open made and that has no value yet.
        case created(handle: UInt64)
        /// A vector attribute without keys: the server cannot store one.
        case vector
    }

    let parent: Inode
    let name: FileName
    var content: Content
    var modified: Timestamp
    var version: UInt64

    /// The item that is shown.
    var item: Item {
        switch content {
        case .scratch(let bytes):
            .file(
                File(
                    content: .bytes(bytes), purpose: .shown, permissions: 0o644, modified: modified,
                    version: version))
        case .created:
            .file(
                File(
                    content: .bytes([]), purpose: .attribute, permissions: 0o644, modified: modified,
                    version: version))
        case .vector:
            .directory(Directory(items: [:], purpose: .vector, modified: modified))
        }
    }

    /// Whether it is an editor's scratch file.
    var isScratch: Bool { if case .scratch = content { true } else { false } }
}
