import FUSE

/// What is known of the service and the router, as far as it decides which request tells what.
struct SourceKnowledge: Equatable {
    private let own: Int
    /// Whether this VM is in a service, or may be.
    private let inService: Bool
    /// The VMs that come with an answer about the service; nil when it has not been asked for.
    private let members: Set<Int>?
    /// Whether this VM is in a router, or may be.
    private let inRouter: Bool

    init(_ cache: Cache) {
        own = cache.own
        switch cache.service.knowledge {
        case .present(let service):
            inService = true
            members = service.complete ? service.members : []
        case .absent, .unknown:
            // This VM tells whether there is one.
            inService = cache.machines[own]?.value.map(Cache.namesService) ?? false
            members = if case .absent = cache.service.knowledge, !inService { [] } else { nil }
        }
        inRouter = if case .absent = cache.router.knowledge { false } else { true }
    }

    /// Which requests tell whether something that a node shows has changed.
    func sources(of node: Node) -> [Source] {
        let resource = node.resource.node
        switch resource.kind {
        case .machine(let id):
            if id == own { return [.own] }
            if members?.contains(id) ?? inService { return [.service] }
            return [.machine(id)]
        case .service: return [.service]
        case .router, .networks: return [.router]
        case .network(let id): return [.network(id)]
        case .networkExtended(let id): return [.networkExtended(id)]
        case .root, .machines, .aboutFile(.events):
            return [.own] + (inService ? [.service] : []) + (inRouter ? [.router] : [])
        case .ownLink, .about, .aboutFile, .revisions, .inner: return []
        }
    }
}

extension Source: PollSource {
    /// What is asked for: the cost of a request depends on it.
    package enum Kind: Hashable, Sendable {
        case own, service, router, machine, network, networkExtended, settled
    }

    package var kind: Kind {
        switch self {
        case .own: .own
        case .service: .service
        case .router: .router
        case .machine: .machine
        case .network: .network
        case .networkExtended: .networkExtended
        case .settled, .serviceText: .settled
        }
    }
}
