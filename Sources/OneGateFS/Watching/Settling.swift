import Synchronization

extension Invalidator {
    /// Waits until the kernel was told what it has to forget by now, but not for longer than `limit`: a program may hold a
    /// lock until we answer it.
    func settle(for limit: Duration) async {
        await withCheckedContinuation { continuation in
            let waiter = Waiter(continuation)
            perform(followsAll: true) { _ in waiter.end() }
            Task {
                try? await Task.sleep(for: limit)
                waiter.end()
            }
        }
    }

    /// Somebody who waits until the first of several things happens.
    private final class Waiter: Sendable {
        private let continuation: Mutex<CheckedContinuation<Void, Never>?>

        init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

        func end() {
            let waiting = continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            waiting?.resume()
        }
    }
}
