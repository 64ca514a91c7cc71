import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

/// Any value arrives byte for byte: random ones, through every way in, read back through the server's own state
/// and through another mount.
///
/// `ONEGATEFS_PROPERTY_VALUES` says how many are tried (300), `ONEGATEFS_PROPERTY_SEED` which.
@Suite("Random values", .needsFUSE, .onOwnThread, .timeLimit(.minutes(60)))
struct PropertyTests {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
    private static let count = number("ONEGATEFS_PROPERTY_VALUES") ?? 300
    private static let seed = UInt64(number("ONEGATEFS_PROPERTY_SEED") ?? Int.random(in: 0...999_999))

    /// SplitMix64, so that a failure can be repeated.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let printable = (0x20...0x7E).map { Character(UnicodeScalar(UInt8($0))) }
    private static let letters = Array("áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽäöüßñçøæœ€£¥§")
    private static let ideographs = (0x4E00...0x4EFF).compactMap { UnicodeScalar($0).map(Character.init) }
    private static let pieces = [
        "<a href=\"x\">y</a>", "&amp;", "&#44;", "<![CDATA[x]]", "<!-- x -->", "{\"a\": [1, \"b\\n\"]}",
        "A=1,\nB=\"2\"", "\\\\", "\\n",
        "]", "[", "SERVICE_ID=4", "\nSERVICE_ID=4\n", "e\u{301}", "é", "%20", "+", "$HOME", "`id`", "\t",
        "\n\n", "''", "\u{7F}",
    ]

    /// A value that the server can store as it is, of up to so many bytes.
    static func value(_ generator: inout Generator, upTo longest: Int = 65_536) -> String {
        let limits = [0, 1, 3, 20, 200, 200, 2000, longest]
        let limit = limits.randomElement(using: &generator) ?? 0
        let length = Int.random(in: 0...limit, using: &generator)
        var text = ""
        let kind = Int.random(in: 0..<6, using: &generator)
        while text.utf8.count < length {
            switch kind {
            case 0: text.append(printable.randomElement(using: &generator) ?? "x")
            case 1: text.append(letters.randomElement(using: &generator) ?? "x")
            case 2: text.append(ideographs.randomElement(using: &generator) ?? "x")
            case 3: text += pieces.randomElement(using: &generator) ?? "x"
            case 4:
                text +=
                    Data((0..<48).map { _ in UInt8.random(in: 0...255, using: &generator) })
                    .base64EncodedString() + "\n"
            default:
                text.append(printable.randomElement(using: &generator) ?? "x")
                text += pieces.randomElement(using: &generator) ?? "x"
                text.append(ideographs.randomElement(using: &generator) ?? "x")
            }
        }
        text = text.replacing("]]>", with: "]] >")
        var scalars = Substring(text).unicodeScalars
        while let first = scalars.first, first == " " || first == "\n" || first == "\t" {
            scalars.removeFirst()
        }
        while let last = scalars.last, last == " " || last == "\n" || last == "\t" || last == "\\" {
            scalars.removeLast()
        }
        return String(Substring(scalars))
    }

    /// The VM's user template without what a test writes.
    private func others(_ cloud: Cloud, _ vm: Int, but written: Set<String>) -> [String: JSON] {
        let members = cloud.userTemplate(vm: vm)?.members ?? [:]
        return Dictionary(
            uniqueKeysWithValues: members.filter { !written.contains($0.key) }.map { ($0.key, $0.value) })
    }

    private func difficult(_ cloud: Cloud) {
        for vm in [8, 9] {
            cloud.setAttribute(vm: vm, name: "OTHER", value: "a,b=\"c\" [d]\n<e>&amp; \\f")
            cloud.setAttribute(vm: vm, name: "OTHER_LIST", value: ["x", ["Y": "z"]])
        }
    }

