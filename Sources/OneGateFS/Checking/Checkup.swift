import FUSE
import Logging
import OneGate

/// Tries what a mount would need, without mounting: the settings, the server, this machine.
public struct Checkup: Sendable {
    private let configuration: MountConfiguration
    private let mountPoint: String?
    private let report: @Sendable (Finding) -> Void

    /// - Parameters:
    ///   - configuration: what a mount would be told.
    ///   - mountPoint: where it would be, if that is to be looked at.
    ///   - report: gets each finding as soon as it is there.
    public init(
        _ configuration: MountConfiguration, mountPoint: String?,
        report: @escaping @Sendable (Finding) -> Void
    ) {
        self.configuration = configuration
        self.mountPoint = mountPoint
        self.report = report
    }

    /// Looks at everything.
    ///
    /// - Returns: whether a mount would work.
    public func run() async -> Bool {
        let isConnected = await checkConnection()
        let isMountable = checkMachine()
        return isConnected && isMountable
    }

    // MARK: The server

    private func checkConnection() async -> Bool {
        let settings: Settings
        let client: Client
        do {
            settings = try configuration.settings.resolve()
            client = try Client(
                settings: settings, configuration: configuration.client,
                reload: { try configuration.settings.resolve() },
                logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() })
        } catch {
            return failed("settings", "\(error)")
        }
        passed("settings", "VM \(settings.vmID), \(settings.endpoint), and a token")
        let result = await checkServer(client, settings)
        await client.shutdown()
        return result
    }

    private func checkServer(_ client: Client, _ settings: Settings) async -> Bool {
        let machine: VirtualMachine
        let time: Duration
        do throws(OneGateError) {
            (machine, time) = try await timed { () async throws(OneGateError) in try await client.vm() }
        } catch {
            return explain(error, settings)
        }
        passed("server", "answered in \(milliseconds(time))")
        if settings.endpoint.hasPrefix("https:") {
            configuration.client.insecure
                ? note("https", "the certificate was not verified (insecure)")
                : passed("https", "the certificate is trusted")
        }
        passed("token", "accepted: this is VM \(machine.id), \(machine.name), \(machine.stateName)")
        return await checkService(client, machine)
    }

    private func checkService(_ client: Client, _ machine: VirtualMachine) async -> Bool {
        guard let id = machine.serviceID else {
            note("service", "this VM belongs to none, so there will be no folder service")
            return true
        }
        do throws(OneGateError) {
            let (service, time) = try await timed { () async throws(OneGateError) in
                try await client.service(extended: false)
            }
            let count = service.roles.reduce(0) { $0 + $1.members.count }
            passed(
                "service",
                "\(service.id), \(service.name), \(service.stateName), \(count) VMs; answered in \(milliseconds(time))"
            )
            return true
        } catch {
            let advice =
                switch error.kind {
                case .notFound: "OneFlow may be down on the front-end, or the service is gone"
                case .forbidden: "the administrator of OneGate has switched it off"
                default: "see OneFlow's log on the front-end"
                }
            return failed("service", "\(id): \(error); \(advice); this VM's own folder works without it")
        }
    }

    /// Says why the server's answer is none, and what to do.
    private func explain(_ error: OneGateError, _ settings: Settings) -> Bool {
        switch error.kind {
        case .unreachable:
            return failed(
                "server",
                "nobody answers at \(settings.endpoint) (\(error.words)); see that OneGate runs on the front-end "
                    + "(systemctl status opennebula-gate) and that this VM has a route to it")
        case .timedOut:
            return failed(
                "server",
                "no answer from \(settings.endpoint) in \(configuration.client.timeout) (\(error.words)); see that "
                    + "no firewall drops it, or give more time with timeout=SECONDS")
        case .unauthorized:
            passed("server", "answered at \(settings.endpoint)")
            return failed(
                "token",
                "not accepted for VM \(settings.vmID) (\(error)); it is another VM's or an old one, or OpenNebula's core "
                    + "is down; see that VMID and TOKENTXT are those of this VM's context")
        case .forbidden:
            passed("server", "answered at \(settings.endpoint)")
            return failed(
                "token", "OneGate's administrator does not allow this VM to look at itself (\(error))")
        case .unexpected where error.status == nil && settings.endpoint.hasPrefix("https:"):
            return failed(
                "https",
                "\(error.words); name the CA that signed it with ca_file=PATH, or, for a test, do not verify with insecure"
            )
        case .unexpected, .notFound, .badRequest:
            return failed(
                "server",
                "what answers at \(settings.endpoint) is no OneGate, or something is in between (\(error)); "
                    + "see ONEGATE_ENDPOINT and http_proxy")
        case .server, .cancelled:
            return failed("server", "it failed (\(error)); see OneGate's log on the front-end")
        }
    }

    private func timed<Value: Sendable>(
        _ body: () async throws(OneGateError) -> Value
    ) async throws(OneGateError) -> (Value, Duration) {
        let begin = ContinuousClock.now
        let value = try await body()
        return (value, begin.duration(to: .now))
    }

    private func milliseconds(_ duration: Duration) -> String { "\(Int(duration / .milliseconds(1))) ms" }

    // MARK: This machine

    private func checkMachine() -> Bool {
        var isWell = true
        do throws(MountError) {
            try MountPoint.checkDevice()
            passed("/dev/fuse", "can be opened")
        } catch {
            isWell = failed("/dev/fuse", error.description)
        }
        do throws(MountError) {
            try MountPoint.checkRights(allowOther: configuration.allowOther, path: mountPoint ?? "anything")
            passed(
                "rights",
                ProcessUser.effective.owner == 0 ? "root may mount" : "fusermount3 is there to mount for you")
        } catch {
            isWell = failed("rights", error.description)
        }
        guard let mountPoint else { return isWell }
        do throws(MountError) {
            switch try MountPoint.occupation(of: mountPoint) {
            case .free: passed("mount point", "\(mountPoint) is free")
            case .mounted: note("mount point", "\(mountPoint) is mounted already")
            case .dead:
                note("mount point", "\(mountPoint) was left behind by a killed daemon; mounting cleans it")
            }
        } catch {
            isWell = failed("mount point", error.description)
        }
        return isWell
    }

    // MARK: Findings

    private func passed(_ subject: String, _ words: String) { report(Finding(.ok, subject, words)) }
    private func note(_ subject: String, _ words: String) { report(Finding(.note, subject, words)) }

    /// Always false: what is reported so does not work.
    private func failed(_ subject: String, _ words: String) -> Bool {
        report(Finding(.failure, subject, words))
        return false
    }
}
