import FUSE
import OneGate

/// A service as a directory: what is below `/service`.
enum ServiceTree {
    /// The file that shows the service with all its VMs.
    static let extended: FileName = "extended.json"

    /// Builds the directory of a service. `body` is the `extended` answer as the server sent it, or
    /// nil when the server could not give it.
    static func build(_ service: Service, body: [UInt8]?, previous: Directory?, stamp: Stamp) -> Directory {
        var builder = TreeBuilder(previous: previous, stamp: stamp)
        builder.value("ID", service.id)
        builder.value("NAME", service.name)
        builder.value("STATE", service.stateName)
        builder.directory("roles") { roles in
            for role in service.roles {
                roles.directory(Name.file(for: role.name)) { self.role(role, in: &$0) }
            }
        }
        builder.file("control", bytes: ControlText.service, purpose: .control, permissions: 0o644)
        let summary = service.summary
        builder.file("service.json", bytes: Array((summary.prettyPrinted + "\n").utf8))
        if let body {
            builder.deferred(extended, unchanged: false) { JSONText.prettyPrinted(body) }
        }
        return builder.build()
    }

    private static func role(_ role: Role, in builder: inout TreeBuilder) {
        builder.value("NAME", role.name)
        builder.value("STATE", role.stateName)
        builder.value(
            "CARDINALITY", role.cardinality.map(String.init) ?? "", purpose: .cardinality, permissions: 0o644)
        builder.directory("vm") { machines in
            for member in role.members {
                machines.link(Name.file(for: String(member.vmID)), to: "../../../../vm/\(member.vmID)")
            }
        }
        builder.file("control", bytes: ControlText.role, purpose: .control, permissions: 0o644)
    }
}