    @Test("written to attributes, none is lost, none is changed, and nothing else is touched")
    func attributes() throws {
        let gate = try MountedGate(options: ["ttl=600"], limit: .seconds(3000))
        defer { gate.end() }
        let other = try MountedGate(
            gate.simulator, vm: 9, options: ["ttl=0", "watch=0"], limit: .seconds(3000))
        defer { other.end() }
        difficult(gate.cloud)
        let before = [8, 9].map { others(gate.cloud, $0, but: ["VALUE"]) }
        var generator = Generator(state: Self.seed)
        for index in 0..<Self.count {
            let value = Self.value(&generator)
            let vm = index % 2 == 0 ? 9 : 8
            let file = "vm/\(vm)/USER_TEMPLATE/VALUE"
            try gate.write(value + (index % 3 == 0 ? "\n" : ""), to: file)
            // An empty value is stored at the last close, which this open waits for.
            try #require(
                try gate.bytes(file) == Array((value + "\n").utf8), "value \(index) of seed \(Self.seed)")
            try #require(
                gate.cloud.attribute(vm: vm, name: "VALUE") == .string(value),
                "value \(index) of seed \(Self.seed)")
            try #require(
                try other.bytes(file) == Array((value + "\n").utf8), "value \(index) of seed \(Self.seed)")
        }
        #expect([8, 9].map { others(gate.cloud, $0, but: ["VALUE"]) } == before, "seed \(Self.seed)")
    }

    @Test("written to vector attributes, none is lost, none is changed, and nothing else is touched")
    func vectors() throws {
        let gate = try MountedGate(options: ["ttl=600"], limit: .seconds(3000))
        defer { gate.end() }
        difficult(gate.cloud)
        let before = others(gate.cloud, 9, but: ["BACKUP"])
        var generator = Generator(state: Self.seed &+ 1)
        var keys: [String: String] = ["KEY": "secret", "HOST": "backup.example.org"]
        for index in 0..<(Self.count / 3) {
            // The whole vector is sent each time.
            let value = Self.value(&generator, upTo: index % 20 == 0 ? 65_536 : 2000)
            let key = "K\(index % 5)"
            keys[key] = value
            try gate.write(value + "\n", to: "vm/9/USER_TEMPLATE/BACKUP/\(key)")
            let stored = gate.cloud.attribute(vm: 9, name: "BACKUP")?.members ?? [:]
            try #require(stored.count == keys.count, "value \(index) of seed \(Self.seed)")
            for (key, value) in keys {
                // An empty key is shown as an empty object.
                let text = stored[key].flatMap { $0.members?.isEmpty == true ? "" : $0.scalar } ?? "none"
                try #require(text.utf8.elementsEqual(value.utf8), "value \(index) of seed \(Self.seed)")
            }
            try #require(
                try gate.bytes("vm/9/USER_TEMPLATE/BACKUP/\(key)") == Array((value + "\n").utf8),
                "value \(index) of seed \(Self.seed)")
        }
        #expect(others(gate.cloud, 9, but: ["BACKUP"]) == before, "seed \(Self.seed)")
    }

    @Test("given to update, several at once, none is lost, none is changed, and nothing else is touched")
    func updates() throws {
        let gate = try MountedGate(options: ["ttl=600"], limit: .seconds(3000))
        defer { gate.end() }
        difficult(gate.cloud)
        let names = ["V0", "V1", "V2"]
        let before = others(gate.cloud, 9, but: Set(names))
        var generator = Generator(state: Self.seed &+ 2)
        for index in 0..<(Self.count / 3) {
            var lines = ""
            var values: [String: String] = [:]
            for name in names {
                let value = Self.value(&generator, upTo: index % 10 == 0 ? 50_000 : 2000)
                // One write(2) is one update: what the kernel would cut in pieces is not for this file.
                guard lines.utf8.count + value.utf8.count < 60_000 else { continue }
                values[name] = value
                let quoted = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                lines += "\(name)=\"\(quoted)\"\n"
            }
            guard !values.isEmpty else { continue }
            let changes = try gate.requests { try gate.write(lines, to: "vm/9/update", flags: O_WRONLY) }
                .changes
            try #require(changes.count == 1, "value \(index) of seed \(Self.seed)")
            for (name, value) in values {
                try #require(
                    gate.cloud.attribute(vm: 9, name: name) == .string(value),
                    "value \(index) of seed \(Self.seed)")
                try #require(
                    try gate.bytes("vm/9/USER_TEMPLATE/\(name)") == Array((value + "\n").utf8),
                    "value \(index) of seed \(Self.seed)")
            }
        }
        #expect(others(gate.cloud, 9, but: Set(names)) == before, "seed \(Self.seed)")
    }

    @Test("that cannot be stored are refused, or stored as they are: nothing in between")
    func anything() throws {
        let gate = try MountedGate(options: ["ttl=600"], limit: .seconds(3000))
        defer { gate.end() }
        var generator = Generator(state: Self.seed &+ 3)
        var last: JSON = "YES"
        for index in 0..<Self.count {
            let length = Int.random(in: 0...12, using: &generator)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = (0..<length).map { _ in
                ["\r", " ", "\\", "]]>", "\u{1F600}", "a", "\u{0}", "\n", "é", "\u{FFFE}", "<", "\""]
                    .randomElement(using: &generator) ?? ""
            }
            let content = index % 2 == 0 ? bytes : Array(text.joined().utf8)
            let error = try SystemError.number { try gate.write(content, to: "vm/9/USER_TEMPLATE/ACTIVE") }
            if error == 0 {
                let value = content.last == 0x0A ? Array(content.dropLast()) : content
                let expected = try #require(String(validating: value, as: UTF8.self), "\(content)")
                // What is empty is stored at the last close.
                if content.isEmpty { _ = try gate.text("vm/9/USER_TEMPLATE/ACTIVE") }
                last = .string(expected)
            } else {
                #expect(error == EILSEQ || error == EINVAL, "\(content): \(error)")
            }
            #expect(gate.cloud.attribute(vm: 9, name: "ACTIVE") == last, "\(content) of seed \(Self.seed)")
        }
    }
}
