import CFUSE
import Dispatch
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
        let lock: Inode?
        /// Whether the session's end waits for the answer.
        let isAwaited: Bool
        let since: ContinuousClock.Instant
        /// Who waits for the answer.
        let thread: Int32
        let onInterrupt: (@Sendable () -> Void)?
        var isBeingAdded = true
        var wasInterrupted = false
    }

    private struct State {
        var entries: [UInt: Entry] = [:]
        var count: UInt64 = 0
        /// How many of the entries hold an inode's lock.
        var holders: [Inode: Int] = [:]
        /// Called when locks are released.
        var onRelease: (@Sendable () -> Void)?

        mutating func insert(_ entry: Entry, at address: UInt) {
            entries[address] = entry
            if let lock = entry.lock { holders[lock, default: 0] += 1 }
        }

        mutating func remove(at address: UInt) -> Entry? {
            guard let entry = entries.removeValue(forKey: address) else { return nil }
            if let lock = entry.lock, let count = holders[lock] {
                holders[lock] = count > 1 ? count - 1 : nil
            }
            return entry
        }

        /// The same, unless it is a later request at the same address.
        mutating func remove(_ ticket: Ticket) -> Entry? {
            entries[ticket.address]?.number == ticket.number ? remove(at: ticket.address) : nil
        }
    }

    private let state = Mutex(State())

    /// Registers the request and asks libfuse for its interrupt. One that came before is handled here.
    func add(
        _ request: OpaquePointer, session: Session, lock: Inode?, isAwaited: Bool,
        onInterrupt: (@Sendable () -> Void)?
    ) -> Ticket {
        let address = UInt(bitPattern: request)
        let thread = fuse_req_ctx(request)?.pointee.pid ?? 0
        let ticket = state.withLock { state in
            state.count += 1
            let entry = Entry(
                number: state.count, lock: lock, isAwaited: isAwaited, since: .now, thread: thread,
                onInterrupt: onInterrupt)
            state.insert(entry, at: address)
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

    /// Answers the request if it is still there.
    ///
    /// - Returns: whether it was there, and the answer reached the kernel.
    func answer(_ ticket: Ticket, _ reply: Reply) -> Bool {
        guard let entry = state.withLock({ $0.remove(ticket) }),
            let request = OpaquePointer(bitPattern: ticket.address)
        else { return false }
        defer { released(entry.lock) }
        return reply.send(to: request)
    }

    func contains(_ ticket: Ticket) -> Bool {
        state.withLock { $0.entries[ticket.address]?.number == ticket.number }
    }

    /// Answers everything with this error and tells those who work on it.
    func endAll(with error: Errno) {
        end(with: error) { _ in true }
        state.withLock { $0.onRelease = nil }
    }

    /// The same for what the session's end does not wait for. Gives whether there is something that it waits for.
    func endUnawaited(with error: Errno) -> Bool {
        // What is just being added is still used, and ended the next time.
        end(with: error) { !$0.isAwaited && !$0.isBeingAdded }
        return state.withLock { !$0.entries.isEmpty }
    }

    private func end(with error: Errno, where isEnding: (Entry) -> Bool) {
        let ended: [(UInt, Entry)] = state.withLock { state in
            let addresses = state.entries.filter { isEnding($0.value) }.keys
            return addresses.compactMap { address in state.remove(at: address).map { (address, $0) } }
        }
        for (address, entry) in ended {
            OpaquePointer(bitPattern: address).map { _ = Reply.error(error).send(to: $0) }
            entry.onInterrupt?()
        }
    }

    /// libfuse says that whoever waits for a request has got a signal. It says so once for each request.
    private func interrupt(_ request: OpaquePointer) {
        let address = UInt(bitPattern: request)
        let entry: Entry? = state.withLock { state in
            if state.entries[address]?.isBeingAdded == true {
                state.entries[address]?.wasInterrupted = true
                return nil
            }
            return state.entries[address]
        }
        guard let entry else { return }
        interrupt(Ticket(address: address, number: entry.number), entry.thread)
    }

    /// Answers EINTR, as soon as a signal waits for the thread that is meant to interrupt it.
    private func interrupt(_ ticket: Ticket, _ thread: Int32) {
        guard !PendingSignals.areHarmless(for: thread) else {
            DispatchQueue.global().asyncAfter(deadline: .now() + PendingRequests.pause) { [weak self] in
                guard let self, self.contains(ticket) else { return }
                self.interrupt(ticket, thread)
            }
            return
        }
        guard let entry = state.withLock({ $0.remove(ticket) }),
            let request = OpaquePointer(bitPattern: ticket.address)
        else { return }
        Reply.error(.interrupted).send(to: request)
        released(entry.lock)
        entry.onInterrupt?()
    }

    /// How often it is seen which signals wait for who was interrupted by a harmless one: the kernel does not tell of a second.
    private static let pause = DispatchTimeInterval.milliseconds(50)

    // MARK: Locks

    /// Whether a request that has waited for at least this long holds an inode's lock.
    func holdsLock(of inode: Inode, for time: Duration) -> Bool {
        state.withLock { state in
            guard state.holders[inode] != nil else { return false }
            let latest = ContinuousClock.now - time
            return state.entries.values.contains { $0.since <= latest && $0.lock == inode }
        }
    }

    /// Has something called whenever locks are released.
    func onRelease(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onRelease = body }
    }

    private func released(_ lock: Inode?) {
        guard lock != nil else { return }
        state.withLock { $0.onRelease }?()
    }
}
