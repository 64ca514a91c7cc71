import Foundation
import OneGateSimulator
import Synchronization
import Testing

/// Random calls on mounts, compared one by one with a model of the contract.
///
/// `ONEGATEFS_MODEL_OPERATIONS` says how many calls each test makes (1500), `ONEGATEFS_MODEL_SEED` which. What differs
/// is shrunk, and printed with its seed: with that seed the same calls are made again.
@Suite("The reference model", .needsFUSE, .onOwnThread, .timeLimit(.minutes(2880)))
struct ModelTests {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
    private static let operations = number("ONEGATEFS_MODEL_OPERATIONS") ?? 1500
    private static let seed = UInt64(number("ONEGATEFS_MODEL_SEED") ?? Int.random(in: 0...999_999))
    /// A sequence begins with nothing on the server, so that what is found can be shrunk in reasonable time.
    private static let sequence = 300

    /// Plays sequences until so many calls have been made, in several threads at once on the same mounts.
    private func compare(
        _ comparison: ModelComparison, threads: Int, hasOthers: Bool,
        _ sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let total = Mutex(0)
        let hasFailed = Mutex(false)
        let group = DispatchGroup()
        for thread in 0..<threads {
            group.enter()
            Thread {
                defer { group.leave() }
                do { try OwnDescriptors.begin() } catch { Issue.record(error) }
                var number = 0
                while total.withLock({ $0 }) < Self.operations, !hasFailed.withLock({ $0 }) {
                    // A run with one thread and this seed plays the same.
                    let seed = Self.seed &+ UInt64(number * 1000 + thread)
                    do {
                        let count = try playOne(
                            comparison, seed, "T\(thread)N\(number)_", hasOthers, isAlone: threads == 1,
                            sourceLocation)
                        guard let count else { return hasFailed.withLock { $0 = true } }
                        total.withLock { $0 += count }
                    } catch {
                        Issue.record(error, "seed \(seed)", sourceLocation: sourceLocation)
                        return hasFailed.withLock { $0 = true }
                    }
                    number += 1
                }
            }.start()
        }
        group.wait()
        print("model: \(total.withLock { $0 }) calls, \(threads) threads, \(comparison.paths.count) mounts")
    }

    /// Plays one sequence. Returns how many calls it had, or nil if something differs.
    private func playOne(
        _ comparison: ModelComparison, _ seed: UInt64, _ prefix: String, _ hasOthers: Bool,
        isAlone: Bool, _ sourceLocation: SourceLocation
    ) throws -> Int? {
        var generator = CallGenerator(
            seed: seed, mounts: comparison.paths.count, hasOthers: hasOthers, isAlone: isAlone)
        let (difference, calls) = try comparison.play(prefix) { model, count in
            count < Self.sequence ? generator.next(model) : nil
        }
        guard let difference else { return calls.count }
        let shortest = try comparison.shrink(calls, prefix)
        let words = (shortest?.calls ?? Array(calls.suffix(Self.sequence))).map { "    \($0)" }.joined(
            separator: "\n")
        let found =
            shortest.map { "\($0.difference)" } ?? "\(difference) (not when it is played again, alone)"
        let errors = comparison.paths.map { path in
            let lines = (try? String(contentsOfFile: path + "/.onegatefs/errors", encoding: .utf8)) ?? ""
            return lines.split(separator: "\n").suffix(3).joined(separator: "\n")
        }
        Issue.record(
            "seed \(seed): \(found)\n\(words)\n\(errors.joined(separator: "\n--\n"))",
            sourceLocation: sourceLocation)
        return nil
    }

    @Test(
        "two mounts, and the server changed behind them, do what the model says, with nothing cached",
        arguments: [1, 4])
    func uncached(threads: Int) throws {
        let gate = try MountedGate(options: ["ttl=0", "watch=0.3"], limit: .seconds(172_800))
        defer { gate.end() }
        let other = try MountedGate(
            gate.simulator, vm: 9, options: ["ttl=0", "watch=0", "umask=022"], limit: .seconds(172_800))
        defer { other.end() }
        compare(
            ModelComparison(cloud: gate.cloud, paths: [gate.path, other.path], umasks: [0o077, 0o022]),
            threads: threads, hasOthers: true)
    }

    @Test("a mount that caches does what the model says", arguments: [1, 4])
    func cached(threads: Int) throws {
        let gate = try MountedGate(options: ["ttl=3600", "watch=0"], limit: .seconds(172_800))
        defer { gate.end() }
        compare(
            ModelComparison(cloud: gate.cloud, paths: [gate.path], umasks: [0o077]), threads: threads,
            hasOthers: false)
    }
}
