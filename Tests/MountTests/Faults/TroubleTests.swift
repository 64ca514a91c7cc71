import Foundation
import Glibc
import OneGateSimulator
import Testing

/// Programs work on two mounts while everything goes wrong that can.
///
/// `ONEGATEFS_FAULT_SECONDS` says for how long (6), `ONEGATEFS_FAULT_SEED` with which troubles.
@Suite("Faults", .needsFUSE, .onOwnThread, .timeLimit(.minutes(2880)))
struct TroubleTests {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
    private static let seconds = number("ONEGATEFS_FAULT_SECONDS") ?? 6
    private static let seed = UInt64(number("ONEGATEFS_FAULT_SEED") ?? Int.random(in: 0...999_999))

    private static let isUnderSanitizer = ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains {
        ProcessInfo.processInfo.environment[$0] != nil
    }

    private func report(_ run: TroubledRun, _ what: String) {
        let figures = run.summary
        let failures = figures.failures.sorted { $0.key < $1.key }
            .map { "\(String(cString: strerror($0.key))) \($0.value)" }.joined(separator: ", ")
        print(
            "faults: \(what): \(figures.troubles) faults, \(figures.calls) calls, \(figures.acknowledged) changes"
                + " acknowledged, \(figures.actions) actions, longest call \(figures.longest), \(figures.cut) reads cut, \(figures.emptied) values emptied, failed: \(failures)"
        )
        for problem in run.found { Issue.record("\(what), seed \(Self.seed): \(problem)") }
    }

    @Test(
        "each alone: no lie, no lost write, no repeated action, no hanging call, no crash",
        arguments: Trouble.possible)
    func alone(trouble: Trouble) throws {
        let run = try TroubledRun()
        defer { run.end() }
        run.suffer([trouble], for: .seconds(Double(Self.seconds) / 4), seed: Self.seed)
        run.settle()
        report(run, trouble.rawValue)
    }

    @Test("all at random, and nothing leaks: descriptors, threads and memory are as at the beginning")
    func random() throws {
        let run = try TroubledRun()
        defer { run.end() }
        run.suffer(Trouble.possible, for: .seconds(Double(Self.seconds) / 2), seed: Self.seed)
        run.settle()
        let before = run.mounts.map(\.resources)
        run.suffer(Trouble.possible, for: .seconds(Self.seconds), seed: Self.seed &+ 1)
        run.settle()
        func isTooMuch(_ after: Int, _ before: Int) -> Bool {
            // A sanitizer keeps what is freed.
            !Self.isUnderSanitizer && after > before * 3 / 2 + 16
        }
        // Answers that were given up may still be on their way.
        eventually("memory is given back") {
            !zip(run.mounts, before).contains { isTooMuch($0.resources.memory, $1.memory) }
        }
        let after = run.mounts.map(\.resources)
        for (before, after) in zip(before, after) {
            print("faults: at the beginning \(before); at the end \(after)")
            // Idle connections come and go.
            #expect(after.descriptors <= before.descriptors + 40)
            #expect(after.threads <= before.threads + 4)
            // An answer that is too large was in memory as far as it was read.
            #expect(!isTooMuch(after.memory, before.memory))
        }
        report(run, "at random")
    }

    @Test("with a log disk that is full")
    func fullLog() throws {
        let run = try TroubledRun(log: "/dev/full")
        defer { run.end() }
        run.suffer(Trouble.possible, for: .seconds(Double(Self.seconds) / 4), seed: Self.seed)
        run.settle()
        report(run, "full log disk")
    }

    @Test("with little memory, and at the limit of descriptors", .needs("prlimit"), arguments: [1, -2])
    func limits(free: Int) throws {
        let run = try TroubledRun()
        defer { run.end() }
        run.suffer([.disconnected], for: .seconds(1), seed: Self.seed)
        for mount in run.mounts {
            let id = try #require(mount.daemon?.id)
            // Answers of 8 MB and endless ones come in the middle of it.
            var limits = ["--nofile=\(mount.resources.descriptors + free):4096"]
            // A sanitizer has terabytes mapped.
            if !Self.isUnderSanitizer { limits.append("--data=600000000:600000000") }
            try #require(Child.run(["prlimit", "--pid", "\(id)"] + limits).succeeded)
        }
        run.suffer(
            [.huge, .endless, .disconnected, .hanging, .down], for: .seconds(Double(Self.seconds) / 4),
            seed: Self.seed)
        report(run, "limits")
        try #require(run.found.isEmpty)
        for mount in run.mounts {
            let id = try #require(mount.daemon?.id)
            try #require(Child.run(["prlimit", "--pid", "\(id)", "--nofile=4096:4096"]).succeeded)
        }
        run.settle()
    }

    @Test("a daemon that is killed or told to end, in the middle of everything, and started again")
    func restarts() throws {
        let run = try TroubledRun()
        defer { run.end() }
        let deadline = ContinuousClock.now + .seconds(Self.seconds)
        var random = PropertyTests.Generator(state: Self.seed)
        run.run { isOver in
            while ContinuousClock.now < deadline, !isOver() {
                usleep(.random(in: 50_000...500_000, using: &random))
                let mount = run.mounts[Int.random(in: 0...1, using: &random)]
                let signal = Bool.random(using: &random) ? SIGKILL : SIGTERM
                let outcome = mount.stop(signal)
                let expected = signal == SIGKILL ? 128 + SIGKILL : 0
                #expect(outcome?.status == expected, "\(outcome?.errors.suffix(2000) ?? "")")
                do { try mount.start() } catch { Issue.record(error) }
            }
        }
        run.settle()
        report(run, "restarts")
    }
}
