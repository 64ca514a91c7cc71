import Dispatch
import FUSE

/// Taking turns at changing a VM.
extension OneGateFileSystem {
    /// Makes a change of a VM when its turn comes.
    ///
    /// - Parameters:
    ///   - machine: the VM.
    ///   - requester: for whom; asked when the turn comes.
    ///   - change: makes it.
    /// - Throws: what `change` throws; ETIMEDOUT if changes before it take longer than a request may;
    ///   what the requester says. It was not begun then.
    func inTurn<Value: Sendable>(
        of machine: Int, for requester: Requester,
        _ change: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard await turn(of: machine) else {
            throw Failure(
                .timedOut, "changes of VM \(machine) before this one take too long; it was not sent")
        }
        do throws(Failure) {
            try requester.check()
            let value = try await change()
            endTurn(of: machine, succeeded: true)
            return value
        } catch {
            endTurn(of: machine, succeeded: false)
            throw error
        }
    }

    /// The same for a change of two VMs, or of one.
    func inTurn<Value: Sendable>(
        of machine: Int, _ other: Int, for requester: Requester,
        _ change: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard machine != other else { return try await inTurn(of: machine, for: requester, change) }
        // Always in the same order, or two changes would wait for each other.
        return try await inTurn(of: min(machine, other), for: requester) { () async throws(Failure) in
            try await inTurn(of: max(machine, other), for: requester, change)
        }
    }

    /// Waits for a turn, but not longer than one request may take. False: it did not come.
    private func turn(of machine: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let number: UInt64? = state.withLock { state in
                if !state.queues[machine, default: ChangeQueue()].isBusy {
                    state.queues[machine, default: ChangeQueue()].isBusy = true
                    return nil
                }
                let number = state.newVersion()
                state.queues[machine]?.waiting.append(
                    ChangeQueue.Waiting(number: number, continuation: continuation))
                return number
            }
            guard let number else { return continuation.resume(returning: true) }
            Task { [self] in
                try? await Task.sleep(for: options.patience)
                let late: CheckedContinuation<Bool, Never>? = state.withLock { state in
                    guard
                        let index = state.queues[machine]?.waiting.firstIndex(where: { $0.number == number })
                    else { return nil }
                    return state.queues[machine]?.waiting.remove(at: index).continuation
                }
                late?.resume(returning: false)
            }
        }
    }

    private func endTurn(of machine: Int, succeeded: Bool) {
        let next: ChangeQueue.Waiting? = state.withLock { state in
            // What was read back has been seen.
            let areExpected = succeeded && !options.verify
            state.endOwnChanges(below: folder(of: machine), areExpected: areExpected, at: .now)
            guard var queue = state.queues[machine] else { return nil }
            let next = queue.waiting.isEmpty ? nil : queue.waiting.removeFirst()
            queue.isBusy = next != nil
            state.queues[machine] = queue.isBusy || queue.unawaited > 0 ? queue : nil
            return next
        }
        next?.continuation.resume(returning: true)
    }

    /// A change begins whose outcome no program waits for. Call it before the last close is answered.
    func beginUnawaited(_ machine: Int, _ state: inout MountState) {
        state.queues[machine, default: ChangeQueue()].unawaited += 1
    }

    /// Such a change ended: who wants to read goes on.
    func endUnawaited(_ machine: Int) {
        let settled: [MountState.Flight.Waiter] = state.withLock { state in
            guard var queue = state.queues[machine] else { return [] }
            queue.unawaited -= 1
            guard queue.unawaited == 0 else {
                state.queues[machine] = queue
                return []
            }
            let settled = queue.settling
            queue.settling = []
            state.queues[machine] = queue.isBusy ? queue : nil
            return settled
        }
        for waiter in settled { waiter(nil) }
    }

    /// A change of ours begins that will show in a place: the kernel tells whoever watches it.
    func touch(_ place: AttributePlace, _ effect: OwnChange.Effect = .absence) {
        let folder = folder(of: place.machine)
        state.withLock { state in
            if place.key != nil {
                // It comes with its first key, and goes with its last.
                let isRemoval = if case .absence = effect { true } else { false }
                state.begin(isRemoval ? .absence : .folder, at: folder + place.path.prefix(2))
            }
            state.begin(effect, at: folder + place.path)
        }
    }

    /// Waits until the changes are made that were begun at last closes: the programs were told that all is
    /// well. Blocks; not longer than a request may take.
    func finishChanges() {
        let pending = state.withLock { $0.queues.filter { $0.value.unawaited > 0 }.map(\.key) }
        guard !pending.isEmpty else { return }
        let done = DispatchSemaphore(value: 0)
        for machine in pending { fetch(.settled(machine), arrival: .now) { _ in done.signal() } }
        let seconds = Int(options.patience.components.seconds) + 1
        let end = DispatchTime.now() + .seconds(seconds)
        for _ in pending { _ = done.wait(timeout: end) }
    }

    /// A VM's path.
    func folder(of machine: Int) -> [FileName] { ["vm", Name.file(for: String(machine))] }
}
