/// What can be read from OneGate.
public enum Resource: Sendable, Hashable {
    /// The VM that asks; the cheapest request.
    case vm
    /// A VM of the same service or virtual router, or the asking one. Another one costs the server as much as the
    /// whole service.
    case vms(Int)
    /// The service; extended, the whole of all its VMs.
    case service(extended: Bool)
    /// The virtual router.
    case vrouter
    /// A virtual network of the virtual router; extended, with what is known of its leases.
    case vnet(Int, extended: Bool)

    /// Where it is below the endpoint.
    public var path: String {
        switch self {
        case .vm: "/vm"
        case .vms(let id): "/vms/\(id)"
        case .service(let extended): "/service" + (extended ? "?extended=true" : "")
        case .vrouter: "/vrouter"
        case .vnet(let id, let extended): "/vnet/\(id)" + (extended ? "?extended=true" : "")
        }
    }

    /// The first part of the path: `vm`, `vms`, `service`, `vrouter` or `vnet`.
    public var kind: String {
        switch self {
        case .vm: "vm"
        case .vms: "vms"
        case .service: "service"
        case .vrouter: "vrouter"
        case .vnet: "vnet"
        }
    }
}

/// What became of one HTTP request, for metrics.
public struct RequestReport: Sendable, Hashable {
    /// `GET`, `PUT` or `POST`.
    public let method: String
    /// `vm`, `vms`, `service`, `vrouter` or `vnet` for what is read or changed, `action` and `scale` for those.
    public let kind: String
    /// The answer's status, nil if there was none.
    public let status: Int?
    /// The kind of error that the answer or its absence is, nil for a success. A whole answer that turns out
    /// to be no JSON is not known yet when this is reported.
    public let error: OneGateError.Kind?
    /// How long it took.
    public let duration: Duration
    /// The size of the answer's body in bytes.
    public let bytes: Int
}
