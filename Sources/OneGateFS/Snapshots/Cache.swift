import FUSE
import OneGate

/// How old what is shown may be.
public struct Freshness: Sendable {
    /// For this VM and for routers and networks (`ttl`).
    public var ttl: Duration = .seconds(1)
    /// For the service and its other VMs (`peer_ttl`).
    public var peerTTL: Duration = .seconds(5)
    /// While the server cannot be reached (`stale`).
    public var stale: Duration = .zero

    /// The contract's defaults.
    public init() {}
}

/// Everything that is known of the server, and what it means for what is asked now. Pure: what it
/// cannot answer it says as the source to ask, and whoever holds the cache asks.
struct Cache {
    /// What is known of the service.
    struct ServiceSnapshot {
        let directory: Directory
        let members: Set<Int>
        /// Whether the VMs came with it (`extended`), or each has to be asked for.
        let complete: Bool
        /// The answer as it was sent, to tell at once that nothing changed.
        let body: [UInt8]
    }

    /// What is known of the virtual router.
    struct RouterSnapshot {
        let directory: Directory
        let machines: [Int]
        let networks: [Int]
    }

    /// One question: when it came, and what has been tried for it in vain.
    struct Query: Sendable {
        let arrival: ContinuousClock.Instant
        var failures: [Source: Failure] = [:]
        /// What is older than this is too old, whatever its age.
        var notBefore: ContinuousClock.Instant?
        /// Whether our own thread asks, while it makes events: any age will do, and nothing is asked for.
        var isOurs = false

        /// A question of our own thread.
        static var ours: Query {
            var query = Query(arrival: .now)
            query.isOurs = true
            return query
        }
    }

    /// An answer, or what is missing for it.
    enum Answer<Value> {
        /// It is so; the kernel may take it as true until then (nil: for ever).
        case known(Value, until: ContinuousClock.Instant?)
        case absent
        case needs(Source)
        case failed(Failure)
    }

    let own: Int
    let freshness: Freshness
    private(set) var machines: [Int: Slot<Directory>] = [:]
    /// When we last changed a VM: what shows all of them has to be newer.
    private(set) var changed: ContinuousClock.Instant?
    private(set) var service = Slot<ServiceSnapshot>()
    private(set) var router = Slot<RouterSnapshot>()
    private(set) var networks: [Int: Slot<Directory>] = [:]
    private(set) var extendedNetworks: [Int: Slot<File>] = [:]
    /// While the server cannot be reached: how that was last found out, and when, source by source.
    private(set) var outages: [Source: (failure: Failure, at: ContinuousClock.Instant)] = [:]
    /// Since when the server cannot be reached.
    private(set) var outageBegan: ContinuousClock.Instant?

    init(own: Int, freshness: Freshness) {
        self.own = own
        self.freshness = freshness
    }

    /// How old a source's answer may be.
    func ttl(of source: Source) -> Duration {
        switch source {
        case .own, .router, .network, .networkExtended: freshness.ttl
        case .machine(let id): id == own ? freshness.ttl : freshness.peerTTL
        case .service: freshness.peerTTL
        case .settled, .serviceText: .zero
        }
    }

    // MARK: Questions

    /// The directory of a VM.
    func machine(_ id: Int, _ query: Query) -> Answer<Directory> {
        let source: Source = id == own ? .own : .machine(id)
        let slot = machines[id] ?? Slot()
        if let answer = fresh(slot, source, query) { return answer }
        if id == own { return ask(.own, slot, query) }
        switch membership(of: id, query) {
        case .known(let asks, _): return ask(asks, slot, query)
        case .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return older(slot, failure, query)
        }
    }

    /// Whether a VM is there to be shown; its data may still be missing.
    func hasMachine(_ id: Int, _ query: Query) -> Answer<Void> {
        if id == own { return .known((), until: nil) }
        let slot = machines[id] ?? Slot()
        if let answer = fresh(slot, .machine(id), query) { return answer.map { _ in () } }
        switch membership(of: id, query) {
        case .known(_, let until): return .known((), until: until)
        case .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return older(slot, failure, query).map { _ in () }
        }
    }

