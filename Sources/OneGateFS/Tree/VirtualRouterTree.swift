import FUSE
import OneGate

/// A virtual router as a directory: what is below `/vrouter`.
enum VirtualRouterTree {
    static func build(_ router: VirtualRouter, previous: Directory?, stamp: Stamp) -> Directory {
        var builder = TreeBuilder(previous: previous, stamp: stamp)
        builder.value("ID", router.id)
        builder.value("NAME", router.name)
        builder.directory("vm") { machines in
            for id in router.vmIDs { machines.link(Name.file(for: String(id)), to: "../../vm/\(id)") }
        }
        let shown: Set<String> = ["ID", "NAME", "VMS"]
        for (name, value) in router.json["VROUTER"]?.members ?? [:] where !shown.contains(name) {
            builder.json(Name.file(for: name), value, containers: NetworkContainers.names)
        }
        builder.file("vrouter.json", bytes: Array((router.json.prettyPrinted + "\n").utf8))
        return builder.build()
    }
}

/// Elements of routers and networks that are containers, also when they are empty and the server
/// sends the `{}` of an empty element for them.
enum NetworkContainers {
    static let names: Set<String> = [
        "TEMPLATE", "AR_POOL", "AR", "LEASES", "LEASE", "VROUTERS", "VMS", "NIC",
    ]
}
