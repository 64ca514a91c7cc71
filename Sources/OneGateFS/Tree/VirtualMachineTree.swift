import FUSE
import OneGate

/// A VM as a directory: what is below `/vm/8`.
package enum VirtualMachineTree {
    /// The folder of the attributes.
    static let userTemplate: FileName = "USER_TEMPLATE"

    /// Attributes that onegate-server.conf restricts by default: shown read-only. A server that allows
    /// more takes the write all the same, and one that restricts more refuses it.
    static let restrictedByDefault: Set<String> = ["SCHED_REQUIREMENTS", "SERVICE_ID", "ROLE_NAME"]

    /// Builds the directory of a VM, reusing what did not change since `previous`.
    package static func build(
        _ machine: VirtualMachine, previous: Directory?, stamp: Stamp, restricted: Set<String>
    ) -> Directory {
        let twin = Array((machine.json.prettyPrinted + "\n").utf8)
        if let previous, let file = previous.file("vm.json"), case .bytes(let before) = file.content,
            before == twin,
            restrictedNames(previous, restricted: restricted)
        {
            return previous
        }
        var builder = TreeBuilder(previous: previous, stamp: stamp)
        builder.value("ID", String(machine.id))
        builder.value("NAME", machine.name)
        builder.value("STATE", machine.stateName)
        builder.value("LCM_STATE", machine.lcmStateName)
        builder.value("IP", addresses(machine).joined(separator: "\n"))
        builder.directory(userTemplate, purpose: .userTemplate) { template in
            for (name, value) in machine.userTemplate {
                let permissions: UInt16 = restricted.contains(name) ? 0o444 : 0o644
                attribute(Name.file(for: name), value, permissions: permissions, in: &template)
            }
        }
        builder.directory("TEMPLATE") { $0.members(machine.template) }
        builder.file("vm.json", bytes: twin)
        builder.file("update", bytes: [], purpose: .update, permissions: 0o200)
        builder.file("control", bytes: ControlText.virtualMachine, purpose: .control, permissions: 0o644)
        return builder.build()
    }

    /// Whether the modes that a tree shows agree with what is known to be restricted.
    private static func restrictedNames(_ tree: Directory, restricted: Set<String>) -> Bool {
        guard let template = tree.directory(userTemplate) else { return false }
        return template.items.allSatisfy { name, item in
            guard case .file(let file) = item else { return true }
            return (file.permissions == 0o444) == restricted.contains(name.string ?? "")
        }
    }

    private static func attribute(
        _ name: FileName, _ value: JSON, permissions: UInt16, in builder: inout TreeBuilder
    ) {
        switch value {
        case .object(let members) where !members.isEmpty:
            builder.directory(name, purpose: .vector) { vector in
                for (key, value) in members {
                    attribute(Name.file(for: key), value, permissions: permissions, in: &vector)
                }
            }
        case .array(let elements):
            // A repeated attribute: the server replaces all of them or none, so they are only shown.
            builder.directory(name) { list in
                for (index, element) in elements.enumerated() {
                    list.json(Name.file(for: String(index)), element)
                }
            }
        default:
            builder.value(name, value.scalar ?? "", purpose: .attribute, permissions: permissions)
        }
    }

    /// The IPs of the NICs, in their order, as `onegate vm show` prints them.
    private static func addresses(_ machine: VirtualMachine) -> [String] {
        let nics: [JSON] =
            switch machine.template["NIC"] {
            case .array(let elements)?: elements
            case .object(let members)?: [.object(members)]
            default: []
            }
        return nics.compactMap { $0["IP"]?.scalar }.filter { !$0.isEmpty }
    }
}
