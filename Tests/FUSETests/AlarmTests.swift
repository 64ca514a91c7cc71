import Synchronization
import Testing

@testable import FUSE

@Suite("An alarm", .timeLimit(.minutes(1)))
struct AlarmTests {
    @Test("ends the wait when its time has come, not before")
    func due() throws {
        let alarm = try Alarm()
        let due = ContinuousClock.now + .milliseconds(20)
        alarm.wait(until: due)
        #expect(ContinuousClock.now >= due)
    }

    @Test("ends the wait at once when its time is past")
    func past() throws {
        let alarm = try Alarm()
        alarm.wait(until: .now - .seconds(5))
        alarm.wait(until: .now)
    }

    @Test("remembers that it was told, once")
    func told() throws {
        let alarm = try Alarm()
        alarm.signal()
        alarm.signal()
        alarm.wait(until: nil)
        let due = ContinuousClock.now + .milliseconds(20)
        alarm.wait(until: due)
        #expect(ContinuousClock.now >= due)
    }

    @Test("is told by another thread")
    func others() throws {
        let alarm = try Alarm()
        let thread = try SystemThread(name: "other") { alarm.signal() }
        alarm.wait(until: nil)
        thread.join()
    }
}
