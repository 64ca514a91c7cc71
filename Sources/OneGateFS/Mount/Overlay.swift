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

extension MountState {
    /// Sets the content of a scratch file.
    mutating func setScratch(_ inode: Inode, _ bytes: [UInt8]) {
        guard var overlay = overlays[inode] else { return }
        overlay.content = .scratch(bytes: bytes)
        overlay.modified = Clock.now
        overlay.version = newVersion()
        overlays[inode] = overlay
    }

    /// Shows something in a folder that the server does not have.
    mutating func addOverlay(_ node: Node, _ content: Overlay.Content) {
        guard let parent = node.parent else { return }
        overlays[node.inode] = Overlay(
            parent: parent.inode, name: node.name, content: content, modified: Clock.now,
            version: newVersion())
    }

    /// What is shown besides what the server has goes with its name to another inode.
    mutating func moveOverlay(from before: Inode, to inode: Inode) {
        epoch &+= 1
        inodes.prune { overlays[$0] != nil }
        // Only what is stored can be renamed, and then the new name is stored: whoever made one of them as a file shows nothing of
        // his own any more.
        if case .created? = overlays[inode]?.content { overlays[inode] = nil }
        guard before != inode, let overlay = overlays[before] else { return }
        overlays[before] = nil
        if case .created = overlay.content { return }
        overlays[inode] = overlay
    }

    /// What the server has of the vector attributes that were begun here is no longer shown by us: once it is
    /// erased again, it is gone.
    ///
    /// - Parameters:
    ///   - tree: a VM as the server has it.
    ///   - folder: the VM's path.
    mutating func endBegunVectors(in tree: Directory, at folder: [FileName]) {
        let begun = overlays.filter { if case .vector = $0.value.content { true } else { false } }
        guard !begun.isEmpty, let template = tree.directory(VirtualMachineTree.userTemplate) else { return }
        let parent = inodes.number(folder + [VirtualMachineTree.userTemplate])
        for (inode, overlay) in begun where overlay.parent == parent && template[overlay.name] != nil {
            overlays[inode] = nil
        }
    }

    /// The server has now what was only shown here: an attribute, and the vector that it is a key of.
    ///
    /// - Parameters:
    ///   - place: the attribute's.
    ///   - folder: its VM's path.
    mutating func stored(_ place: AttributePlace, of folder: [FileName]) {
        let inode = inodes.number(folder + place.path)
        if let overlay = overlays[inode], !overlay.isScratch { overlays[inode] = nil }
        guard place.key != nil else { return }
        let vector = inodes.number(folder + place.path.dropLast())
        if case .vector? = overlays[vector]?.content { overlays[vector] = nil }
    }
}
