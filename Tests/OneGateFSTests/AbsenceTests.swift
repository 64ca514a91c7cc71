import Testing

@testable import OneGateFS

@Suite("Time in which the machine did not run")
struct AbsenceTests {
    private let begin = Absence.Clocks(
        running: .seconds(100), continuous: .seconds(130), day: .seconds(1_700_000_000))

    /// The clocks after a time, in which the machine slept for a part, and after which the time of day was set forward.
    private func clocks(
        after time: Duration, slept: Duration = .zero, setForward step: Duration = .zero
    ) -> Absence.Clocks {
        Absence.Clocks(
            running: begin.running + time - slept, continuous: begin.continuous + time,
            day: begin.day + time + step)
    }

    private func expect(
        _ isNoticed: Bool, _ absence: inout Absence, _ clocks: Absence.Clocks,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let result = absence.notice(clocks)
        #expect(result == isNoticed, sourceLocation: sourceLocation)
    }

    @Test("a machine that runs is not absent, however long nobody looks")
    func running() {
        for time in [Duration.zero, .milliseconds(5), .seconds(5), .seconds(86_400)] {
            var absence = Absence(begin)
            expect(false, &absence, clocks(after: time))
        }
    }

    @Test("a machine that slept is noticed, once")
    func sleep() {
        var absence = Absence(begin)
        expect(true, &absence, clocks(after: .seconds(3600), slept: .seconds(3590)))
        expect(false, &absence, clocks(after: .seconds(3601), slept: .seconds(3590)))
        expect(true, &absence, clocks(after: .seconds(3611), slept: .seconds(3599)))
    }

    @Test(
        "a virtual machine that was restored is noticed when its time of day is set, not when it is corrected"
    )
    func restored() {
        var absence = Absence(begin)
        expect(false, &absence, clocks(after: .seconds(10), setForward: .milliseconds(300)))
        expect(true, &absence, clocks(after: .seconds(20), setForward: .seconds(600)))
        expect(false, &absence, clocks(after: .seconds(30), setForward: .seconds(500)))
    }

    /// On a machine that never slept both clocks are the same, unless the test runs with
    /// `unshare --time --boottime 1000`.
    @Test("the clock that times are told by is the one that goes on while the machine sleeps")
    func clock() {
        func reading() -> Duration { unsafeBitCast(ContinuousClock.now, to: Duration.self) }
        let (before, clocks, after) = (reading(), Absence.Clocks.now, reading())
        #expect(before <= clocks.continuous && clocks.continuous <= after)
    }
}
