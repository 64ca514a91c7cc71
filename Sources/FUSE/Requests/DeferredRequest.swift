import CFUSE

/// A question of the kernel whose answer comes later, from any thread.
///
/// The first answer wins, whether it is yours, the EINTR of an interrupt, or the end of the session; later ones
/// do nothing. An interrupt is only seen for what the kernel waits for: see
/// ``Capabilities/asyncRead``. If the object goes away without an answer, the answer is EIO.
public final class DeferredRequest: Sendable {
    /// Who asks.
    public let context: RequestContext

    private let ticket: PendingRequests.Ticket?
    private let session: Session

    init(
        _ pointer: OpaquePointer?, context: RequestContext, session: Session, lock: Inode?, isAwaited: Bool,
        onInterrupt: (@Sendable () -> Void)?
    ) {
        self.context = context
        self.session = session
        ticket = pointer.map {
            session.pending.add(
                $0, session: session, lock: lock, isAwaited: isAwaited, onInterrupt: onInterrupt)
        }
    }

    deinit {
        answer(.error(.io))
    }

    /// Answers, unless that was done before.
    ///
    /// - Returns: false if this was not the first answer, or if it did not arrive: see ``Request/answer(_:)``.
    @discardableResult
    public func answer(_ reply: Reply) -> Bool {
        ticket.map { session.pending.answer($0, reply) } ?? false
    }

    /// Whether the session is to end: what was not begun yet should not be begun any more.
    public var isSessionEnding: Bool { session.isExiting }

    /// Whether an answer was given, by whomever.
    public var isAnswered: Bool {
        guard let ticket else { return true }
        return !session.pending.contains(ticket)
    }
}
