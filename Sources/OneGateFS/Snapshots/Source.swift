/// What the server is asked for: each case is one request, whose answer many files come from.
enum Source: Hashable, Sendable {
    /// `GET /vm`: this VM.
    case own
    /// `GET /service?extended=true`: the service and all its VMs.
    case service
    /// `GET /vrouter`: the virtual router and which VMs it has.
    case router
    /// `GET /vms/ID`: one VM of the service, where `extended` fails, or of the router.
    case machine(Int)
    /// `GET /vnet/ID`: a virtual network.
    case network(Int)
    /// `GET /vnet/ID?extended=true`: a virtual network with its VMs' data in its leases.
    case networkExtended(Int)
    /// No request: our own changes of a VM that are on their way. Known when they are done.
    case settled(Int)
    /// No request: the text of the service's `extended.json`, which takes a while to make of a thousand VMs.
    case serviceText

    /// The first part of the request's path, as metrics name it; nil if there is no request.
    var requestKind: String? {
        switch self {
        case .own: "vm"
        case .service: "service"
        case .router: "vrouter"
        case .machine: "vms"
        case .network, .networkExtended: "vnet"
        case .settled, .serviceText: nil
        }
    }
}
