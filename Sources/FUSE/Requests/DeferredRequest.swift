import CFUSE

/// A question of the kernel whose answer comes later, from any thread.
///
/// The first answer wins, whether it is yours, the EINTR of an interrupt, or the end of the session; later ones
/// do nothing. An interrupt is only seen for what the kernel waits for: see
/// ``Capabilities/asyncRead``. If the object goes away without an answer, the answer is EIO.
public final class DeferredRequest: Sendable {
    /// Who asks.
    public let context: RequestContext

    /// Only used by whoever took the request out of the table of pending ones, which makes it one thread.
    private nonisolated(unsafe) let pointer: OpaquePointer?
    private let ticket: PendingRequests.Ticket?
    private let session: Session

    init(
        _ pointer: OpaquePointer?, context: RequestContext, session: Session,
        onInterrupt: (@Sendable () -> Void)?
    ) {
        self.pointer = pointer
        self.context = context
        self.session = session
        ticket = pointer.map { session.pending.add($0, session: session, onInterrupt: onInterrupt) }
    }

    deinit {
        answer(.error(.io))
    }

    /// Answers, unless that was done before.
    ///
    /// - Returns: false if this was not the first answer, or if it did not arrive: see ``Request/answer(_:)``.
    @discardableResult
    public func answer(_ reply: Reply) -> Bool {
        guard let pointer, let ticket, session.pending.remove(ticket) else { return false }
        return reply.send(to: pointer)
    }

    /// Whether an answer was given, by whomever.
    public var isAnswered: Bool {
        guard let ticket else { return true }
        return !session.pending.contains(ticket)
    }
}
