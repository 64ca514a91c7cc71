import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Where connections lead to. Requests with the same destination can share them.
struct Destination: Sendable, Hashable {
    let host: String
    let port: Int
    let isSecure: Bool
    let proxy: Proxies.Proxy?
}

/// Makes connections: to a server or to a proxy, with TLS or without. Belongs to the thread of its event loop.
final class Connector {
    private let loop: any EventLoop
    private let timeout: TimeAmount
    private let tls: TLSConfiguration
    private var context: EventLoopFuture<NIOSSLContext>?

    /// - Parameter timeout: how long the kernel may try to connect.
    init(loop: any EventLoop, timeout: TimeAmount, tls: TLSConfiguration) {
        self.loop = loop
        self.timeout = timeout
        self.tls = tls
    }

    /// Connects, and has `connection` at the end of the channel.
    func connect(_ connection: Connection, before deadline: NIODeadline) -> EventLoopFuture<Void> {
        let destination = connection.destination
        guard destination.isSecure else {
            let (host, port) =
                destination.proxy.map { ($0.host, $0.port) } ?? (destination.host, destination.port)
            return open(host, port).assumeIsolated().flatMapThrowing { try self.add(connection, to: $0) }
                .nonisolated()
        }
        // The TLS library compares the certificate with the address at the channel's other end, which is the proxy's.
        guard destination.proxy == nil || !Connector.isAddress(destination.host) || isInsecure else {
            return loop.makeFailedFuture(Connector.unnamed)
        }
        return secureContext().assumeIsolated().flatMap { context in
            guard let proxy = destination.proxy else {
                return self.open(destination.host, destination.port).assumeIsolated().flatMapThrowing {
                    try self.add(connection, to: $0, context)
                }.nonisolated()
            }
            return self.open(proxy.host, proxy.port).assumeIsolated().flatMap { channel in
                let tunnel = Tunnel(to: destination, through: proxy, before: deadline, on: self.loop)
                tunnel.add(to: channel)
                return tunnel.established.assumeIsolated().flatMapThrowing {
                    try self.add(connection, to: channel, context)
                }.nonisolated()
            }.nonisolated()
        }.nonisolated()
    }

    private static let unnamed = Transport.Failure.other(
        .unexpected,
        "through a proxy a server with https needs a name: the certificate of an address cannot be verified")

    /// Opens a channel. A name may have several addresses, each of which is tried with a channel of its own: so there is nothing
    /// in it yet.
    private func open(_ host: String, _ port: Int) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(timeout)
        // An address needs nobody to look it up.
        if let address = try? SocketAddress(ipAddress: host, port: port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: host, port: port)
    }

    private static func isAddress(_ host: String) -> Bool {
        (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }

    private var isInsecure: Bool { tls.certificateVerification == .none }

    /// TLS as it is configured. Reading the system's certificates takes a while, so it is done once, and elsewhere.
    private func secureContext() -> EventLoopFuture<NIOSSLContext> {
        if let context { return context }
        let tls = tls
        let made = NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            try NIOSSLContext(configuration: tls)
        }
        context = made
        // The next one may have the descriptors for it.
        made.assumeIsolated().whenFailure { _ in self.context = nil }
        return made
    }

    /// Puts a connection at the end of a channel, which is closed if that fails.
    private func add(
        _ connection: Connection, to channel: any Channel, _ context: NIOSSLContext? = nil
    ) throws {
        do {
            let pipeline = channel.pipeline.syncOperations
            if let context {
                let host = connection.destination.host
                // Addresses are not announced, but the certificate has to be for them too.
                let name = Connector.isAddress(host) ? nil : host
                try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
            }
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(connection)
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }
}
