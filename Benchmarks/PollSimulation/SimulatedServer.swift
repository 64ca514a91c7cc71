/// One server that answers one request after the other, in the order in which they come, with all
/// times in nanoseconds. What a guest no longer waits for is answered all the same.
package struct SimulatedServer: Sendable {
    /// How long it works on a request.
    package var serviceTime: Int64
    /// From when on it works how many times as long.
    package var slowdown: (from: Int64, factor: Int64)?
    /// When it refuses connections; what it was asked before is lost.
    package var outage: Range<Int64>?
    /// Until when others keep it so busy that whoever comes waits at least so long.
    package var crowd: (until: Int64, wait: Int64)?
    private var idleFrom: Int64 = 0

    /// How long guests wait at most.
    package static let timeout: Int64 = 30_000_000_000
    private static let refusal: Int64 = 1_000_000

    package init(serviceTime: Int64) { self.serviceTime = serviceTime }

    /// How long a request that comes now takes the server.
    package func work(at now: Int64) -> Int64 {
        if let slowdown, now >= slowdown.from { return serviceTime * slowdown.factor }
        return serviceTime
    }

    /// How many requests are waiting or answered now.
    package func queue(at now: Int64) -> Int {
        if let outage, outage.contains(now) { return 0 }
        return Int((max(0, idleFrom - now) + work(at: now) - 1) / work(at: now))
    }

    /// A request comes: when the guest is done with it, and whether it has an answer.
    package mutating func request(at now: Int64) -> (time: Int64, answered: Bool) {
        if let outage {
            if outage.contains(now) { return (now + Self.refusal, false) }
            if now >= outage.upperBound { idleFrom = max(idleFrom, outage.upperBound) }
        }
        if let crowd, now < crowd.until { idleFrom = max(idleFrom, now + crowd.wait) }
        let done = max(now, idleFrom) + work(at: now)
        idleFrom = done
        if let outage, now < outage.lowerBound, done >= outage.lowerBound {
            // Lost with all that waited.
            idleFrom = outage.lowerBound
            return (min(outage.lowerBound, now + Self.timeout), false)
        }
        return done - now > Self.timeout ? (now + Self.timeout, false) : (done, true)
    }
}
