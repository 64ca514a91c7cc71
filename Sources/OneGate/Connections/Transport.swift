import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// What is sent to the server and comes from it: one HTTP exchange at a time, with no idea of what it means.
final class Transport: Sendable {
    /// An HTTP request without what the settings add to it.
    struct Request: Sendable {
        let method: HTTPMethod
        let path: String
        /// What it is called in reports.
        let kind: String
        var body: [UInt8] = []
        var contentType: String?
        /// Whether doing it twice is as good as once. What is not has a connection of its own, because one that
        /// the server is about to close would leave us not knowing whether the request was done.
        let isRepeatable: Bool

        /// The method and the path, for messages.
        var line: String { "\(method.rawValue) \(path)" }
    }

    /// An HTTP answer with its whole body; only an error's may be cut.
    struct Answer: Sendable {
        let status: Int
        let body: [UInt8]

        var isSuccess: Bool { Answer.isSuccess(status) }

        static func isSuccess(_ status: Int) -> Bool { 200...299 ~= status }
    }

    /// Why there is no answer.
    enum Failure: Error {
        /// The connection was closed before anything of an answer came.
        case closed
        case other(OneGateError.Kind, String)
    }

    private struct State {
        var isShutDown = false
        /// Exchanges under way, and who waits until there are none.
        var exchanges = 0
        var idle: CheckedContinuation<Void, Never>?
    }

    private let configuration: Client.Configuration
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let pool: NIOLoopBoundBox<ConnectionPool>
    /// Runs tasks where the connections are.
    let executor: LoopExecutor
    private let state = Mutex(State())

