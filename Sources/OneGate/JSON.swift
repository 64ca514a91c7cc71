import OrderedCollections

/// A JSON value that keeps what a dictionary would lose: the order of an object's keys and the
/// spelling of its numbers. Both are needed to print an answer as `onegate ... --json` does.
///
/// Values are compared byte for byte, unlike Swift's texts: an accented letter in one piece is not the same as the
/// letter and an accent.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    /// A number as it was spelled in the text, such as `3` or `1.50`.
    case number(String)
    case string(String)
    case array([JSON])
    case object(OrderedDictionary<String, JSON>)

    /// An empty object, as OpenNebula sends it for an empty XML element.
    public static var emptyObject: JSON { .object([:]) }

    /// The member of an object; nil for another name and for what is no object.
    public subscript(name: String) -> JSON? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    /// The element of an array; nil outside its bounds and for what is no array.
    public subscript(index: Int) -> JSON? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }

    /// The members of an object, or nil.
    public var members: OrderedDictionary<String, JSON>? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements of an array, or nil.
    public var elements: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text of a scalar: a string as it is, a number as it is spelled, `true`, `false`, and an
    /// empty text for `null`. Nil for arrays and objects.
    public var scalar: String? {
        switch self {
        case .null: ""
        case .bool(let value): value ? "true" : "false"
        case .number(let text), .string(let text): text
        case .array, .object: nil
        }
    }

    /// The integer that a number or a string of digits spells, or nil.
    public var integer: Int? {
        switch self {
        case .number(let text), .string(let text): Int(text)
        default: nil
        }
    }
}

extension JSON: Hashable {
    /// Whether both would be printed the same, byte for byte.
    public static func == (one: JSON, other: JSON) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.number(let one), .number(let other)), (.string(let one), .string(let other)):
            one.utf8.elementsEqual(other.utf8)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count
                && zip(one, other).allSatisfy { first, second in
                    first.key.utf8.elementsEqual(second.key.utf8) && first.value == second.value
                }
        default: false
        }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let text):
            hasher.combine(1)
            hasher.combine(bytesOf: text)
        case .string(let text):
            hasher.combine(2)
            hasher.combine(bytesOf: text)
        case .array(let elements):
            hasher.combine(3)
            hasher.combine(elements)
        case .object(let members):
            hasher.combine(4)
            hasher.combine(members.count)
            for (name, value) in members {
                hasher.combine(bytesOf: name)
                hasher.combine(value)
            }
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A number.
    public init(integerLiteral value: Int) { self = .number(String(value)) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object; of a name that is given twice, the last value counts.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(OrderedDictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

// MARK: - Parsing

extension JSON {
    /// Why a text is not JSON.
    public struct ParseError: Error, Hashable, CustomStringConvertible {
        /// What was wrong, in words.
        public let reason: String
        /// Where, in bytes from the start.
        public let offset: Int
        /// Both, for a message.
        public var description: String { "\(reason) at byte \(offset)" }
    }

    /// The deepest nesting that is accepted, the limit of Ruby's parser, which the `onegate` command uses.
    public static let nestingLimit = 100

    /// Parses a whole JSON text (RFC 8259). Of a name that an object has twice, the last value counts.
    ///
    /// - Throws: `ParseError` for anything that is not one JSON value, for text that is not UTF-8,
    ///   unpaired surrogates, and nesting deeper than `nestingLimit`.
    public init(parsing bytes: some Sequence<UInt8>) throws(ParseError) {
        let buffer = ContiguousArray(bytes)
        var parser = Parser(bytes: buffer)
        self = try parser.document()
    }

    /// Parses a whole JSON text; see `init(parsing:)`.
    public init(parsing text: String) throws(ParseError) { try self.init(parsing: text.utf8) }

    private struct Parser {
        let bytes: ContiguousArray<UInt8>
        var position = 0

        init(bytes: ContiguousArray<UInt8>) { self.bytes = bytes }

        func error(_ reason: String) -> ParseError { ParseError(reason: reason, offset: position) }

        mutating func document() throws(ParseError) -> JSON {
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
            let value = try value(depth: 0)
            skipBlanks()
            guard position == bytes.count else { throw error("text after the value") }
            return value
        }

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func skipBlanks() {
            while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                position += 1
            }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            position += 1
            return true
        }

        mutating func value(depth: Int) throws(ParseError) -> JSON {
            skipBlanks()
            guard let byte = next else { throw error("the text ends where a value should be") }
            switch byte {
            case UInt8(ascii: "{"): return try object(depth: depth + 1)
            case UInt8(ascii: "["): return try array(depth: depth + 1)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try word("true", .bool(true))
            case UInt8(ascii: "f"): return try word("false", .bool(false))
            case UInt8(ascii: "n"): return try word("null", .null)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
            default: throw error("not a value")
            }
        }

        mutating func word(_ word: StaticString, _ value: JSON) throws(ParseError) -> JSON {
            for index in 0..<word.utf8CodeUnitCount {
                guard take(word.utf8Start[index]) else { throw error("not a value") }
            }
            return value
        }

        mutating func object(depth: Int) throws(ParseError) -> JSON {
            guard depth <= JSON.nestingLimit else { throw error("nested too deeply") }
            position += 1
            var members: OrderedDictionary<String, JSON> = [:]
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            while true {
                skipBlanks()
                guard next == UInt8(ascii: "\"") else { throw error("an object's member has no name") }
                let name = try string()
                skipBlanks()
                guard take(UInt8(ascii: ":")) else { throw error("a colon is missing") }
                members[name] = try value(depth: depth)
                skipBlanks()
                if take(UInt8(ascii: "}")) { return .object(members) }
                guard take(UInt8(ascii: ",")) else { throw error("an object is not closed") }
            }
        }

        mutating func array(depth: Int) throws(ParseError) -> JSON {
            guard depth <= JSON.nestingLimit else { throw error("nested too deeply") }
            position += 1
            var elements: [JSON] = []
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            while true {
                elements.append(try value(depth: depth))
                skipBlanks()
                if take(UInt8(ascii: "]")) { return .array(elements) }
                guard take(UInt8(ascii: ",")) else { throw error("an array is not closed") }
            }
        }

        mutating func digits() -> Int {
            let start = position
            while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
            return position - start
        }

        mutating func number() throws(ParseError) -> JSON {
            let start = position
            _ = take(UInt8(ascii: "-"))
            let leadingZero = next == UInt8(ascii: "0")
            let count = digits()
            guard count > 0, !(leadingZero && count > 1) else { throw error("not a number") }
            if take(UInt8(ascii: ".")) {
                guard digits() > 0 else { throw error("not a number") }
            }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
                guard digits() > 0 else { throw error("not a number") }
            }
            return .number(String(decoding: bytes[start..<position], as: UTF8.self))
        }

        mutating func string() throws(ParseError) -> String {
            position += 1
            let start = position
            while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                position += 1
            }
            if next == UInt8(ascii: "\"") {
                // Nothing was escaped: the common case, in one piece.
                let slice = bytes[start..<position]
                guard let text = String(validating: slice, as: UTF8.self) else { throw error("not UTF-8") }
                position += 1
                return text
            }
            var content = ContiguousArray(bytes[start..<position])
            while true {
                guard let byte = next else { throw error("a string is not closed") }
                position += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard let text = String(validating: content, as: UTF8.self) else {
                        throw error("not UTF-8")
                    }
                    return text
                case UInt8(ascii: "\\"): try escape(into: &content)
                case 0..<0x20: throw error("a control character in a string")
                default: content.append(byte)
                }
            }
        }

        mutating func escape(into content: inout ContiguousArray<UInt8>) throws(ParseError) {
            guard let byte = next else { throw error("a string is not closed") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
            case UInt8(ascii: "b"): content.append(0x08)
            case UInt8(ascii: "f"): content.append(0x0C)
            case UInt8(ascii: "n"): content.append(0x0A)
            case UInt8(ascii: "r"): content.append(0x0D)
            case UInt8(ascii: "t"): content.append(0x09)
            case UInt8(ascii: "u"):
                var code = try hexadecimal()
                if (0xD800..<0xDC00).contains(code) {
                    guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                        throw error("an unpaired surrogate")
                    }
                    let low = try hexadecimal()
                    guard (0xDC00..<0xE000).contains(low) else { throw error("an unpaired surrogate") }
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw error("an unpaired surrogate") }
                content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: throw error("an unknown escape")
            }
        }

        mutating func hexadecimal() throws(ParseError) -> UInt32 {
            var code: UInt32 = 0
            for _ in 0..<4 {
                guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                    throw error("not a hexadecimal digit")
                }
                code = code << 4 | UInt32(digit)
                position += 1
            }
            return code
        }
    }
}

