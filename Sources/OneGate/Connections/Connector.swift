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
            return open(host, port) { channel in try Connector.add(connection, to: channel) }.map { _ in }
        }
        return secureContext().assumeIsolated().flatMap { context in
            guard let proxy = destination.proxy else {
                return self.open(destination.host, destination.port) { channel in
                    try Connector.add(connection, to: channel, context)
                }.map { _ in }
            }
            let tunnel = Tunnel(to: destination, through: proxy, before: deadline, on: self.loop)
            let opened = self.open(proxy.host, proxy.port, tunnel.add(to:))
            // Without a channel nobody else would tell.
            opened.assumeIsolated().whenFailure(tunnel.fail)
            return opened.and(tunnel.established).assumeIsolated().flatMapThrowing { channel, _ in
                try Connector.add(connection, to: channel, context)
            }.nonisolated()
        }.nonisolated()
    }

    private func open(
        _ host: String, _ port: Int, _ initialize: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        // The channel has the same loop.
        let initialize = NIOLoopBound(initialize, eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try initialize.value(channel) }
        }
        // An address needs nobody to look it up.
        if let address = try? SocketAddress(ipAddress: host, port: port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: host, port: port)
    }

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

    private static func add(
        _ connection: Connection, to channel: any Channel, _ context: NIOSSLContext? = nil
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let context {
            let host = connection.destination.host
            // Addresses are not announced, but the certificate has to be for them too.
            let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
            try pipeline.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host))
        }
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(connection)
    }
}
