/// A virtual network as OneGate shows it to a virtual router's VMs.
public struct VirtualNetwork: Sendable, Hashable {
    /// The whole answer, `{"VNET":{...}}`.
    public let json: JSON
    /// The network's ID.
    public let id: Int
    /// The network's name.
    public let name: String

    /// A virtual network from an answer of `/vnet/ID`, extended or not.
    ///
    /// - Throws: `OneGateError` of kind `unexpected` when the answer does not show a virtual network.
    public init(answer: JSON) throws(OneGateError) {
        guard let members = answer["VNET"]?.members else {
            throw .wrongShape("the answer shows no virtual network")
        }
        guard let id = members["ID"]?.integer, id >= 0 else {
            throw .wrongShape("the virtual network has no ID")
        }
        guard let name = members["NAME"]?.scalar else { throw .wrongShape("the virtual network has no name") }
        self.json = answer
        self.id = id
        self.name = name
    }
}
