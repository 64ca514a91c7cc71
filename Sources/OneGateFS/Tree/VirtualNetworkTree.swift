import FUSE
import OneGate

/// A virtual network as a directory: what is below `/vnet/0`, but for `extended.json`, which has a
/// request of its own.
enum VirtualNetworkTree {
    static func build(_ network: VirtualNetwork, previous: Directory?, stamp: Stamp) -> Directory {
        var builder = TreeBuilder(previous: previous, stamp: stamp)
        builder.members(network.json["VNET"]?.members ?? [:], containers: NetworkContainers.names)
        builder.file("vnet.json", bytes: Array((network.json.prettyPrinted + "\n").utf8))
        return builder.build()
    }
}
