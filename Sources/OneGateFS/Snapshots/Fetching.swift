import FUSE
import OneGate

/// Asking the server, once for everybody who wants the same.
extension OneGateFileSystem {
    /// Asks a source, or joins whoever asks it already, if that answer is new enough for a question that
    /// came at `arrival`. `waiter` is called from another thread when the answer is in the cache, or
    /// with the reason why it is not.
    func fetch(_ source: Source, arrival: ContinuousClock.Instant, waiter: @escaping MountState.Flight.Waiter)
    {
        if case .serviceText = source { return makeServiceText(waiter) }
        let begin: Bool = state.withLock { state in
            if case .settled(let id) = source {
                guard let queue = state.queues[id], queue.unawaited > 0 else { return true }
                state.queues[id]?.settling.append(waiter)
                return false
            }
            guard var flight = state.flights[source] else {
                state.flights[source] = MountState.Flight(started: .now, waiters: [waiter])
                return true
            }
            if flight.started >= arrival - state.cache.ttl(of: source) {
                flight.waiters.append(waiter)
            } else {
                flight.next.append(waiter)
            }
            state.flights[source] = flight
            return false
        }
        guard begin else { return }
        if case .settled = source { return waiter(nil) }
        // What is small is taken in where it arrives.
        let isSmall = source == .own || source == .router
        Task(executorPreference: isSmall ? client.executor : nil) { [self] in await fly(source) }
    }

    /// Makes the request of a flight, and the next one if somebody came too late for this.
    private func fly(_ source: Source) async {
        while true {
            let started = state.withLock { $0.flights[source]?.started } ?? .now
            let seen = state.withLock { $0.changesSeen }
            let answerTime = AnswerTime()
            let failure: Failure? = await AnswerTime.$current.withValue(answerTime) {
                do throws(Failure) {
                    try await learn(source, asked: started)
                    return nil
                } catch {
                    return error
                }
            }
            let changed = state.withLock { $0.changesSeen } != seen
            noteAnswer(
                source, asked: started, answered: answerTime.latest ?? .now, failed: failure != nil,
                changed: changed)
            noteOutage(source, failure)
            let (waiters, again): ([MountState.Flight.Waiter], Bool) = state.withLock { state in
                guard let flight = state.flights[source] else { return ([], false) }
                if flight.next.isEmpty {
                    state.flights[source] = nil
                } else {
                    state.flights[source] = MountState.Flight(started: .now, waiters: flight.next)
                }
                return (flight.waiters, !flight.next.isEmpty)
            }
            for waiter in waiters { waiter(failure) }
            guard again else { return }
        }
    }

    /// Says in the log, once, that the server cannot be reached, and that it can be again.
    private func noteOutage(_ source: Source, _ failure: Failure?) {
        guard failure?.isOutage ?? true else { return }
        let isNews = state.withLock { $0.cache.note(source, outage: failure, at: .now) }
        guard isNews else { return }
        if let failure {
            logger.error("the server cannot be reached: \(failure)")
        } else {
            logger.notice("the server can be reached again")
        }
    }

    /// Makes a source's request and takes its answer into the cache.
    private func learn(_ source: Source, asked: ContinuousClock.Instant) async throws(Failure) {
        switch source {
        case .own: try await learnOwn(asked: asked)
        case .service: try await learnService(asked: asked)
        case .router: try await learnRouter(asked: asked)
        case .machine(let id): try await learnMachine(id, asked: asked)
        case .network(let id): try await learnNetwork(id, asked: asked)
        case .networkExtended(let id): try await learnExtendedNetwork(id, asked: asked)
        case .settled, .serviceText: break
        }
    }

    // MARK: VMs

    private func learnOwn(asked: ContinuousClock.Instant) async throws(Failure) {
        let machine: VirtualMachine
        do { machine = try await client.vm() } catch { throw Failure(error) }
        take(machine, id: own, asked: asked)
    }

    private func learnMachine(_ id: Int, asked: ContinuousClock.Instant) async throws(Failure) {
        do {
            take(try await client.vm(id), id: id, asked: asked)
        } catch {
            if error.kind == .notFound, !error.words.contains("Not authorized") {
                throw Failure(error).explained(.io, Failure.oneFlowDown(error.words))
            }
            guard error.kind == .badRequest, Failure.namesAbsence(error.words) else { throw Failure(error) }
            take(absent: id, asked: asked)
        }
    }

