import Logging
import NIOPosix
import Synchronization

/// A client of OneGate for one VM.
///
/// It sends what it is asked to, one HTTP request a call, and keeps nothing but connections. Reads and updates are sent
/// again once when the connection is closed before anything of an answer came; erasing, actions and scaling are not.
/// Changes to one VM should be made one after the other: the server loses an update that is made while it erases.
public final class Client: Sendable {
    /// How requests are made.
    public struct Configuration: Sendable {
        /// The longest a call may take, from connecting to the last byte of the answer.
        public var timeout: Duration = .seconds(30)
        /// A file of CA certificates in PEM format to trust instead of the system's.
        public var caFile: String?
        /// Whether the server's certificate is not verified.
        public var insecure = false
        /// The most connections that are kept at a time.
        public var connections = 8
        /// The largest answer in bytes.
        public var maximumBody = 32 << 20
        /// Through which proxy requests go.
        public var proxies: Proxies

        /// The defaults, with the proxies of this process's environment.
        public init(
            timeout: Duration = .seconds(30), caFile: String? = nil, insecure: Bool = false,
            connections: Int = 8,
            maximumBody: Int = 32 << 20, proxies: Proxies = .ofProcess()
        ) {
            self.timeout = timeout
            self.caFile = caFile
            self.insecure = insecure
            self.connections = connections
            self.maximumBody = maximumBody
            self.proxies = proxies
        }
    }

    private struct State {
        var settings: Settings
        /// How often the settings have been read again.
        var generation = 0
        var reloading: Task<Void, Never>?
    }

    private let transport: Transport
    private let timeout: Duration
    private let reload: (@Sendable () throws -> Settings)?
    private let logger: Logger
    private let observer: (@Sendable (RequestReport) -> Void)?
    private let state: Mutex<State>

    /// A client; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - settings: Where to ask, and who is asking.
    ///   - configuration: How requests are made.
    ///   - reload: Reads the settings again. Called after a 401, once for all requests that got one, on a thread of
    ///     its own.
    ///   - logger: Gets requests and their failures at debug. The token is never in it.
    ///   - observer: Is told of every HTTP request, on whatever thread; it must not block.
    /// - Throws: `SettingsError` when `caFile` cannot be used, or the proxy that the environment names for the endpoint.
    public init(
        settings: Settings, configuration: Configuration = Configuration(),
        reload: (@Sendable () throws -> Settings)? = nil, logger: Logger,
        observer: (@Sendable (RequestReport) -> Void)? = nil
    ) throws {
        self.transport = try Transport(configuration: configuration, settings: settings)
        self.timeout = configuration.timeout
        self.reload = reload
        self.logger = logger
        self.observer = observer
        self.state = Mutex(State(settings: settings))
    }

    /// The settings that requests are made with now.
    public var settings: Settings { state.withLock { $0.settings } }

    /// Reads the settings again; blocks while that takes.
    ///
    /// - Throws: What `reload` throws, such as `SettingsError`; the settings stay as they were then.
    public func reloadSettings() throws {
        guard let reload else { return }
        let settings = try checked(reload())
        state.withLock { state in
            state.settings = settings
            state.generation += 1
        }
    }

    /// Settings that are read again, if they are of the same VM: what is asked for as this one's would be another's.
    private func checked(_ new: Settings) throws(SettingsError) -> Settings {
        let vmID = settings.vmID
        guard new.vmID == vmID else {
            throw SettingsError(
                "the settings are of VM \(new.vmID) now, not of VM \(vmID): they are not taken")
        }
        return new
    }

    /// Runs tasks on the thread that the connections have: a request and its answer then wake up no other thread.
    ///
    /// For tasks that ask, compute little, and ask again, and that never block.
    public var executor: any TaskExecutor { transport.executor }

    /// Closes all connections. Requests under way and later ones fail as `cancelled`.
    public func shutdown() async { await transport.shutDown() }

    // MARK: Sending

    /// Sends a request, again after a closed connection or with renewed settings where that is due.
    ///
    /// - Returns: The body of an answer with a status of success, and the status.
    func send(_ request: Transport.Request) async throws(OneGateError) -> Transport.Answer {
        let deadline = ContinuousClock.now + timeout
        let (settings, generation) = state.withLock { ($0.settings, $0.generation) }
        var used = settings
        var answer = try await send(request, used, before: deadline)
        if answer.status == 401,
            let renewed = await renewedSettings(insteadOf: used, generation, before: deadline)
        {
            used = renewed
            answer = try await send(request, used, before: deadline)
        }
        guard answer.isSuccess else {
            throw error(OneGateError.kind(ofStatus: answer.status), answer, request, used)
        }
        // What stands between us and the server (a captive portal, a proxy) answers like this.
        guard !ServerWords.looksLikeHTML(answer.body) else { throw error(.unexpected, answer, request, used) }
        return answer
    }

