import Glibc

/// What a thread waits for: a time, or to be told. Times are those of the clock that goes on while the machine
/// sleeps, `CLOCK_BOOTTIME`, as `ContinuousClock` reads it; after a sleep the wait ends at once if it is due.
/// It also ends when the machine wakes up or its time of day is set (TFD_TIMER_CANCEL_ON_SET in
/// timerfd_create(2)), so that whoever waits can see whether time has passed.
public final class Alarm: Sendable {
    private let counter: CInt
    private let timer: CInt
    private let witness: CInt

    /// Makes the three descriptors that it needs.
    public init() throws(Errno) {
        var made: [CInt] = []
        do throws(Errno) {
            for make in [SystemCalls.eventCounter, SystemCalls.timer, SystemCalls.clockWitness] {
                made.append(try make().get())
            }
        } catch {
            for descriptor in made { close(descriptor) }
            throw error
        }
        (counter, timer, witness) = (made[0], made[1], made[2])
        SystemCalls.reset(clockWitness: witness)
    }

    deinit {
        for descriptor in [counter, timer, witness] { close(descriptor) }
    }

    /// Ends the wait that there is, or the next one.
    public func signal() {
        var one: UInt64 = 1
        _ = SystemCalls.write(counter, withUnsafeBytes(of: &one) { [UInt8]($0) })
    }

    /// Waits until a time, nil: without end; or until something else ends the wait. For one thread at a time.
    public func wait(until time: ContinuousClock.Instant?) {
        SystemCalls.set(timer, after: time.map { ContinuousClock.now.duration(to: $0) })
        SystemCalls.waitForAny([counter, timer, witness])
        _ = SystemCalls.read(counter, count: 8)
        if case .failure(.tryAgain) = SystemCalls.read(witness, count: 8) { return }
        SystemCalls.reset(clockWitness: witness)
    }
}
