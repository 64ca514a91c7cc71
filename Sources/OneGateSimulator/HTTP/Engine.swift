import NIOCore
import NIOHTTP1
import NIOPosix
import OneGate
import Synchronization

/// What all connections of a simulator share: the cloud, the faults, the log, the listening socket.
final class Engine: Sendable {
    let cloud: Cloud
    let dialect: Dialect
    let group: MultiThreadedEventLoopGroup
    let faults = Mutex(FaultPlan())
    let log = Mutex(RequestLog())
    private let start = ContinuousClock.now
    private let idle: Mutex<Duration>
    private let sockets = Mutex(Sockets())

    private struct Sockets: Sendable {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    private let reservation: PortReservation

    init(cloud: Cloud, dialect: Dialect, port: Int) throws(PortReservation.Failure) {
        reservation = try PortReservation(port: port)
        self.cloud = cloud
        self.dialect = dialect
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        idle = Mutex(dialect == .current ? .seconds(20) : .seconds(60))
    }

    deinit {
        // Also closes what is open.
        group.shutdownGracefully { _ in }
    }

    var port: Int { reservation.port }

    /// How long a connection may be idle.
    var idleTimeout: Duration {
        get { idle.withLock { $0 } }
        set { idle.withLock { $0 = newValue } }
    }

    // MARK: Listening

    /// Listens on the loopback interface.
    func listen() -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    keep(channel)
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(engine: self))
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .map { [self] channel in
                sockets.withLock { $0.listener = channel }
                return channel
            }
    }

    private func keep(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        sockets.withLock { $0.connections[id] = channel }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.sockets.withLock { $0.connections[id] = nil }
        }
    }

    /// Refuses connections, and closes those that there are.
    func close() -> EventLoopFuture<Void> {
        let channels = sockets.withLock { sockets in
            let channels = [sockets.listener].compactMap { $0 } + sockets.connections.values
            sockets.listener = nil
            return channels
        }
        let closed = channels.map { channel in channel.close().recover { _ in } }
        return EventLoopFuture.andAllComplete(closed, on: group.any())
    }

    /// Closes the connections, and goes on listening.
    func closeConnections() -> EventLoopFuture<Void> {
        let channels = sockets.withLock { Array($0.connections.values) }
        return EventLoopFuture.andAllComplete(channels.map { $0.close().recover { _ in } }, on: group.any())
    }

    /// Refuses connections for a while.
    func refuse(for time: TimeAmount) {
        close().whenComplete { [self] _ in
            _ = group.any().flatScheduleTask(in: time) { [self] in listen() }
        }
    }

    // MARK: Answering

    /// Notes a request, and says what becomes of it.
    func receive(_ request: GateRequest) -> (number: Int, fate: FaultPlan.Fate) {
        let fate = faults.withLock { $0.fate(of: request) }
        let time = ContinuousClock.now - start
        return (log.withLock { $0.add(request, fault: fate.name, time: time) }, fate)
    }

    func respond(to request: GateRequest) -> GateResponse {
        cloud.withState { Gate.respond(to: request, dialect: dialect, in: &$0) }
    }

    func answered(_ number: Int, status: Int) { log.withLock { $0.answer(number, status: status) } }
}
