import CFUSE
import Synchronization

/// The deferred requests of a session that have no answer yet.
///
/// Whoever removes a request from here is the one who answers it. libfuse reports an interrupt by the address
/// of the request, perhaps a moment after another thread answered it; it keeps the memory until its report is
/// over, so the address cannot belong to a newer request. That is why a request leaves this table *before* it
/// is answered: what is not found here needs nothing any more.
final class PendingRequests: Sendable {
    /// Tells a request from a later one at the same address.
    struct Ticket: Hashable, Sendable {
        fileprivate let address: UInt
        fileprivate let number: UInt64
    }

    private struct Entry {
        let number: UInt64
        let onInterrupt: (@Sendable () -> Void)?
        var isBeingAdded = true
        var wasInterrupted = false
    }

    private struct State {
        var entries: [UInt: Entry] = [:]
        var count: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Registers the request and asks libfuse for its interrupt. One that came before is handled here.
    func add(_ request: OpaquePointer, session: Session, onInterrupt: (@Sendable () -> Void)?) -> Ticket {
        let address = UInt(bitPattern: request)
        let ticket = state.withLock { state in
            state.count += 1
            state.entries[address] = Entry(number: state.count, onInterrupt: onInterrupt)
            return Ticket(address: address, number: state.count)
        }
        // If the interrupt came before, this calls the function on this thread and touches the request
        // afterwards. So the function must not answer it yet (which frees it), it only leaves a note.
        fuse_req_interrupt_func(
            request,
            { request, session in
                guard let request, let session else { return }
                Unmanaged<Session>.fromOpaque(session).takeUnretainedValue().pending.interrupt(request)
            }, Unmanaged.passUnretained(session).toOpaque())
        let wasInterrupted = state.withLock { state in
            state.entries[address]?.isBeingAdded = false
            return state.entries[address]?.wasInterrupted ?? false
        }
        if wasInterrupted { interrupt(request) }
        return ticket
    }

    /// Whether the request was still there; then it is the caller's to answer.
    func remove(_ ticket: Ticket) -> Bool {
        state.withLock { state in
            guard state.entries[ticket.address]?.number == ticket.number else { return false }
            state.entries[ticket.address] = nil
            return true
        }
    }

    func contains(_ ticket: Ticket) -> Bool {
        state.withLock { $0.entries[ticket.address]?.number == ticket.number }
    }

    /// Answers everything with this error and tells those who work on it.
    func endAll(with error: Errno) {
        let entries = state.withLock { state in
            defer { state.entries = [:] }
            return state.entries
        }
        for (address, entry) in entries {
            OpaquePointer(bitPattern: address).map { _ = Reply.error(error).send(to: $0) }
            entry.onInterrupt?()
        }
    }

    private func interrupt(_ request: OpaquePointer) {
        let address = UInt(bitPattern: request)
        let entry: Entry? = state.withLock { state in
            if state.entries[address]?.isBeingAdded == true {
                state.entries[address]?.wasInterrupted = true
                return nil
            }
            return state.entries.removeValue(forKey: address)
        }
        guard let entry else { return }
        Reply.error(.interrupted).send(to: request)
        entry.onInterrupt?()
    }
}
