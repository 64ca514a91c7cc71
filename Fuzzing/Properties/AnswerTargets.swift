import FUSE

@testable import OneGate
@testable import OneGateFS

extension FuzzTarget {
    /// What is read as JSON is printed so that it reads as the same.
    static let json = FuzzTarget(name: "json") { bytes in
        guard let value = try? JSON(parsing: bytes) else { return }
        try claim(try JSON(parsing: value.prettyPrinted) == value, "pretty: \(value.prettyPrinted)")
        try claim(try JSON(parsing: value.compact) == value, "compact: \(value.compact)")
    }

    /// Any answer becomes a tree that a file system can show, or is refused; a tree that reuses the one before is the
    /// same as one made from nothing, and the differences are those between the two.
    static let tree = FuzzTarget(name: "tree") { bytes in
        var input = FuzzInput(bytes)
        guard let first = try? JSON(parsing: input.field()) else { return }
        let second = try? JSON(parsing: input.field())
        for build in builders {
            guard let before = build(first, nil, stamp(1)) else { continue }
            try check(before)
            guard let same = build(first, before, stamp(2)) else { throw Violation(description: "no tree") }
            try claim(
                TreeChange.between(before, same, at: []).allSatisfy { $0.path.last == "extended.json" },
                "a change from nothing")
            guard let second, let after = build(second, before, stamp(3)),
                let fresh = build(second, nil, stamp(3))
            else { continue }
            try check(after)
            try claim(shape(after) == shape(fresh), "reused: \(shape(after)), fresh: \(shape(fresh))")
            let isSame = shape(before) == shape(after)
            let changes = TreeChange.between(before, after, at: [])
            try claim(isSame || !changes.isEmpty, "no change from \(shape(before)) to \(shape(after))")
        }
    }

    private typealias Builder = @Sendable (JSON, Directory?, Stamp) -> Directory?

    private static let builders: [Builder] = [
        { json, previous, stamp in
            (try? VirtualMachine(answer: json)).map {
                VirtualMachineTree.build(
                    $0, previous: previous, stamp: stamp, restricted: VirtualMachineTree.restrictedByDefault)
            }
        },
        { json, previous, stamp in
            (try? VirtualMachine(extended: json)).map {
                VirtualMachineTree.build($0, previous: previous, stamp: stamp, restricted: [])
            }
        },
        { json, previous, stamp in
            (try? Service(answer: json)).map {
                ServiceTree.build($0, body: Array(json.compact.utf8), previous: previous, stamp: stamp)
            }
        },
        { json, previous, stamp in
            (try? VirtualRouter(answer: json)).map {
                VirtualRouterTree.build($0, previous: previous, stamp: stamp)
            }
        },
        { json, previous, stamp in
            (try? VirtualNetwork(answer: json)).map {
                VirtualNetworkTree.build($0, previous: previous, stamp: stamp)
            }
        },
    ]

    private static func stamp(_ version: UInt64) -> Stamp {
        Stamp(version: version, time: Timestamp(seconds: Int64(version), nanoseconds: 0))
    }

    private static func check(_ directory: Directory) throws {
        for (name, item) in directory.items {
            let bytes = name.bytes
            try claim(
                (1...255).contains(bytes.count) && !bytes.contains(0) && !bytes.contains(UInt8(ascii: "/"))
                    && bytes != [0x2E] && bytes != [0x2E, 0x2E], "no name for a file: \(bytes)")
            switch item {
            case .file(let file): try claim(file.size == file.bytes.count, "the size of \(name)")
            case .directory(let inner): try check(inner)
            case .link(let link): try claim(!link.target.isEmpty, "the link \(name)")
            }
        }
    }

    /// What can be seen of a tree, but for times.
    private static func shape(_ directory: Directory) -> [String: String] {
        var shape: [String: String] = [:]
        for (name, item) in directory.items {
            let key = name.bytes.map { String($0, radix: 16) }.joined(separator: " ")
            switch item {
            case .file(let file):
                shape[key] = "\(file.purpose) \(file.permissions) \(file.bytes)"
            case .directory(let inner):
                shape[key] = "\(inner.purpose) \(FuzzTarget.shape(inner).sorted { $0.key < $1.key })"
            case .link(let link): shape[key] = "link \(Array(link.target.utf8))"
            }
        }
        return shape
    }

    /// The server's words are one line of a bearable length, and the token is not in them.
    static let words = FuzzTarget(name: "words") { bytes in
        let secret = "c2VjcmV0LXRva2VuLW9mLXZtLTg5MDEyMzQ1Njc4OQ=="
        let token = Token(secret)
        // A question mark stands for the token, which no fuzzer would guess.
        let body = bytes.flatMap { $0 == UInt8(ascii: "?") ? Array(secret.utf8) : [$0] }
        let words = ServerWords.of(body, hiding: token)
        try claim(words.unicodeScalars.count <= ServerWords.limit, "long: \(words)")
        try claim(
            words.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) },
            "a control character: \(words.debugDescription)")
        // Not even its beginning, where the words are cut.
        try claim(!words.utf8.contains(secret.utf8.prefix(16)), "the token: \(words)")
    }
}
