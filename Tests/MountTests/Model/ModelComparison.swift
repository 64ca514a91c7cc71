import Foundation
import OneGateSimulator

/// Plays calls on mounts and in the model, and finds where they differ.
struct ModelComparison {
    /// Where the product and the model differ.
    struct Difference: Error, CustomStringConvertible {
        let index: Int
        let call: FileCall
        let expected: String
        let got: String

        var description: String { "call \(index), \(call): expected \(expected), got \(got)" }
    }

    let cloud: Cloud
    let paths: [String]
    let umasks: [UInt32]

    /// Plays calls until they differ; those about which nothing is said are left out.
    ///
    /// - Parameters:
    ///   - prefix: what the names begin with; nobody else uses them.
    ///   - next: gives the next call, or nil at the end.
    /// - Returns: the difference, and the calls that were made.
    func play(
        _ prefix: String, _ next: (Model, Int) -> FileCall?
    ) throws -> (difference: Difference?, calls: [FileCall]) {
        let player = try Player(cloud, paths: paths, prefix: prefix)
        var model = Model(umasks: umasks, prefix: prefix)
        var calls: [FileCall] = []
        defer {
            // What mounts hold in memory is theirs until somebody removes it.
            for (number, mount) in model.mounts.enumerated() {
                for slot in model.opens.keys { _ = player.play(.close(slot: slot)) }
                for place in mount.scratch.keys { _ = player.play(.unlink(mount: number, place)) }
                for place in mount.begun { _ = player.play(.removeFolder(mount: number, place)) }
            }
            player.closeAll()
            player.clean()
        }
        // The mount whose last close is still to be stored.
        var late: Int?
        while let call = next(model, calls.count) {
            let before = model
            let expected: Model.Expectation
            do throws(Model.NotSaid) { expected = try model.expect(call) } catch {
                model = before
                continue
            }
            let mount = call.mount ?? call.slot.flatMap { before.opens[$0]?.mount }
            calls.append(call)
            if let isPending = late, mount != isPending {
                if let difference = settled(before, player, isPending, calls.count - 1, call) {
                    return (difference, calls)
                }
                late = nil
            }
            let got = player.play(call)
            let isExpected =
                expected.outcomes.contains(got) || expected.outcomes == [.refused] && got.isFailure
            guard isExpected else {
                let words = expected.outcomes.map(\.description).sorted().joined(separator: " or ")
                return (Difference(index: calls.count - 1, call: call, expected: words, got: "\(got)"), calls)
            }
            if expected.isLate { late = mount }
            if late == nil, player.server != model.server {
                return (difference(model, player, calls.count - 1, call), calls)
            }
        }
        if let late, let call = calls.last {
            return (settled(model, player, late, calls.count - 1, call), calls)
        }
        return (nil, calls)
    }

    /// Waits until the server has what it is to have.
    private func settled(
        _ model: Model, _ player: Player, _ mount: Int, _ index: Int, _ call: FileCall
    ) -> Difference? {
        // Whoever looks at a VM waits for what is still to be stored, which may be what the server has already.
        for vm in Model.machines { _ = player.play(.list(mount: mount, vm: vm, nil)) }
        let deadline = ContinuousClock.now + .seconds(10)
        while player.server != model.server {
            guard ContinuousClock.now < deadline else { return difference(model, player, index, call) }
            usleep(300)
        }
        return nil
    }

    private func difference(_ model: Model, _ player: Player, _ index: Int, _ call: FileCall) -> Difference? {
        let server = player.server
        let places = Set(server.keys).union(model.server.keys).filter { server[$0] != model.server[$0] }
        func words(_ values: [Place: Model.Value]) -> String {
            places.map { "\($0) = \(values[$0].map { "\($0)" } ?? "none")" }.joined(separator: ", ")
        }
        return Difference(
            index: index, call: call, expected: "on the server \(words(model.server))", got: words(server))
    }

    // MARK: Shrinking

    /// The shortest sequence found that still differs, by leaving out ever smaller parts.
    ///
    /// - Parameter patience: how long to go on.
    func shrink(_ calls: [FileCall], _ prefix: String, patience: Duration = .seconds(40)) throws -> (
        calls: [FileCall], difference: Difference
    )? {
        let deadline = ContinuousClock.now + patience
        var count = 0
        func failure(_ calls: [FileCall]) throws -> (calls: [FileCall], difference: Difference)? {
            count += 1
            var rest = calls[...]
            let (difference, played) = try play("\(prefix)\(count)_") { _, _ in rest.popFirst() }
            return difference.map { (played, $0) }
        }
        guard var shortest = try failure(calls) else { return nil }
        var size = max(1, shortest.calls.count / 2)
        while ContinuousClock.now < deadline {
            var start = 0
            var hasShrunk = false
            while start < shortest.calls.count, ContinuousClock.now < deadline {
                var shorter = shortest.calls
                shorter.removeSubrange(start..<min(shorter.count, start + size))
                if let found = try failure(shorter) {
                    shortest = found
                    hasShrunk = true
                } else {
                    start += size
                }
            }
            if size == 1, !hasShrunk { break }
            size = max(1, size / 2)
        }
        return shortest
    }
}

extension CallOutcome {
    var isFailure: Bool { if case .failed = self { true } else { false } }
}

extension Model.Value: CustomStringConvertible {
    var description: String {
        switch self {
        case .text(let bytes): shortened(bytes)
        case .vector(let keys): "\(keys.mapValues(shortened))"
        }
    }
}