    /// Takes in what a VM looks like now.
    func take(_ machine: VirtualMachine, id: Int, asked: ContinuousClock.Instant) {
        let (previous, stamp, restricted) = state.withLock {
            ($0.cache.machines[id]?.value, $0.newStamp(), $0.restricted)
        }
        let tree = VirtualMachineTree.build(machine, previous: previous, stamp: stamp, restricted: restricted)
        take([(id, tree, builtOn: previous)], stamp, asked: asked)
    }

    /// Takes in the trees of several VMs, each built on what was known of it then.
    private func take(
        _ trees: [(id: Int, tree: Directory, builtOn: Directory?)], _ stamp: Stamp,
        asked: ContinuousClock.Instant
    ) {
        let (changes, folders): ([TreeChange], [[FileName]]) = state.withLock { state in
            var changes: [TreeChange] = []
            var folders: [[FileName]] = []
            for (id, tree, base) in trees {
                let known = state.cache.machines[id]?.value
                let tree = known.map { $0 === base || $0 === tree ? tree : tree.sharing($0, stamp) } ?? tree
                let (taken, before) = state.cache.learn(machine: id, .present(tree), asked: asked)
                guard taken else { continue }
                let folder: [FileName] = ["vm", Name.file(for: String(id))]
                folders.append(folder)
                changes += TreeChange.between(before, tree, at: folder)
                state.endBegunVectors(in: tree, at: folder)
            }
            return (changes, folders)
        }
        publish(changes)
        state.withLock { state in
            for folder in folders { state.settleOwnChanges(below: folder, asked: asked) }
        }
    }

    private func take(absent id: Int, asked: ContinuousClock.Instant) {
        let changes: [TreeChange] = state.withLock { state in
            let (taken, before) = state.cache.learn(machine: id, .absent, asked: asked)
            guard taken, let before else { return [] }
            return [
                TreeChange(path: ["vm", Name.file(for: String(id))], kind: .removed(.directory(before)))
            ]
        }
        publish(changes)
    }

    // MARK: The service

    private func learnService(asked: ContinuousClock.Instant) async throws(Failure) {
        let body: [UInt8]
        if let until = state.withLock({ $0.serviceIsPlainUntil }), until > asked {
            return try await learnPlainService(asked: asked)
        }
        do {
            body = try await client.get(.service(extended: true))
        } catch {
            switch error.kind {
            case .badRequest where Failure.namesAbsence(error.words): return learnNoService(asked: asked)
            case .notFound where error.words.contains("Not authorized"):
                // One VM that may not be seen spoils the whole answer; the others can be had one by one.
                state.withLock { $0.serviceIsPlainUntil = asked + $0.cache.freshness.peerTTL * 4 }
                return try await learnPlainService(asked: asked)
            case .notFound: return try await learnMissingService(error, asked: asked)
            default: throw Failure(error)
            }
        }
        let (known, trees, stamp) = state.withLock {
            ($0.cache.service.value, $0.serviceTrees, $0.newStamp())
        }
        if let known, known.complete, known.body == body, let trees {
            take(service: known, nil, asked: asked)
            return take(trees.map { (id: $0.key, tree: $0.value, builtOn: nil) }, stamp, asked: asked)
        }
        let service: Service
        do {
            service = try Service(answer: JSON(parsing: body))
        } catch let error as OneGateError {
            throw Failure(error)
        } catch {
            throw Failure(.io, "the service's answer is not JSON: \(error)")
        }
        try take(service, body: body, asked: asked)
    }

    /// Takes in a service with all its VMs.
    private func take(_ service: Service, body: [UInt8], asked: ContinuousClock.Instant) throws(Failure) {
        let (previous, stamp, restricted, before) = state.withLock { state in
            (
                state.cache.service.value, state.newStamp(), state.restricted,
                state.cache.machines.compactMapValues(\.value)
            )
        }
        var trees: [Int: Directory] = [:]
        for member in service.roles.flatMap(\.members) {
            guard let info = member.vmInfo else { continue }
            let machine: VirtualMachine
            do { machine = try VirtualMachine(extended: info) } catch { throw Failure(error) }
            trees[member.vmID] = VirtualMachineTree.build(
                machine, previous: before[member.vmID], stamp: stamp, restricted: restricted)
        }
        let members = Set(service.roles.flatMap(\.members).map(\.vmID))
        let directory = ServiceTree.build(service, body: body, previous: previous?.directory, stamp: stamp)
        let snapshot = Cache.ServiceSnapshot(
            directory: directory, members: members, complete: members.count == trees.count, body: body)
        take(service: snapshot, trees, asked: asked)
        take(trees.map { (id: $0.key, tree: $0.value, builtOn: before[$0.key]) }, stamp, asked: asked)
    }

