import FUSE

/// Where a value is stored: an attribute of a VM, or a key of one of its vector attributes.
struct AttributePlace: Hashable, Sendable {
    let machine: Int
    let name: String
    /// The key, in a vector attribute.
    let key: String?

    /// The name that erasing takes: `NAME` or `NAME/KEY`.
    var erasable: String { key.map { "\(name)/\($0)" } ?? name }

    /// The file below the VM's folder.
    var path: [FileName] {
        [VirtualMachineTree.userTemplate, Name.file(for: name)] + (key.map { [Name.file(for: $0)] } ?? [])
    }

    /// The file in a VM's tree, or nil.
    func file(in tree: Directory?) -> File? {
        guard let template = tree?.directory(VirtualMachineTree.userTemplate) else { return nil }
        if let key { return vector(in: tree)?.file(Name.file(for: key)) }
        return template.file(Name.file(for: name))
    }

    /// The attribute in a VM's tree as a folder, or nil.
    func vector(in tree: Directory?) -> Directory? {
        tree?.directory(VirtualMachineTree.userTemplate)?.directory(Name.file(for: name))
    }
}

extension AttributePlace {
    /// The place of a path below a VM's folder: `USER_TEMPLATE/NAME` or `USER_TEMPLATE/NAME/KEY`.
    init?(machine: Int, path: [FileName]) {
        guard path.count == 2 || path.count == 3, path[0] == VirtualMachineTree.userTemplate,
            let name = path[1].string, Name.file(for: name) == path[1]
        else { return nil }
        var key: String?
        if path.count == 3 {
            guard let text = path[2].string, Name.file(for: text) == path[2] else { return nil }
            key = text
        }
        self.init(machine: machine, name: name, key: key)
    }
}
