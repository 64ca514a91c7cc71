import Foundation
import Testing

/// The fuzzed properties without libFuzzer: every seed and everything that was ever found, and some thousand inputs
/// that are made from them.
///
/// `ONEGATEFS_FUZZ_INPUTS` says how many are made for each property (2000), `ONEGATEFS_FUZZ_SEED` which.
@Suite("Fuzzed properties", .timeLimit(.minutes(10)))
struct FuzzTests {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
    private static let count = number("ONEGATEFS_FUZZ_INPUTS") ?? 2000
    private static let seed = UInt64(number("ONEGATEFS_FUZZ_SEED") ?? Int.random(in: 0...999_999))

    private static func corpus(_ target: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = Bundle.module.bundleURL.appendingPathComponent("Corpus/\(target)")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, Array(try Data(contentsOf: folder.appendingPathComponent(name))))
        }
    }

    @Test("hold for every seed and for everything that was found", arguments: FuzzTarget.all.map(\.name))
    func corpus(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try Self.corpus(name)
        #expect(!inputs.isEmpty)
        for input in inputs {
            #expect(throws: Never.self, "\(name)/\(input.name)") { try target.check(input.bytes) }
        }
    }

    @Test("hold for inputs made from the seeds", arguments: FuzzTarget.all.map(\.name))
    func mutations(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let seeds = try Self.corpus(name).map(\.bytes)
        var generator = Mutation(state: Self.seed)
        for index in 0..<Self.count {
            let input = generator.input(from: seeds)
            #expect(throws: Never.self, "input \(index) of seed \(Self.seed)") { try target.check(input) }
        }
    }
}

/// Makes inputs from others: SplitMix64, so that they can be made again.
struct Mutation: RandomNumberGenerator {
    var state: UInt64

    private static let pieces = [
        "\0", "\n", "\"", "\\", ",", "=", "[", "]", "]]>", "<!--", "-->", "&#", "%", "%2", "/", "..",
        "export ", "é",
        "e\u{301}", "\u{1F600}", "\u{FFFF}", " ", "\t", "\r", "{}", "[]", "null", "-1",
        "99999999999999999999", "?",
    ]

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func input(from seeds: [[UInt8]]) -> [UInt8] {
        var input = seeds.randomElement(using: &self) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &self) {
            let start = Int.random(in: 0...input.count, using: &self)
            let length = min(Int.random(in: 0...8, using: &self), input.count - start)
            let other = seeds.randomElement(using: &self) ?? []
            let from = Int.random(in: 0...other.count, using: &self)
            let new: [UInt8] =
                switch Int.random(in: 0..<4, using: &self) {
                case 0: [UInt8.random(in: 0...255, using: &self)]
                case 1: Array((Self.pieces.randomElement(using: &self) ?? "").utf8)
                case 2: Array(other[from..<min(from + 24, other.count)])
                default: []
                }
            input.replaceSubrange(start..<(start + length), with: new)
        }
        return input
    }
}