    /// Makes the text of the service's `extended.json`, once for everybody who wants it, and keeps it for who opens the file now
    /// that its size is known.
    private func makeServiceText(_ waiter: @escaping MountState.Flight.Waiter) {
        let isFirst = state.withLock { state in
            state.textWaiters.append(waiter)
            return state.textWaiters.count == 1
        }
        guard isFirst else { return }
        Task { [self] in
            let file = state.withLock { $0.cache.service.value?.directory.file(ServiceTree.extended) }
            var text: DeferredText.Text?
            if case .deferred(let deferred)? = file?.content { text = deferred.text }
            let waiters = state.withLock { state in
                defer { state.textWaiters = [] }
                state.serviceText = text
                return state.textWaiters
            }
            for waiter in waiters { waiter(nil) }
            try? await Task.sleep(for: .seconds(1))
            state.withLock { if $0.serviceText === text { $0.serviceText = nil } }
        }
    }

    private func learnPlainService(asked: ContinuousClock.Instant) async throws(Failure) {
        let service: Service
        do { service = try await client.service(extended: false) } catch { throw Failure(error) }
        let (previous, stamp) = state.withLock { ($0.cache.service.value, $0.newStamp()) }
        let members = Set(service.roles.flatMap(\.members).map(\.vmID))
        let directory = ServiceTree.build(service, body: nil, previous: previous?.directory, stamp: stamp)
        take(
            service: Cache.ServiceSnapshot(directory: directory, members: members, complete: false, body: []),
            nil, asked: asked)
    }

    /// `Service 3 not found` is also what the server says while OneFlow is down. Only when this VM
    /// names no service any more is it gone.
    private func learnMissingService(_ error: OneGateError, asked: ContinuousClock.Instant)
        async throws(Failure)
    {
        try await learnOwn(asked: .now)
        let namesService = state.withLock { $0.cache.machines[own]?.value.map(Cache.namesService) ?? false }
        guard !namesService else { throw Failure(error).explained(.io, Failure.oneFlowDown(error.words)) }
        learnNoService(asked: asked)
    }

    private func learnNoService(asked: ContinuousClock.Instant) {
        let changes: [TreeChange] = state.withLock { state in
            let before = state.cache.service.value
            guard state.cache.learn(service: .absent, asked: asked), let before else { return [] }
            state.serviceTrees = nil
            return [TreeChange(path: ["service"], kind: .removed(.directory(before.directory)))]
                + gone(before.members, &state, asked: asked)
        }
        publish(changes)
    }

    /// Takes in what the service looks like now, with the trees of those of its VMs that came with it.
    private func take(
        service snapshot: Cache.ServiceSnapshot, _ trees: [Int: Directory]?, asked: ContinuousClock.Instant
    ) {
        let changes: [TreeChange] = state.withLock { state in
            let before = state.cache.service.value
            let wasAbsent = if case .absent = state.cache.service.knowledge { true } else { false }
            guard state.cache.learn(service: .present(snapshot), asked: asked) else { return [] }
            if let trees { state.serviceTrees = trees }
            guard before?.directory !== snapshot.directory else { return [] }
            let left = (before?.members ?? []).subtracting(snapshot.members)
            // What was not known before came from nowhere.
            let came = snapshot.members.subtracting(before?.members ?? (wasAbsent ? [own] : snapshot.members))
            let added = TreeChange(path: ["service"], kind: .added(.directory(snapshot.directory)))
            return TreeChange.between(before?.directory, snapshot.directory, at: ["service"])
                + (wasAbsent ? [added] : [])
                + gone(left, &state, asked: asked)
                + came.sorted().map { id in
                    TreeChange(
                        path: ["vm", Name.file(for: String(id))],
                        kind: .added(trees?[id].map { .directory($0) }))
                }
        }
        publish(changes)
        state.withLock { $0.settleOwnChanges(below: ["service"], asked: asked) }
    }

    /// VMs that are no longer in the service, or in the router.
    private func gone(
        _ machines: Set<Int>, _ state: inout MountState, asked: ContinuousClock.Instant
    ) -> [TreeChange] {
        machines.subtracting([own]).sorted().map { id in
            // That it is no member any more counts, whatever was asked of itself since.
            let (_, before) = state.cache.learn(machine: id, .absent, asked: asked)
            let last = before ?? Directory(items: [:], purpose: .shown, modified: state.mounted)
            return TreeChange(path: ["vm", Name.file(for: String(id))], kind: .removed(.directory(last)))
        }
    }

    // MARK: Routers and networks

