/// Reads a template in XML, as far as the core's parser matters: elements, text, comments,
/// processing instructions, character references, the five named entities, CDATA.
enum XMLTemplate {
    private indirect enum Node {
        case element(String, [Node])
        case text([UInt8])
        case other
    }

    static func parse(_ data: [UInt8]) throws(TemplateParser.Failure) -> [UserTemplate.Attribute] {
        var parser = Parser(data)
        guard case .element(_, let children)? = parser.document() else {
            throw TemplateParser.Failure(message: "Parse error: XML Template malformed.")
        }
        return children.compactMap { node in
            guard case .element(let name, let content) = node else { return nil }
            if content.count == 1, case .text(let bytes) = content[0] {
                return .init(name: name, value: .single(String(decoding: bytes, as: UTF8.self)))
            }
            return vector(name, content)
        }
    }

    private static func vector(_ name: String, _ content: [Node]) -> UserTemplate.Attribute? {
        var isVector = false
        var pairs: [UserTemplate.Pair] = []
        for case .element(let key, let inner) in content {
            isVector = true
            guard case .text(let bytes)? = inner.first else { continue }
            // Of a key that is given twice, the last value counts.
            pairs.removeAll { UserTemplate.same($0.key, key) }
            pairs.append(.init(key: key, value: String(decoding: bytes, as: UTF8.self)))
        }
        return isVector ? .init(name: name, value: .vector(pairs)) : nil
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        /// The root element, or nil for what is not well-formed.
        mutating func document() -> Node? {
            var root: Node?
            while position < bytes.count {
                if skipBlanks() { continue }
                if starts("<!--") {
                    guard comment() else { return nil }
                } else if starts("<?") {
                    guard skip(through: "?>") else { return nil }
                } else {
                    guard root == nil, starts("<") else { return nil }
                    root = element(depth: 0)
                    if root == nil { return nil }
                }
            }
            return root
        }

        /// The element that begins here. Nil when it is not well-formed.
        mutating func element(depth: Int) -> Node? {
            position += 1
            guard depth < 256, let name = name() else { return nil }
            while true {
                let hadBlanks = skipBlanks()
                if take("/>") { return .element(name, []) }
                if take(">") { break }
                guard hadBlanks, attribute() else { return nil }
            }
            guard let children = content(depth: depth) else { return nil }
            guard take("</"), let end = self.name(), UserTemplate.same(end, name) else { return nil }
            skipBlanks()
            return take(">") ? .element(name, children) : nil
        }

        mutating func content(depth: Int) -> [Node]? {
            var children: [Node] = []
            var text: [UInt8] = []
            func flush() {
                if !text.isEmpty { children.append(.text(text)) }
                text = []
            }
            while position < bytes.count {
                if starts("</") {
                    flush()
                    return children
                } else if starts("<!--") {
                    flush()
                    guard comment() else { return nil }
                    children.append(.other)
                } else if take("<![CDATA[") {
                    flush()
                    let start = position
                    guard skip(through: "]]>") else { return nil }
                    children.append(.text(Array(bytes[start..<position - 3])))
                } else if starts("<?") {
                    flush()
                    guard skip(through: "?>") else { return nil }
                    children.append(.other)
                } else if starts("<") {
                    flush()
                    guard let child = element(depth: depth + 1) else { return nil }
                    children.append(child)
                } else if starts("&") {
                    guard let reference = reference() else { return nil }
                    text += reference
                } else if starts("]]>") {
                    return nil
                } else {
                    text.append(bytes[position])
                    position += 1
                }
            }
            return nil
        }

        mutating func attribute() -> Bool {
            guard name() != nil else { return false }
            skipBlanks()
            guard take("=") else { return false }
            skipBlanks()
            for quote in ["\"", "'"] where take(quote) {
                let start = position
                guard skip(through: quote) else { return false }
                return !bytes[start..<position].contains(UInt8(ascii: "<"))
            }
            return false
        }

        mutating func comment() -> Bool {
            position += 4
            let start = position
            guard skip(through: "--") else { return false }
            return position - start >= 2 && take(">")
        }

        /// The text that a reference stands for.
        mutating func reference() -> [UInt8]? {
            let start = position + 1
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let name = String(decoding: bytes[start..<end], as: UTF8.self)
            position = end + 1
            switch name {
            case "lt": return [UInt8(ascii: "<")]
            case "gt": return [UInt8(ascii: ">")]
            case "amp": return [UInt8(ascii: "&")]
            case "quot": return [UInt8(ascii: "\"")]
            case "apos": return [UInt8(ascii: "'")]
            default: break
            }
            guard name.hasPrefix("#") else { return nil }
            let digits = name.dropFirst()
            let code = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
            guard let code, let scalar = Unicode.Scalar(code), XMLCharacters.allows(scalar) else {
                return nil
            }
            return UTF8.encode(scalar).map(Array.init)
        }

        mutating func name() -> String? {
            let start = position
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "_"), UInt8(ascii: ":"), 0x80...:
                    position += 1
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    if position == start { return nil }
                    position += 1
                default:
                    return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
                }
            }
            return nil
        }

        @discardableResult
        mutating func skipBlanks() -> Bool {
            let start = position
            while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
            return position > start
        }

        mutating func skip(through text: StaticString) -> Bool { skip(through: "\(text)") }

        mutating func skip(through text: String) -> Bool {
            while position < bytes.count {
                if take(text) { return true }
                position += 1
            }
            return false
        }

        func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

        mutating func take(_ text: String) -> Bool {
            guard starts(text) else { return false }
            position += text.utf8.count
            return true
        }
    }
}

/// The characters that XML 1.0 allows.
enum XMLCharacters {
    static func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    /// Whether a text can be the name of an element.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first else { return false }
        return !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) && first != UInt8(ascii: "-")
            && first != UInt8(ascii: ".")
    }
}
