import FUSE

/// Taking turns at changing a VM.
extension OneGateFileSystem {
    /// Makes a change of a VM when its turn comes.
    func inTurn<Value: Sendable>(
        of machine: Int, _ change: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if !state.queues[machine, default: ChangeQueue()].isBusy {
                    state.queues[machine, default: ChangeQueue()].isBusy = true
                    return true
                }
                state.queues[machine]?.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        do throws(Failure) {
            let value = try await change()
            endTurn(of: machine, succeeded: true)
            return value
        } catch {
            endTurn(of: machine, succeeded: false)
            throw error
        }
    }

    private func endTurn(of machine: Int, succeeded: Bool) {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.endOwnChanges(below: folder(of: machine), succeeded: succeeded, at: .now)
            guard var queue = state.queues[machine] else { return nil }
            let next = queue.waiting.isEmpty ? nil : queue.waiting.removeFirst()
            queue.isBusy = next != nil
            state.queues[machine] = queue.isBusy || queue.unawaited > 0 ? queue : nil
            return next
        }
        next?.resume()
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
            if place.key != nil { state.begin(.folder, at: folder + place.path.prefix(2)) }
            state.begin(effect, at: folder + place.path)
        }
    }

    private func folder(of machine: Int) -> [FileName] { ["vm", Name.file(for: String(machine))] }
}