    private func learnRouter(asked: ContinuousClock.Instant) async throws(Failure) {
        let router: VirtualRouter
        do {
            router = try await client.vrouter()
        } catch {
            guard error.kind == .badRequest, Failure.namesAbsence(error.words) else { throw Failure(error) }
            state.withLock { _ = $0.cache.learn(router: .absent, asked: asked) }
            return
        }
        let (previous, stamp) = state.withLock { ($0.cache.router.value, $0.newStamp()) }
        let directory = VirtualRouterTree.build(router, previous: previous?.directory, stamp: stamp)
        let snapshot = Cache.RouterSnapshot(
            directory: directory, machines: router.vmIDs, networks: router.networkIDs ?? [])
        let changes: [TreeChange] = state.withLock { state in
            guard state.cache.learn(router: .present(snapshot), asked: asked), let previous else { return [] }
            return TreeChange.between(previous.directory, directory, at: ["vrouter"])
                + moved(from: previous, to: snapshot, &state, asked: asked)
        }
        publish(changes)
    }

    /// VMs and networks that came to the router, or went.
    private func moved(
        from before: Cache.RouterSnapshot, to after: Cache.RouterSnapshot, _ state: inout MountState,
        asked: ContinuousClock.Instant
    ) -> [TreeChange] {
        let members = state.cache.service.value?.members ?? []
        let left = Set(before.machines).subtracting(after.machines).subtracting(members)
        let came = Set(after.machines).subtracting(before.machines).subtracting(members)
        let lost = Set(before.networks).subtracting(after.networks).sorted()
        let found = Set(after.networks).subtracting(before.networks).sorted()
        return gone(left, &state, asked: asked)
            + came.sorted().map { TreeChange(path: ["vm", Name.file(for: String($0))], kind: .added(nil)) }
            + lost.map { id in
                let tree = state.cache.networks[id]?.value
                _ = state.cache.learn(network: id, .absent, asked: asked)
                let last = tree ?? Directory(items: [:], purpose: .shown, modified: state.mounted)
                return TreeChange(
                    path: ["vnet", Name.file(for: String(id))], kind: .removed(.directory(last)))
            }
            + found.map { TreeChange(path: ["vnet", Name.file(for: String($0))], kind: .added(nil)) }
    }

    private func learnNetwork(_ id: Int, asked: ContinuousClock.Instant) async throws(Failure) {
        let network: VirtualNetwork
        do {
            network = try await client.vnet(id, extended: false)
        } catch {
            guard error.kind == .badRequest || error.kind == .notFound else { throw Failure(error) }
            let changes: [TreeChange] = state.withLock { state in
                let before = state.cache.networks[id]?.value
                guard state.cache.learn(network: id, .absent, asked: asked), let before else { return [] }
                return [
                    TreeChange(
                        path: ["vnet", Name.file(for: String(id))], kind: .removed(.directory(before)))
                ]
            }
            publish(changes)
            return
        }
        let (previous, stamp) = state.withLock { ($0.cache.networks[id]?.value, $0.newStamp()) }
        let directory = VirtualNetworkTree.build(network, previous: previous, stamp: stamp)
        let changes: [TreeChange] = state.withLock { state in
            guard state.cache.learn(network: id, .present(directory), asked: asked) else { return [] }
            return TreeChange.between(previous, directory, at: ["vnet", Name.file(for: String(id))])
        }
        publish(changes)
    }

    private func learnExtendedNetwork(_ id: Int, asked: ContinuousClock.Instant) async throws(Failure) {
        let network: VirtualNetwork
        do { network = try await client.vnet(id, extended: true) } catch { throw Failure(error) }
        let bytes = Array((network.json.prettyPrinted + "\n").utf8)
        let changes: [TreeChange] = state.withLock { state in
            let before = state.cache.extendedNetworks[id]?.value
            let stamp = state.newStamp()
            let file =
                before?.bytes == bytes
                ? before
                : File(
                    content: .bytes(bytes), purpose: .shown, permissions: 0o444, modified: stamp.time,
                    version: stamp.version)
            guard let file, state.cache.learn(extendedNetwork: id, .present(file), asked: asked) else {
                return []
            }
            guard let before, before.version != file.version else { return [] }
            let path: [FileName] = ["vnet", Name.file(for: String(id)), "extended.json"]
            return [TreeChange(path: path, kind: .changed(before, file))]
        }
        publish(changes)
    }
}

extension Failure {
    /// What a 404 about a service or a peer means while this VM says that it is in a service.
    static func oneFlowDown(_ words: String) -> String {
        "\(words) (the service exists: OneFlow does not answer the server)"
    }
}
