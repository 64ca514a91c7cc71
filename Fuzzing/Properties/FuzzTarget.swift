/// Something that is true for any bytes that come from outside: a property, and what it is called.
struct FuzzTarget: Sendable {
    /// Why a property does not hold.
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// What it is called on the command line, and its folder of seeds.
    let name: String
    /// What is claimed; throws `Violation` where it is not so, and must not crash.
    let check: @Sendable ([UInt8]) throws -> Void

    /// All of them.
    static let all: [FuzzTarget] = [
        envFile, settings, json, tree, template, lines, mountOptions, names, writeSession, words,
    ]

    /// Claims that something is so.
    static func claim(_ holds: Bool, _ what: @autoclosure () -> String) throws {
        guard holds else { throw Violation(description: what()) }
    }
}

/// Takes an input apart into what a property needs.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    /// A number from 0 to 255; 0 at the end.
    mutating func byte() -> Int { Int(rest.popFirst() ?? 0) }

    /// The bytes up to the next NUL, or to the end.
    mutating func field() -> [UInt8] {
        let field = rest.prefix { $0 != 0 }
        rest = rest.dropFirst(field.count + 1)
        return Array(field)
    }

    /// `field` as a text, with U+FFFD for what is not UTF-8.
    mutating func text() -> String { String(decoding: field(), as: UTF8.self) }

    /// At most so many of the next bytes.
    mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = Array(rest.prefix(count))
        rest = rest.dropFirst(taken.count)
        return taken
    }

    /// All that is left.
    mutating func remaining() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }
}
