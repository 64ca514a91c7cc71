import FUSE
import OrderedCollections

@testable import OneGate
@testable import OneGateFS
@testable import OneGateSimulator

extension FuzzTarget {
    /// What is accepted as a value arrives at the server byte for byte, under its name, with nothing else; and the
    /// server's check for restricted names sees every name.
    static let template = FuzzTarget(name: "template") { bytes in
        _ = try? TemplateParser.parse(AttributeEscaping.escape(bytes))
        var input = FuzzInput(bytes)
        var attributes: OrderedDictionary<String, AttributeValue> = [:]
        while !input.isEmpty, attributes.count < 6 {
            let kind = input.byte()
            let name = kind & 1 == 0 ? "A\(attributes.count)" : input.text()
            switch kind >> 1 & 3 {
            case 0, 1: attributes[name] = .text(input.text())
            case 2: attributes[name] = .vector(["K": input.text(), "SERVICE_ID": input.text()])
            default: attributes[name] = .list([.text(input.text()), .vector([input.text(): input.text()])])
            }
        }
        let list = attributes.map { (name: $0.key, value: $0.value) }
        guard let body = try? OneGate.UserTemplate.updateBody(list) else { return }
        let parameters = try FormParameters(
            query: "", contentType: "application/x-www-form-urlencoded", body: body)
        guard case .text(let data)? = parameters["data"] else { throw Violation(description: "no data") }
        let escaped = AttributeEscaping.escape(data)
        let stored = try TemplateParser.parse(escaped)
        try claim(Set(stored.attributes.map(\.name)) == Set(list.map(\.name)), "names: \(stored.attributes)")
        for (name, value) in list {
            try claim(
                AttributeEscaping.restricted(in: escaped, names: [name]) == name,
                "\(name) gets round the check")
            try claim(
                stored.values(name).map(comparable) == values(value), "\(value) became \(stored.values(name))"
            )
        }
    }

    /// A value as lists of keys and texts, in the order of the keys: what the server keeps of it.
    private static func values(_ value: AttributeValue) -> [[[UInt8]]] {
        switch value {
        case .text(let text): [[Array(text.utf8)]]
        case .vector(let keys):
            [
                keys.sorted { UserTemplateOrder.precedes($0.key, $1.key) }.flatMap {
                    [Array($0.key.utf8), Array($0.value.utf8)]
                }
            ]
        case .list(let elements): elements.flatMap(values)
        }
    }

    private static func comparable(_ value: OneGateSimulator.UserTemplate.Value) -> [[UInt8]] {
        switch value {
        case .single(let text): [Array(text.utf8)]
        case .vector(let pairs): pairs.flatMap { [Array($0.key.utf8), Array($0.value.utf8)] }
        }
    }

    private typealias UserTemplateOrder = OneGateSimulator.UserTemplate