// MARK: - Printing

extension JSON {
    /// The value as Ruby's `JSON.pretty_generate` prints it, and so as `onegate ... --json` does: two
    /// blanks of indentation, `[]` and `{}` for what is empty, keys in their order, no final newline.
    public var prettyPrinted: String {
        var text = ""
        write(to: &text, indentation: 0)
        return text
    }

    /// The value on one line with no blanks, as a server sends it.
    public var compact: String {
        var text = ""
        write(to: &text, indentation: nil)
        return text
    }

    private func write(to text: inout String, indentation: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let number): text += number
        case .string(let string): JSON.write(string, to: &text)
        case .array(let elements):
            JSON.write(elements, "[", "]", to: &text, indentation: indentation) { element, text, inner in
                element.write(to: &text, indentation: inner)
            }
        case .object(let members):
            JSON.write(members.elements, "{", "}", to: &text, indentation: indentation) {
                member, text, inner in
                JSON.write(member.key, to: &text)
                text += inner == nil ? ":" : ": "
                member.value.write(to: &text, indentation: inner)
            }
        }
    }

    private static func write<Items: Collection>(
        _ items: Items, _ open: String, _ close: String, to text: inout String, indentation: Int?,
        item write: (Items.Element, inout String, Int?) -> Void
    ) {
        text += open
        if !items.isEmpty {
            let inner = indentation.map { $0 + 2 }
            var first = true
            for item in items {
                if !first { text += "," }
                first = false
                if let inner { text += "\n" + String(repeating: " ", count: inner) }
                write(item, &text, inner)
            }
            if let indentation { text += "\n" + String(repeating: " ", count: indentation) }
        }
        text += close
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{08}": text += "\\b"
            case "\u{0C}": text += "\\f"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
