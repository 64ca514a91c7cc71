import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Connections to the server and what is sent over them: one HTTP exchange at a time, with no idea of what it means.
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
    }

    /// Why there is no answer.
    enum Failure: Error {
        /// The connection was closed before anything of an answer came.
        case closed
        case other(OneGateError.Kind, String)
    }

    /// HTTP clients differ in what they are configured with for good.
    private struct Route: Hashable {
        let proxy: Proxies.Proxy?
        /// Whether the proxy is asked for a connection to the server (https) or for the answer itself (http).
        let isTunnel: Bool
        let keepsConnections: Bool
    }

    private struct State {
        var clients: [Route: HTTPClient] = [:]
        var isShutDown = false
        /// Exchanges under way, and who waits until there are none.
        var exchanges = 0
        var idle: CheckedContinuation<Void, Never>?
    }

    private let configuration: Client.Configuration
    private let tls: TLSConfiguration
    private let group: MultiThreadedEventLoopGroup
    /// Runs tasks where the connections are.
    let executor: LoopExecutor
    private let state = Mutex(State())

    /// Nothing is connected before the first request.
    ///
    /// - Throws: `SettingsError` when the file with CAs cannot be used.
    init(configuration: Client.Configuration) throws(SettingsError) {
        self.configuration = configuration
        var tls = TLSConfiguration.makeClientConfiguration()
        if let caFile = configuration.caFile {
            // The TLS library would report this with the first request only.
            do { tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(caFile)) } catch {
                throw SettingsError(
                    "the file of CAs \(caFile) cannot be used: it should have certificates in PEM format")
            }
        }
        if configuration.insecure { tls.certificateVerification = .none }
        self.tls = tls
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.executor = LoopExecutor(group.any())
    }

    deinit {
        let clients = state.withLock { state in
            defer { state.clients = [:] }
            return state.isShutDown ? nil : Array(state.clients.values)
        }
        guard let clients else { return }
        let (executor, group) = (executor, group)
        Task.detached {
            await Transport.close(clients)
            await Transport.end(executor, group)
        }
    }

    /// Closes all connections; requests under way fail.
    func shutDown() async {
        let clients: [HTTPClient]? = state.withLock { state in
            guard !state.isShutDown else { return nil }
            state.isShutDown = true
            defer { state.clients = [:] }
            return Array(state.clients.values)
        }
        guard let clients else { return }
        await Transport.close(clients)
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                guard state.exchanges > 0 else { return true }
                state.idle = continuation
                return false
            }
            if isIdle { continuation.resume() }
        }
        await Transport.end(executor, group)
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

    /// Closes connections; what is under way on them fails.
    private static func close(_ clients: [HTTPClient]) async {
        // Failures leave nothing to do.
        for client in clients { try? await client.shutdown() }
    }

    /// Ends the thread that the connections had.
    private static func end(_ executor: LoopExecutor, _ group: MultiThreadedEventLoopGroup) async {
        await executor.close()
        try? await group.shutdownGracefully()
    }

    // MARK: Exchanges

    /// Sends a request and reads the answer, before `deadline`.
    ///
    /// A cancelled task gets `.cancelled` at once, whatever the server does.
    func exchange(
        _ request: Request, _ settings: Settings, before deadline: ContinuousClock.Instant,
        onNewConnection: Bool
    ) async -> Result<Answer, Failure> {
        guard beginExchange() else {
            return .failure(.other(.cancelled, "the client has been shut down"))
        }
        defer { endExchange() }
        let collector = AnswerCollector(limit: configuration.maximumBody)
        do {
            let (message, route) = try message(request, settings, onNewConnection: onNewConnection)
            let task = try client(route).execute(
                request: message, delegate: collector, eventLoop: .delegate(on: group.any()),
                deadline: .now() + Transport.amount(ContinuousClock.now.duration(to: deadline)))
            let answer = try await withTaskCancellationHandler {
                try await task.get()
            } onCancel: {
                task.cancel()
            }
            return .success(answer)
        } catch let cut as AnswerCollector.Cut {
            return .success(cut.answer)
        } catch let failure as Failure {
            return .failure(failure)
        } catch {
            if Task.isCancelled { return .failure(.other(.cancelled, "cancelled")) }
            if ContinuousClock.now >= deadline {
                return .failure(.other(.timedOut, "no answer within \(configuration.timeout)"))
            }
            return .failure(Transport.failure(for: error, afterStatus: collector.status))
        }
    }

    /// A request with what the settings add to it, and how it has to be sent.
    private func message(
        _ request: Request, _ settings: Settings, onNewConnection: Bool
    ) throws -> (HTTPClient.Request, Route) {
        let endpoint = try Endpoint(parsing: settings.endpoint)
        let keepsConnection = request.isRepeatable && !onNewConnection
        let proxy = configuration.proxies.proxy(for: endpoint)
        let route = Route(
            proxy: proxy, isTunnel: proxy != nil && endpoint.isSecure, keepsConnections: keepsConnection)
        var url = settings.endpoint + request.path
        var headers = HTTPHeaders()
        if let proxy, !endpoint.isSecure {
            url = proxy.url + endpoint.path + request.path
            headers.add(name: "Host", value: endpoint.authority)
            if let user = proxy.user {
                let credentials = HTTPClient.Authorization.basic(
                    username: user, password: proxy.password ?? "")
                headers.add(name: "Proxy-Authorization", value: credentials.headerValue)
            }
        }
        headers.add(name: "X-ONEGATE-TOKEN", value: settings.token.headerValue)
        headers.add(name: "X-ONEGATE-VMID", value: String(settings.vmID))
        headers.add(name: "User-Agent", value: "onegatefs")
        headers.add(name: "Accept", value: "*/*")
        if !keepsConnection { headers.add(name: "Connection", value: "close") }
        var body: HTTPClient.Body?
        if let contentType = request.contentType {
            headers.add(name: "Content-Type", value: contentType)
            body = .byteBuffer(ByteBuffer(bytes: request.body))
        }
        let message = try HTTPClient.Request(url: url, method: request.method, headers: headers, body: body)
        return (message, route)
    }

    private func client(_ route: Route) throws(Failure) -> HTTPClient {
        let client: HTTPClient? = state.withLock { state in
            guard !state.isShutDown else { return nil }
            if let client = state.clients[route] { return client }
            let client = makeClient(route)
            state.clients[route] = client
            return client
        }
        guard let client else { throw .other(.cancelled, "the client has been shut down") }
        return client
    }

    private func makeClient(_ route: Route) -> HTTPClient {
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: Transport.amount(configuration.timeout)),
            decompression: .disabled)
        settings.httpVersion = .http1Only
        // Nobody follows requests from one process to another here.
        settings.tracing.tracer = nil
        // Servers close idle connections after 20 s (Puma); ours are gone before that.
        settings.connectionPool.idleTimeout = .seconds(15)
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, configuration.connections)
        // A refused connection is an answer for the caller, not something to try again for 30 s.
        settings.connectionPool.retryConnectionEstablishment = false
        if let proxy = route.proxy, route.isTunnel {
            settings.proxy = .server(
                host: proxy.host, port: proxy.port,
                authorization: proxy.user.map { .basic(username: $0, password: proxy.password ?? "") })
        }
        // The library would ask for a tunnel here too, which proxies grant for https only.
        let wantsWholeURL = route.proxy != nil && !route.isTunnel
        settings.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                try FlushHandler.add(to: channel)
                if wantsWholeURL { try AbsoluteFormHandler.add(to: channel) }
            }
        }
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings)
    }

    private static func amount(_ duration: Duration) -> TimeAmount {
        let parts = duration.components
        return .nanoseconds(max(1, parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000))
    }
}
