/// A virtual router as OneGate shows it to its VMs.
public struct VirtualRouter: Sendable, Hashable {
    /// The whole answer, `{"VROUTER":{...}}`.
    public let json: JSON
    /// The router's ID, a text of digits.
    public let id: String
    /// The router's name.
    public let name: String
    /// The VMs that are the router. The server sends a text for one and numbers for several.
    public let vmIDs: [Int]
    /// The networks that the router's NICs are in, each once, in the NICs' order; nil if the NICs do not show it.
    public let networkIDs: [Int]?

    /// A virtual router from an answer of `/vrouter`.
    ///
    /// - Throws: `OneGateError` of kind `unexpected` when the answer does not show a virtual router.
    public init(answer: JSON) throws(OneGateError) {
        guard let members = answer["VROUTER"]?.members else {
            throw .wrongShape("the answer shows no virtual router")
        }
        guard let id = members["ID"]?.scalar, !id.isEmpty else {
            throw .wrongShape("the virtual router has no ID")
        }
        guard let name = members["NAME"]?.scalar else { throw .wrongShape("the virtual router has no name") }
        self.json = answer
        self.id = id
        self.name = name
        self.vmIDs = VirtualRouter.list(members["VMS"]?["ID"]).compactMap(\.integer).filter { $0 >= 0 }
        guard let nics = members["TEMPLATE"]?["NIC"] else {
            self.networkIDs = nil
            return
        }
        let nicList = VirtualRouter.list(nics)
        var networks: [Int] = []
        for network in nicList.compactMap({ $0["NETWORK_ID"]?.integer }) where !networks.contains(network) {
            networks.append(network)
        }
        self.networkIDs = networks.isEmpty && !nicList.isEmpty ? nil : networks
    }

    private static func list(_ value: JSON?) -> [JSON] {
        switch value {
        case .array(let elements)?: elements
        case .object(let members)? where members.isEmpty: []
        case let value?: [value]
        case nil: []
        }
    }
}