    private func error(
        _ kind: OneGateError.Kind, _ answer: Transport.Answer, _ request: Transport.Request,
        _ settings: Settings
    ) -> OneGateError {
        var words = ServerWords.of(answer.body, hiding: settings.token)
        if words.isEmpty, (300...399).contains(answer.status) { words = "a redirect, which is not followed" }
        return OneGateError(kind: kind, status: answer.status, words: words, request: request.line)
    }

    private func send(
        _ request: Transport.Request, _ settings: Settings, before deadline: ContinuousClock.Instant
    ) async throws(OneGateError) -> Transport.Answer {
        var outcome = await attempt(request, settings, before: deadline)
        if case .failure(.closed) = outcome, request.isRepeatable {
            outcome = await attempt(request, settings, before: deadline, onNewConnection: true)
        }
        switch outcome {
        case .success(let answer): return answer
        case .failure(.closed):
            throw OneGateError(
                kind: .unexpected, words: "the server closed the connection without an answer",
                request: request.line)
        case .failure(.other(let kind, let words)):
            throw OneGateError(kind: kind, words: words, request: request.line)
        }
    }

    /// One HTTP request, logged and reported.
    private func attempt(
        _ request: Transport.Request, _ settings: Settings, before deadline: ContinuousClock.Instant,
        onNewConnection: Bool = false
    ) async -> Result<Transport.Answer, Transport.Failure> {
        let start = ContinuousClock.now
        let outcome = await transport.exchange(
            request, settings, before: deadline, onNewConnection: onNewConnection)
        let duration = ContinuousClock.now - start
        var status: Int?
        var kind: OneGateError.Kind?
        var bytes = 0
        var words = ""
        switch outcome {
        case .success(let answer):
            status = answer.status
            bytes = answer.body.count
            if !answer.isSuccess { kind = OneGateError.kind(ofStatus: answer.status) }
        case .failure(.closed):
            kind = .unexpected
            words = "connection closed"
        case .failure(.other(let failure, let reason)):
            kind = failure
            words = reason
        }
        logger.debug(
            "request",
            metadata: [
                "request": "\(request.line)", "status": "\(status.map(String.init) ?? words)",
                "duration": "\(duration)", "bytes": "\(bytes)",
            ])
        observer?(
            RequestReport(
                method: request.method.rawValue, kind: request.kind, status: status, error: kind,
                duration: duration, bytes: bytes))
        return outcome
    }

    /// Reads the settings again after a 401, once for everybody who got one with the same settings.
    ///
    /// - Returns: The settings, if they are others than those that were refused, by the deadline.
    private func renewedSettings(
        insteadOf refused: Settings, _ generation: Int, before deadline: ContinuousClock.Instant
    ) async -> Settings? {
        let reloading: Task<Void, Never>? = state.withLock { state in
            guard state.generation == generation, let reload else { return nil }
            if let running = state.reloading { return running }
            let task = Task {
                let result: Result<Settings, any Error>
                do { result = .success(try checked(await NIOThreadPool.singleton.runIfActive(reload))) } catch
                {
                    result = .failure(error)
                }
                self.finishReload(result)
            }
            state.reloading = task
            return task
        }
        if let reloading { await Client.wait(for: reloading, until: deadline) }
        let current = settings
        return current == refused ? nil : current
    }

    /// Waits for a task, but not after a deadline, nor for a task of its own that is cancelled.
    private static func wait(for task: Task<Void, Never>, until deadline: ContinuousClock.Instant) async {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let timer = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            end.finish()
        }
        Task {
            await task.value
            timer.cancel()
        }
        for await _ in ends {}
        timer.cancel()
    }

    private func finishReload(_ result: Result<Settings, any Error>) {
        state.withLock { state in
            state.reloading = nil
            state.generation += 1
            if case .success(let settings) = result { state.settings = settings }
        }
        if case .failure(let error) = result {
            logger.warning("the settings cannot be read again", metadata: ["reason": "\(error)"])
        }
    }
}