    /// Whether a VM is one of ours, and which source tells what it looks like.
    private func membership(of id: Int, _ query: Query) -> Answer<Source> {
        switch serviceSnapshot(query) {
        case .known(let snapshot, let until) where snapshot.members.contains(id):
            return .known(snapshot.complete ? .service : .machine(id), until: until)
        case .needs(let source) where !query.isOurs: return .needs(source)
        case .failed(let failure): return .failed(failure)
        case .known, .absent, .needs: break
        }
        switch routerSnapshot(query) {
        case .known(let snapshot, let until) where snapshot.machines.contains(id):
            return .known(.machine(id), until: until)
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        case .known, .absent: return .absent
        }
    }

    /// The service. Without a request where it is known that this VM is in none.
    func serviceSnapshot(_ query: Query) -> Answer<ServiceSnapshot> {
        if let answer = fresh(service, .service, query) { return answer }
        if let own = machines[own], own.isKnown(since: query.arrival - freshness.ttl), let tree = own.value,
            !Cache.namesService(tree)
        {
            return .absent
        }
        return ask(.service, service, query)
    }

    /// Whether `/service` is there: this VM tells, which costs far less than the service itself.
    func hasService(_ query: Query) -> Answer<Void> {
        if let answer = fresh(service, .service, query) { return answer.map { _ in () } }
        switch machine(own, query) {
        case .known(let tree, let until): return Cache.namesService(tree) ? .known((), until: until) : .absent
        case .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
    }

    /// The virtual router. A VM that is in none never will be.
    func routerSnapshot(_ query: Query) -> Answer<RouterSnapshot> {
        if case .absent = router.knowledge { return .absent }
        if let answer = fresh(router, .router, query) { return answer }
        return ask(.router, router, query)
    }

    /// Whether `/vrouter` and `/vnet` are there.
    func hasRouter(_ query: Query) -> Answer<Void> {
        switch router.knowledge {
        case .present: .known((), until: nil)
        case .absent: .absent
        case .unknown: ask(.router, router, query).map { _ in () }
        }
    }

    /// The directory of a virtual network.
    func network(_ id: Int, _ query: Query) -> Answer<Directory> {
        let slot = networks[id] ?? Slot()
        return fresh(slot, .network(id), query) ?? ask(.network(id), slot, query)
    }

    /// A network's `extended.json`.
    func extendedNetwork(_ id: Int, _ query: Query) -> Answer<File> {
        let slot = extendedNetworks[id] ?? Slot()
        return fresh(slot, .networkExtended(id), query) ?? ask(.networkExtended(id), slot, query)
    }

    /// The VMs to list, and the networks.
    func machineIDs(_ query: Query) -> Answer<[Int]> {
        var ids: Set<Int> = [own]
        switch hasService(query) {
        case .known:
            switch serviceSnapshot(query) {
            case .known(let snapshot, _): ids.formUnion(snapshot.members)
            case .absent: break
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
        case .absent: break
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
        switch routerSnapshot(query) {
        case .known(let snapshot, _): ids.formUnion(snapshot.machines)
        case .absent: break
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
        return .known(ids.sorted(), until: nil)
    }

    /// The networks to list: the router's, and those that were looked up and are there.
    func networkIDs(_ query: Query) -> Answer<[Int]> {
        switch routerSnapshot(query) {
        case .known(let snapshot, let until):
            let seen = networks.filter { $0.value.value != nil }.keys
            return .known(Set(snapshot.networks).union(seen).sorted(), until: until)
        case .absent: return .absent
        case .needs(let source): return .needs(source)
        case .failed(let failure): return .failed(failure)
        }
    }

    /// Whether a VM says that it is in a service.
    static func namesService(_ tree: Directory) -> Bool {
        guard let file = tree.directory(VirtualMachineTree.userTemplate)?.file("SERVICE_ID") else {
            return false
        }
        return !file.value.isEmpty
    }

    // MARK: Age

    private func fresh<Value>(_ slot: Slot<Value>, _ source: Source, _ query: Query) -> Answer<Value>? {
        if query.isOurs {
            switch slot.knowledge {
            case .present(let value):
                return .known(value, until: slot.asked.map { $0 + self.ttl(of: source) } ?? query.arrival)
            case .absent: return .absent
            case .unknown: return nil
            }
        }
        let ttl = ttl(of: source)
        let since = max(query.arrival - ttl, query.notBefore ?? query.arrival - ttl)
        guard slot.isKnown(since: since), let asked = slot.asked else { return nil }
        switch slot.knowledge {
        case .present(let value): return .known(value, until: asked + ttl)
        case .absent: return .absent
        case .unknown: return nil
        }
    }

    private func ask<Value>(_ source: Source, _ slot: Slot<Value>, _ query: Query) -> Answer<Value> {
        if let failure = query.failures[source] { return older(slot, failure, query) }
        // Who accepts old data does not wait for a server that just did not answer in all the time it had.
        if let outage = outages[source], outage.failure.errno == .timedOut,
            outage.at + Cache.outagePause > query.arrival,
            case .known(let value, let until) = older(slot, outage.failure, query)
        {
            return .known(value, until: until)
        }
        return .needs(source)
    }

    /// What was known before, while the server cannot be reached and `stale` allows it.
    private func older<Value>(_ slot: Slot<Value>, _ failure: Failure, _ query: Query) -> Answer<Value> {
        guard failure.isOutage, freshness.stale > .zero, let value = slot.value,
            slot.isKnown(since: query.arrival - freshness.stale)
        else { return .failed(failure) }
        return .known(value, until: query.arrival)
    }

    /// How long an outage is taken to last before the server is asked again for what is known anyway.
    private static let outagePause = Duration.seconds(5)

    /// How long a source that was not answered keeps an outage going while others are answered.
    private static let outageMemory = Duration.seconds(60)

    /// Notes whether a source could be reached. Returns whether that is news: an outage begins or ends.
    mutating func note(_ source: Source, outage: Failure?, at now: ContinuousClock.Instant) -> Bool {
        outages[source] = outage.map { ($0, now) }
        if outage == nil {
            // The server can be reached. Whoever it did not answer lately may still wait in vain.
            outages = outages.filter {
                $0.value.failure.errno == .timedOut && $0.value.at + Cache.outageMemory > now
            }
        }
        let wasOutage = outageBegan != nil
        outageBegan = outages.isEmpty ? nil : outageBegan ?? now
        return wasOutage != (outageBegan != nil)
    }

    // MARK: Answers

    /// Takes in what a request told of a VM. Returns the tree before, when the new one took its place.
    mutating func learn(
        machine id: Int, _ knowledge: Slot<Directory>.Knowledge, asked: ContinuousClock.Instant
    ) -> (changed: Bool, before: Directory?) {
        let before = machines[id]?.value
        let taken = machines[id, default: Slot()].learn(knowledge, asked: asked)
        return (taken, before)
    }

    mutating func learn(service knowledge: Slot<ServiceSnapshot>.Knowledge, asked: ContinuousClock.Instant)
        -> Bool
    {
        service.learn(knowledge, asked: asked)
    }

    mutating func learn(router knowledge: Slot<RouterSnapshot>.Knowledge, asked: ContinuousClock.Instant)
        -> Bool
    {
        router.learn(knowledge, asked: asked)
    }

    mutating func learn(
        network id: Int, _ knowledge: Slot<Directory>.Knowledge, asked: ContinuousClock.Instant
    ) -> Bool {
        networks[id, default: Slot()].learn(knowledge, asked: asked)
    }

    mutating func learn(
        extendedNetwork id: Int, _ knowledge: Slot<File>.Knowledge, asked: ContinuousClock.Instant
    ) -> Bool {
        extendedNetworks[id, default: Slot()].learn(knowledge, asked: asked)
    }

    /// What was known of a VM counts no more: we changed it.
    mutating func expire(machine id: Int, at now: ContinuousClock.Instant) {
        machines[id, default: Slot()].expire(at: now)
        changed = now
    }

    /// What was known of the service counts no more: we changed it.
    mutating func expireService(at now: ContinuousClock.Instant) { service.expire(at: now) }

    /// Forgets how old everything is, and that this VM is in no router: all is asked anew.
    mutating func expireAll(at now: ContinuousClock.Instant) {
        for id in machines.keys { machines[id]?.expire(at: now) }
        for id in networks.keys { networks[id]?.expire(at: now) }
        for id in extendedNetworks.keys { extendedNetworks[id]?.expire(at: now) }
        service.expire(at: now)
        if case .absent = router.knowledge { router = Slot() } else { router.expire(at: now) }
    }
}

extension Cache.Answer {
    func map<Other>(_ transform: (Value) -> Other) -> Cache.Answer<Other> {
        switch self {
        case .known(let value, let until): .known(transform(value), until: until)
        case .absent: .absent
        case .needs(let source): .needs(source)
        case .failed(let failure): .failed(failure)
        }
    }
}