    /// Nothing is connected before the first request.
    ///
    /// - Throws: `SettingsError` when the file with CAs cannot be used, or the proxy that these settings need.
    init(configuration: Client.Configuration, settings: Settings) throws(SettingsError) {
        self.configuration = configuration
        _ = try Transport.way(settings, configuration.proxies)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        if let caFile = configuration.caFile {
            let certificates: String
            do throws(FileContent.Failure) {
                certificates = try FileContent.text(at: caFile, limit: FileContent.envFileLimit)
            } catch {
                throw SettingsError("the file of CAs \(caFile) cannot be read: \(error)")
            }
            // The TLS library would report this with the first request only.
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificates.utf8)))
            } catch {
                throw SettingsError(
                    "the file of CAs \(caFile) cannot be used: it should have certificates in PEM format")
            }
        }
        if configuration.insecure { tls.certificateVerification = .none }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        executor = LoopExecutor(loop)
        let connector = Connector(loop: loop, timeout: TimeAmount(configuration.timeout), tls: tls)
        pool = NIOLoopBoundBox.makeBoxSendingValue(
            ConnectionPool(
                connector: connector, limit: configuration.connections, timeout: configuration.timeout,
                loop: loop),
            eventLoop: loop)
    }

    deinit {
        guard !state.withLock({ $0.isShutDown }) else { return }
        let (pool, executor, group) = (pool, executor, group)
        Task.detached { await Transport.end(pool, executor, group) }
    }

    /// Closes all connections; requests under way fail.
    func shutDown() async {
        let isFirst = state.withLock { state in
            defer { state.isShutDown = true }
            return !state.isShutDown
        }
        guard isFirst else { return }
        onLoop { $0.close() }
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                guard state.exchanges > 0 else { return true }
                state.idle = continuation
                return false
            }
            if isIdle { continuation.resume() }
        }
        await Transport.end(pool, executor, group)
    }

    private func beginExchange() -> Bool {
        state.withLock { state in
            guard !state.isShutDown else { return false }
            state.exchanges += 1
            return true
        }
    }

    private func endExchange() {
        let idle: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.exchanges -= 1
            guard state.exchanges == 0 else { return nil }
            defer { state.idle = nil }
            return state.idle
        }
        idle?.resume()
    }

    /// Ends the connections and the thread that they had.
    private static func end(
        _ pool: NIOLoopBoundBox<ConnectionPool>, _ executor: LoopExecutor,
        _ group: MultiThreadedEventLoopGroup
    ) async {
        // Failures leave nothing to do.
        try? await pool.eventLoop.submit { pool.value.close() }.get()
        await executor.close()
        try? await group.shutdownGracefully()
    }

    private func onLoop(_ work: @escaping @Sendable (ConnectionPool) -> Void) {
        guard !loop.inEventLoop else { return work(pool.value) }
        loop.execute { [pool] in work(pool.value) }
    }

    // MARK: Exchanges

    /// Sends a request and reads the answer, before `deadline`.
    ///
    /// A cancelled task gets `.cancelled` at once, whatever the server does.
    func exchange(
        _ request: Request, _ settings: Settings, before deadline: ContinuousClock.Instant,
        onNewConnection: Bool
    ) async -> Result<Answer, Failure> {
        guard beginExchange() else { return .failure(Transport.shutDownFailure) }
        defer { endExchange() }
        let (endpoint, proxy): (Endpoint, Proxies.Proxy?)
        do throws(SettingsError) {
            (endpoint, proxy) = try Transport.way(settings, configuration.proxies)
        } catch {
            return .failure(.other(.unexpected, error.description))
        }
        let head = head(
            of: request, settings, endpoint, proxy, keepsConnection: request.isRepeatable && !onNewConnection)
        let destination = Destination(
            host: endpoint.host, port: endpoint.port, isSecure: endpoint.isSecure, proxy: proxy)
        let exchange = NIOLoopBoundBox.makeBoxSendingValue(
            Exchange(
                destination: destination, head: head,
                body: request.body.isEmpty ? nil : ByteBuffer(bytes: request.body),
                deadline: .now() + TimeAmount(ContinuousClock.now.duration(to: deadline)),
                limit: configuration.maximumBody),
            eventLoop: loop)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                onLoop { $0.begin(exchange.value) { continuation.resume(returning: $0) } }
            }
        } onCancel: {
            onLoop { $0.cancel(exchange.value) }
        }
    }

    /// Where requests go, and through which proxy.
    private static func way(
        _ settings: Settings, _ proxies: Proxies
    ) throws(SettingsError) -> (Endpoint, Proxies.Proxy?) {
        let endpoint = try Endpoint(parsing: settings.endpoint)
        return (endpoint, try proxies.proxy(for: endpoint))
    }

    /// A request's head, with what the settings add to it.
    private func head(
        of request: Request, _ settings: Settings, _ endpoint: Endpoint, _ proxy: Proxies.Proxy?,
        keepsConnection: Bool
    ) -> HTTPRequestHead {
        var target = endpoint.path + request.path
        var headers = HTTPHeaders([("Host", endpoint.authority)])
        if let proxy, !endpoint.isSecure {
            // Of a proxy the whole URL is asked for (RFC 9112, 3.2.2); https goes through a tunnel.
            target = "http://" + endpoint.authority + target
            if let credentials = proxy.credentials {
                headers.add(name: "Proxy-Authorization", value: credentials)
            }
        }
        headers.add(name: "X-ONEGATE-TOKEN", value: settings.token.headerValue)
        headers.add(name: "X-ONEGATE-VMID", value: String(settings.vmID))
        headers.add(name: "User-Agent", value: "onegatefs")
        headers.add(name: "Accept", value: "*/*")
        if !keepsConnection { headers.add(name: "Connection", value: "close") }
        if let contentType = request.contentType {
            headers.add(name: "Content-Type", value: contentType)
            headers.add(name: "Content-Length", value: String(request.body.count))
        }
        return HTTPRequestHead(version: .http1_1, method: request.method, uri: target, headers: headers)
    }
}

extension TimeAmount {
    /// An amount that is over at once only for what is none.
    fileprivate init(_ duration: Duration) {
        let parts = duration.components
        self = .nanoseconds(max(1, parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000))
    }
}
