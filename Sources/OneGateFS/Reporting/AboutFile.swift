import FUSE

/// A file in `.onegatefs`: about the mount itself.
enum AboutFile: String, CaseIterable, Sendable {
    case status, errors, events, metrics

    init?(name: FileName) {
        guard let text = name.string, let file = AboutFile(rawValue: text) else { return nil }
        self = file
    }

    var name: FileName { FileName(rawValue) }
}

extension OneGateFileSystem {
    /// A file about the mount, made anew when there is something new to tell, but not more often than
    /// once a second where the time alone changes it: who asks for the size and then reads gets the same text.
    func about(_ file: AboutFile, _ state: inout MountState) -> File {
        let now = ContinuousClock.now
        let revision: Int? =
            switch file {
            case .errors: errors.revision
            case .events: events.revision
            case .status, .metrics: nil
            }
        if let known = state.about[file] {
            if let revision, known.revision == revision { return known.file }
            if revision == nil, known.made.duration(to: now) < .seconds(1) { return known.file }
        }
        let bytes: [UInt8] =
            switch file {
            case .status: Array(status(state, now).utf8)
            case .errors: errors.bytes
            case .events: events.bytes
            case .metrics: Array(metrics.text(gauges: gauges(state, now)).utf8)
            }
        let stamp = state.newStamp()
        let made = File(
            content: .bytes(bytes), purpose: .shown, permissions: 0o444, modified: stamp.time,
            version: stamp.version)
        state.about[file] = MountState.About(file: made, made: now, revision: revision)
        return made
    }

    private func gauges(_ state: MountState, _ now: ContinuousClock.Instant) -> [Gauge] {
        let cache = state.cache
        let ages = [
            ("vm", cache.machines[own]?.asked), ("service", cache.service.asked),
            ("vrouter", cache.router.asked),
        ]
        return [
            Gauge("onegatefs_info", "The program.", [("{version=\"\(Version.text)\"}", 1)]),
            Gauge(
                "onegatefs_mounted_time_seconds", "When it was mounted, in seconds since 1970.",
                Double(state.mounted.seconds)),
            Gauge("onegatefs_inodes", "Files and folders that the kernel knows.", Double(state.inodes.count)),
            Gauge("onegatefs_open_handles", "Open files and folders.", Double(state.handles.count)),
            Gauge(
                "onegatefs_watches", "Files and folders that programs watch or have open.",
                Double(state.interest.held.count)),
            Gauge(
                "onegatefs_poll_interval_seconds", "The time from one poll of what is watched to the next.",
                pollIntervals.map { ("{source=\"\($0.source)\"}", $0.seconds) }),
            Gauge(
                "onegatefs_requests_under_way", "Requests under way to the server.",
                Double(state.flights.count)),
            Gauge(
                "onegatefs_data_age_seconds", "How old it is what is known.",
                ages.compactMap { source, asked in
                    age(asked, now).map { ("{source=\"\(source)\"}", $0) }
                }),
            Gauge(
                "onegatefs_outage_seconds", "For how long the server could not be reached; 0: it can be.",
                age(cache.outageBegan, now) ?? 0),
        ]
    }

    /// How often what is watched is asked for, by the kind of request.
    private var pollIntervals: [(source: String, seconds: Double)] {
        let intervals = watching.withLock { $0.schedule.intervals }.compactMap { source, interval in
            source.requestKind.map { ($0, interval / .seconds(1)) }
        }
        return Dictionary(intervals, uniquingKeysWith: max).map { ($0.key, $0.value) }
            .sorted { $0.source < $1.source }
    }

    private func age(_ asked: ContinuousClock.Instant?, _ now: ContinuousClock.Instant) -> Double? {
        guard let asked else { return nil }
        let age = asked.duration(to: now).components
        return Double(age.seconds) + Double(age.attoseconds) * 1e-18
    }

    private func status(_ state: MountState, _ now: ContinuousClock.Instant) -> String {
        func ago(_ asked: ContinuousClock.Instant?) -> String {
            age(asked, now).map { "\(Int($0 * 10) / 10).\(Int($0 * 10) % 10) s ago" } ?? "not asked yet"
        }
        var lines = [
            "version: \(Version.text)",
            "endpoint: \(client.settings.endpoint)",
            "vm: \(own)",
            "mounted: \(Clock.text(state.mounted))",
        ]
        let contact = metrics.lastContact
        let stale =
            options.freshness.stale > .zero
            ? "what is known is served up to stale=\(options.freshness.stale)" : "nothing old is served"
        lines.append("last answer: \(contact.answer.map(Clock.text) ?? "none yet")")
        lines.append(
            "last failure: \(contact.failure.map { "\(Clock.text($0.time)) \($0.words)" } ?? "none")")
        if let began = state.cache.outageBegan {
            lines.append("outage: since \(ago(began)), \(stale)")
        }
        lines.append("this VM: \(ago(state.cache.machines[own]?.asked))")
        switch state.cache.service.knowledge {
        case .present(let service):
            lines.append("service: \(service.members.count) VMs, \(ago(state.cache.service.asked))")
        case .absent: lines.append("service: none")
        case .unknown: lines.append("service: not asked yet")
        }
        switch state.cache.router.knowledge {
        case .present(let router):
            lines.append("virtual router: \(router.machines.count) VMs, \(ago(state.cache.router.asked))")
        case .absent: lines.append("virtual router: none")
        case .unknown: lines.append("virtual router: not asked yet")
        }
        let polls = pollIntervals.map {
            "\($0.source) every \(Int($0.seconds * 10) / 10).\(Int($0.seconds * 10) % 10) s"
        }
        lines.append(
            "watched: \(state.interest.held.count) files, "
                + (polls.isEmpty ? "nothing is polled" : "polling " + polls.joined(separator: ", ")))
        lines.append("known files: \(state.inodes.count)")
        lines.append("open files: \(state.handles.count)")
        return lines.joined(separator: "\n") + "\n"
    }
}
