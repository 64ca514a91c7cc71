import OrderedCollections

/// A VM as OneGate shows it.
///
/// The same VM has the same value whether it came from `/vm`, `/vms/ID` or the extended answer of `/service`.
public struct VirtualMachine: Sendable, Hashable {
    /// The whole answer, `{"VM":{...}}`, as `/vms/ID` gives it.
    public let json: JSON
    /// The VM's ID.
    public let id: Int
    /// The VM's name.
    public let name: String
    /// The number of the VM's state, nil if the server shows none.
    public let state: Int?
    /// The number of the state inside ACTIVE, nil if the server shows none.
    public let lcmState: Int?
    /// What the VM and its owner say about it; a repeated attribute is an array, a vector attribute an object.
    public let userTemplate: OrderedDictionary<String, JSON>
    /// `NIC` and `NIC_ALIAS`, each an array of objects.
    public let template: OrderedDictionary<String, JSON>

    /// A VM from an answer of `/vm` or `/vms/ID`.
    ///
    /// - Throws: `OneGateError` of kind `unexpected` when the answer does not show a VM.
    public init(answer: JSON) throws(OneGateError) {
        guard let members = answer["VM"]?.members else { throw .wrongShape("the answer shows no VM") }
        guard let id = members["ID"]?.integer, id >= 0 else { throw .wrongShape("the VM has no ID") }
        guard let name = (members["NAME"] ?? .null).textContent else {
            throw .wrongShape("the VM has no name")
        }
        guard let userTemplate = (members["USER_TEMPLATE"] ?? .emptyObject).membersOfElement,
            let template = (members["TEMPLATE"] ?? .emptyObject).membersOfElement
        else { throw .wrongShape("a template of the VM is no object") }
        self.json = answer
        self.id = id
        self.name = name
        self.state = members["STATE"]?.integer
        self.lcmState = members["LCM_STATE"]?.integer
        self.userTemplate = userTemplate
        self.template = template
    }

    /// A VM from a `vm_info` of the extended answer of `/service`, `{"VM":{...}}`.
    ///
    /// That is the whole VM as the core knows it, and is reduced to what `/vms/ID` shows of it.
    ///
    /// - Throws: `OneGateError` of kind `unexpected` when it does not show a VM.
    public init(extended vmInfo: JSON) throws(OneGateError) {
        guard let whole = vmInfo["VM"]?.members else {
            throw .wrongShape("the service shows a node without a VM")
        }
        guard var userTemplate = (whole["USER_TEMPLATE"] ?? .emptyObject).membersOfElement else {
            throw .wrongShape("a template of the VM is no object")
        }
        userTemplate.removeValue(forKey: "SCHED_MESSAGE")
        let monitoring = whole["MONITORING"]?.members ?? [:]
        var nics = VirtualMachine.shownNICs(whole["TEMPLATE"]?["NIC"])
        for attribute in VirtualMachine.externalIPAttributes {
            if let address = monitoring[attribute] { nics.append(.object(["IP": address])) }
        }
        try self.init(
            answer: .object([
                "VM": .object([
                    "NAME": whole["NAME"] ?? .null,
                    "ID": whole["ID"] ?? .null,
                    "STATE": whole["STATE"] ?? .null,
                    "LCM_STATE": whole["LCM_STATE"] ?? .null,
                    "USER_TEMPLATE": .object(userTemplate),
                    "TEMPLATE": .object([
                        "NIC": .array(nics),
                        "NIC_ALIAS": .array(VirtualMachine.shownNICs(whole["TEMPLATE"]?["NIC_ALIAS"])),
                    ]),
                ])
            ]))
    }

    /// What the server shows of a NIC, in the order in which the core has it (onegate-server.rb).
    private static let shownNICKeys: Set<String> = [
        "IP", "IP6_LINK", "IP6_SITE", "IP6_GLOBAL", "NETWORK", "MAC", "NAME", "PARENT", "EXTERNAL",
        "EXTERNAL_IP",
    ]

    /// Addresses that monitoring found; the server shows each as one more NIC (virtual_machine.rb).
    private static let externalIPAttributes = [
        "GUEST_IP", "AWS_IP_ADDRESS", "AWS_PUBLIC_IP_ADDRESS", "AWS_PRIVATE_IP_ADDRESS", "AZ_IPADDRESS",
        "SL_PRIMARYIPADDRESS",
    ]

    /// The core has no NIC, one NIC as an object, or an array of them.
    private static func shownNICs(_ element: JSON?) -> [JSON] {
        let nics: [JSON] =
            switch element {
            case .array(let elements)?: elements
            case .object?: element.map { [$0] } ?? []
            default: []
            }
        return nics.compactMap { nic in
            nic.members.map { .object($0.filter { shownNICKeys.contains($0.key) }) }
        }
    }

    /// The ID of the service that the VM says it belongs to, nil for none.
    ///
    /// It is a text that anyone may have set; the server concatenates what a repeated attribute has.
    public var serviceID: String? {
        guard let text = userTemplate["SERVICE_ID"]?.textContent, !text.isEmpty else { return nil }
        return text
    }

    /// The state as `onegate vm show` prints it: inside ACTIVE the name of the LCM state, else that of the VM
    /// state; the number where a number has no name, and an empty text if the server shows no state.
    public var stateName: String {
        guard let state else { return "" }
        let name = StateNames.name(of: state, in: StateNames.virtualMachine)
        return name == "ACTIVE" && lcmState != nil ? lcmStateName : name
    }

    /// The name of the LCM state, the number where it has no name, an empty text if the server shows none.
    public var lcmStateName: String {
        lcmState.map { StateNames.name(of: $0, in: StateNames.lifeCycle) } ?? ""
    }
}

extension JSON {
    /// The text in a value, at whatever depth, as an XML element's text content: an empty element, which the
    /// server sends as `{}`, is an empty text.
    var textContent: String? {
        switch self {
        case .object(let members): members.values.compactMap(\.textContent).joined()
        case .array(let elements): elements.compactMap(\.textContent).joined()
        default: scalar
        }
    }

    /// The members of an element; an empty one may also be an empty text or null.
    var membersOfElement: OrderedDictionary<String, JSON>? {
        switch self {
        case .object(let members): members
        case .null: [:]
        case .string(let text) where text.isEmpty: [:]
        default: nil
        }
    }
}
