import NIOCore
import OneGate
import Synchronization

/// A OneGate server in this process, on the loopback interface only. It answers from the state of a
/// `Cloud` as real servers were recorded to, and fails as it is told to.
///
/// Besides the API of OneGate there are routes under `/_simulator/`; see `AdminRoutes`.
public final class Simulator: Sendable {
    /// The cloud that is served.
    public let cloud: Cloud
    /// The dialect that is spoken.
    public let dialect: Dialect
    /// The TCP port.
    public let port: Int
    private let engine: Engine

    /// Begins to listen on 127.0.0.1. It ends when the simulator is stopped or released. Blocks for
    /// a moment, so call it on a thread that may.
    ///
    /// - Parameter port: 0 for any that is free.
    /// - Throws: an error that says why the port cannot be had.
    public init(cloud: Cloud, port: Int = 0, dialect: Dialect = .current) throws {
        self.cloud = cloud
        self.dialect = dialect
        engine = try Engine(cloud: cloud, dialect: dialect, port: port)
        _ = try engine.listen().wait()
        self.port = engine.port
        cloud.setEndpoint("http://127.0.0.1:\(self.port)")
    }

    deinit { _ = engine.close() }

    /// What a VM has as ONEGATE_ENDPOINT.
    public var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Refuses connections from now on, and closes those that there are. Blocks until it is done.
    public func stop() { try? engine.close().wait() }

    /// Listens again, on the same port, which nobody else was given meanwhile.
    ///
    /// - Throws: NIO's error when it cannot listen.
    public func restart() throws { _ = try engine.listen().wait() }

    /// Closes the connections that there are, and goes on listening. Blocks until it is done.
    public func closeConnections() { try? engine.closeConnections().wait() }

    /// How long a connection may be idle before it is closed: 20 s, or 60 s in the older dialect.
    public var idleTimeout: Duration {
        get { engine.idleTimeout }
        set { engine.idleTimeout = newValue }
    }

    // MARK: Faults

    /// Lets requests fail until the fault is cleared, or `count` of them did.
    ///
    /// - Parameters:
    ///   - path: only requests whose path begins with this.
    ///   - method: only requests with this method.
    ///   - vm: only requests of this VM.
    ///   - count: only so many requests.
    ///   - takesEffect: whether the request is carried out although its answer is not sent. What is
    ///     delayed or cut always is.
    @discardableResult
    public func inject(
        _ fault: Fault, path: String? = nil, method: String? = nil, vm: Int? = nil, count: Int? = nil,
        takesEffect: Bool = false
    ) -> FaultID {
        engine.faults.withLock { plan in
            plan.add { id in
                .init(
                    id: id, fault: fault, path: path, method: method, vm: vm, count: count,
                    takesEffect: takesEffect)
            }
        }
    }

    /// Ends a fault.
    public func clear(_ fault: FaultID) { engine.faults.withLock { $0.remove(fault) } }

    /// Ends all faults.
    public func clearFaults() { engine.faults.withLock { $0.remove(nil) } }

    // MARK: Requests

    /// The latest requests (20,000 at most), the oldest first. Those to `/_simulator/` are not among them.
    public var requests: [RequestRecord] { engine.log.withLock { $0.records } }

    /// How many requests there were since the simulator began.
    public var requestCount: Int { engine.log.withLock { $0.count } }

    /// Forgets the requests, but not how many there were.
    public func clearRequests() { engine.log.withLock { $0.clear() } }

    // MARK: Guests

    /// The text of the environment file that contextualization writes in a VM.
    public func environmentFile(vm: Int) -> String {
        EnvironmentFile.text(vm: vm, cloud: cloud, endpoint: endpoint)
    }

    /// Writes the environment file of every VM to `directory/ID/one_env`, mode 0400.
    ///
    /// - Throws: an error that says which file could not be written, and why.
    public func writeEnvironmentFiles(to directory: String) throws {
        for vm in cloud.machines {
            try EnvironmentFile.write(environmentFile(vm: vm), vm: vm, to: directory)
        }
    }
}
