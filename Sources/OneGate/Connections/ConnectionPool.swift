import NIOCore

/// The connections that are kept, and the exchanges that have one or wait for one. Belongs to the thread of its event loop.
final class ConnectionPool {
    /// Servers close idle connections after 20 s (Puma); ours are gone before that.
    private static let longestIdle = TimeAmount.seconds(15)

    private let connector: Connector
    private let limit: Int
    private let timeout: Duration
    private let loop: any EventLoop
    /// The one used last comes last.
    private var idle: [Connection] = []
    private var waiting = CircularBuffer<Exchange>()
    private var underWay: [ObjectIdentifier: Exchange] = [:]
    /// How many exchanges have a connection or are getting one.
    private var admitted = 0
    private var isAdmitting = false
    private var sweep: Scheduled<Void>?
    private var isClosed = false

    /// - Parameters:
    ///   - limit: how many exchanges may have a connection at a time.
    ///   - timeout: what is told of an exchange that took too long.
    init(connector: Connector, limit: Int, timeout: Duration, loop: any EventLoop) {
        self.connector = connector
        self.limit = max(1, limit)
        self.timeout = timeout
        self.loop = loop
    }

    // MARK: Exchanges

    /// Begins an exchange, or has it wait until another has ended.
    func begin(
        _ exchange: Exchange, _ completion: @escaping (Result<Transport.Answer, Transport.Failure>) -> Void
    ) {
        guard !isClosed else { return completion(.failure(Transport.shutDownFailure)) }
        guard !exchange.isCancelled else { return completion(.failure(.other(.cancelled, "cancelled"))) }
        exchange.completion = completion
        underWay[ObjectIdentifier(exchange)] = exchange
        exchange.timer = loop.assumeIsolated().scheduleTask(deadline: exchange.deadline) { [weak self] in
            guard let self else { return }
            self.end(exchange, .failure(.other(.timedOut, "no answer within \(self.timeout)")))
        }
        waiting.append(exchange)
        admit()
    }

    /// Ends an exchange that nobody waits for, whether it has begun or not.
    func cancel(_ exchange: Exchange) {
        exchange.isCancelled = true
        end(exchange, .failure(.other(.cancelled, "cancelled")))
    }

    /// Ends an exchange that has not ended yet.
    ///
    /// - Parameter isKept: Whether the next one may have its connection, which else is closed.
    func end(
        _ exchange: Exchange, _ outcome: Result<Transport.Answer, Transport.Failure>,
        keeping isKept: Bool = false
    ) {
        guard let completion = exchange.completion else { return }
        exchange.completion = nil
        underWay[ObjectIdentifier(exchange)] = nil
        exchange.timer?.cancel()
        exchange.timer = nil
        if let connection = exchange.connection {
            exchange.connection = nil
            if isKept, !isClosed { keep(connection) } else { connection.close() }
        }
        if exchange.isAdmitted { admitted -= 1 }
        admit()
        completion(outcome)
    }

    /// Lets those that wait have connections, as many as may.
    private func admit() {
        // What fails at once ends in here, and the next one is admitted by the loop.
        guard !isAdmitting else { return }
        isAdmitting = true
        defer { isAdmitting = false }
        while !isClosed, admitted < limit, let exchange = waiting.popFirst() {
            // Some have ended while they waited.
            guard exchange.completion != nil else { continue }
            exchange.isAdmitted = true
            admitted += 1
            if exchange.head.isKeepAlive, let connection = takeIdle(exchange.destination) {
                exchange.connection = connection
                connection.begin(exchange)
            } else {
                connect(exchange)
            }
        }
    }

    private func connect(_ exchange: Exchange) {
        let connection = Connection(to: exchange.destination, of: self)
        connector.connect(connection, before: exchange.deadline).assumeIsolated().whenComplete {
            [weak self] result in
            switch result {
            case .success:
                // It may have ended meanwhile.
                guard exchange.completion != nil else { return connection.close() }
                guard connection.isOpen else { self?.end(exchange, .failure(.closed)); return }
                exchange.connection = connection
                connection.begin(exchange)
            case .failure(let error):
                self?.end(exchange, .failure(Transport.failure(for: error, afterStatus: nil)))
            }
        }
    }

    // MARK: Idle connections

    private func keep(_ connection: Connection) {
        connection.idleSince = .now()
        idle.append(connection)
        if sweep == nil { scheduleSweep() }
    }

    private func takeIdle(_ destination: Destination) -> Connection? {
        while let index = idle.lastIndex(where: { $0.destination == destination }) {
            let connection = idle.remove(at: index)
            if connection.isOpen { return connection }
        }
        return nil
    }

    /// A connection that nobody used has been closed.
    func forget(_ connection: Connection) { idle.removeAll { $0 === connection } }

    private func scheduleSweep() {
        guard let oldest = idle.first else { return }
        sweep = loop.assumeIsolated().scheduleTask(deadline: oldest.idleSince + ConnectionPool.longestIdle) {
            [weak self] in self?.closeIdle()
        }
    }

    private func closeIdle() {
        sweep = nil
        let now = NIODeadline.now()
        let kept = idle.drop { $0.idleSince + ConnectionPool.longestIdle <= now }
        let closed = idle.prefix(idle.count - kept.count)
        idle = Array(kept)
        for connection in closed { connection.close() }
        scheduleSweep()
    }

    // MARK: The end

    /// Closes all connections; exchanges under way fail, and later ones too.
    func close() {
        isClosed = true
        sweep?.cancel()
        for connection in idle { connection.close() }
        idle = []
        for exchange in underWay.values { end(exchange, .failure(Transport.shutDownFailure)) }
    }
}