    /// Lines for `update` and `control` are refused, or mean what is written back from them.
    static let lines = FuzzTarget(name: "lines") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let attributes = try? UpdateLines.parse(text) {
            var written = ""
            for (name, value) in attributes {
                try OneGate.UserTemplate.check(name: name)
                switch value {
                case .text(let text): written += "\(name)=\(quoted(text))\n"
                case .vector(let keys):
                    written +=
                        "\(name)=[" + keys.map { "\($0.key)=\(quoted($0.value))" }.joined(separator: ",")
                        + "]\n"
                case .list: throw Violation(description: "a list: \(text.debugDescription)")
                }
            }
            let again = try UpdateLines.parse(written)
            try claim(
                again.map(\.name) == attributes.map(\.name) && again.map(\.value) == attributes.map(\.value),
                "\(attributes) became \(again)")
        }
        for command in [
            try? Command.virtualMachine(text), try? Command.role("slave", text), try? Command.service(text),
            try? Command.cardinality(of: "slave", text),
        ] {
            switch command {
            case .act(let action)?:
                try claim(try Action(parsing: action.description) == action, "\(action) reads as another")
                try claim(
                    try JSON(parsing: action.body)["action"]?["perform"] == .string(action.name), "\(action)")
            case .scale(let role, let cardinality)?:
                try claim(!role.isEmpty && cardinality >= 0, "scale \(role) \(cardinality)")
            case nil: break
            }
        }
    }

    private static func quoted(_ text: String) -> String {
        var output = String.UnicodeScalarView(["\""])
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { output.append("\\") }
            output.append(scalar)
        }
        output.append("\"")
        return String(output)
    }

    /// Any name of the server's can be a file, and can be told from the file's name; a name is an attribute's or scratch,
    /// not both; only a checked name is ever erased, and erases nothing else.
    static let names = FuzzTarget(name: "names") { bytes in
        var input = FuzzInput(bytes)
        let text = input.text()
        let file = Name.file(for: text)
        try claim(
            (1...255).contains(file.bytes.count) && file != "." && file != ".."
                && !file.bytes.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 }, "\(file.bytes)")
        if let decoded = Name.decoded(file) {
            try claim(decoded.utf8.elementsEqual(text.utf8), "\(text) became \(decoded)")
        } else {
            try claim(text.utf8.count > 80, "\(text) is lost")
        }
        let other = input.text()
        if !other.utf8.elementsEqual(text.utf8) {
            try claim(Name.file(for: other) != file, "\(text) and \(other) are the same file")
        }
        let raw = FileName(bytes: bytes.filter { $0 != 0 && $0 != UInt8(ascii: "/") })
        _ = Name.decoded(raw)
        try claim(!(Name.isAttribute(raw) && Name.isScratch(raw)), "both: \(raw)")
        if let id = Name.identifier(raw) {
            try claim(raw.bytes == Array(String(id).utf8), "\(raw) is \(id)")
        }
        _ = Name.isTemporary(raw, beside: [file])
        guard (try? OneGate.UserTemplate.check(erasing: text)) != nil else { return }
        let kept: JSON = ["KEEP": "1", "VECTOR": ["KEEP": "2"]]
        let path = try ErasePath(text)
        switch path.apply(to: OneGateSimulator.UserTemplate(kept)) {
        case .nothing: break
        case .everything: throw Violation(description: "\(text) erases everything")
        case .rest: try claim(["KEEP", "VECTOR", "VECTOR/KEEP"].contains(text), "\(text) erases something")
        }
    }

    /// Through any calls of one open the content is what a file would hold, and what is sent is a value that the
    /// server stores as it is.
    static let writeSession = FuzzTarget(name: "write-session") { bytes in
        var input = FuzzInput(bytes)
        let flags = input.byte()
        let appends = flags & 1 != 0
        let start: [UInt8] = flags & 2 != 0 ? [] : Array("start\n".utf8)
        var session = WriteSession(
            content: start, truncated: flags & 2 != 0, appends: appends, new: flags & 4 != 0)
        var file = session.content
        var server = flags & 2 != 0 ? Array("old\n".utf8) : start
        while !input.isEmpty {
            let call = input.byte()
            let before = file
            let action: WriteSession.Action
            switch call & 3 {
            case 0:
                let size = input.byte()
                file = Array(file.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - file.count))
                action = session.truncate(to: size)
            case 1: action = session.flush()
            default:
                let offset = input.byte()
                let data = call & 4 == 0 ? input.field() : input.bytes(512)
                guard !data.isEmpty else { continue }
                if appends {
                    file += data
                } else {
                    file += [UInt8](repeating: 0, count: max(0, offset - file.count))
                    file.replaceSubrange(offset..<min(offset + data.count, file.count), with: data)
                }
                action = session.write(data, at: offset)
            }
            switch action {
            case .hold: break
            case .publish(let content, let edits):
                try claim(content == file, "\(content) is sent for \(file)")
                let stored = edits.map { $0.applied(to: server, whole: content) } ?? content
                try claim(stored == file, "\(stored) is stored for \(file)")
                try claim(
                    ValueCheck.problem(with: WriteSession.value(of: content)) == nil,
                    "a bad value is sent: \(content)")
                let isStored = call & 8 == 0
                session.completed(isStored ? stored : nil, change: session.change)
                if isStored {
                    server = WriteSession.value(of: stored) + [0x0A]
                } else {
                    file = session.content
                }
            case .create: throw Violation(description: "an empty value is stored before the last close")
            case .refuse: file = call & 3 == 1 ? file : before
            }
            try claim(session.content == file, "\(session.content) is kept for \(file)")
        }
        if case .publish(let content, _) = session.release() {
            try claim(
                ValueCheck.problem(with: WriteSession.value(of: content)) == nil, "a bad value at close")
        }
    }
}
