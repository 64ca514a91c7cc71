/// Reads template data as the core does: XML when it begins with `<`, else attributes as text.
enum TemplateParser {
    /// Why data is no template, in the core's words.
    struct Failure: Error, Hashable { let message: String }

    static func parse(_ data: [UInt8]) throws(Failure) -> UserTemplate {
        let template =
            data.first == UInt8(ascii: "<") ? try XMLTemplate.parse(data) : try parseText(data)
        return UserTemplate(
            template.map { attribute in
                var attribute = attribute
                attribute.name = fixedName(attribute.name)
                switch attribute.value {
                case .single(let text): attribute.value = .single(stored(text))
                case .vector(let pairs):
                    attribute.value = .vector(
                        pairs.map { UserTemplate.Pair(key: $0.key, value: stored($0.value)) }
                            .sorted { UserTemplate.precedes($0.key, $1.key) })
                }
                return attribute
            })
    }

    /// An attribute's name as the core keeps it: upper case, and no digit at the start.
    static func fixedName(_ name: String) -> String {
        let first = name.utf8.first
        let isWell =
            first.map {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) || $0 == UInt8(ascii: "_")
            } ?? true
        let upper = name.asciiUppercased
        return isWell && !name.utf8.starts(with: "XML".utf8) ? upper : "ONE_" + upper
    }

    /// A value as it is kept: without blanks at its ends, and with line feeds for carriage returns,
    /// which the core's own XML turns them into.
    private static func stored(_ text: String) -> String {
        let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
        var bytes = Array(text.utf8)[...]
        while let first = bytes.first, blanks.contains(first) { bytes.removeFirst() }
        while let last = bytes.last, blanks.contains(last) { bytes.removeLast() }
        return String(decoding: Array(bytes).withLineFeedsOnly, as: UTF8.self)
    }

    // MARK: Text

    private static func parseText(_ data: [UInt8]) throws(Failure) -> [UserTemplate.Attribute] {
        var parser = TextParser(lexer: TemplateLexer(data))
        return try parser.attributes()
    }

    private struct TextParser {
        var lexer: TemplateLexer
        var token = TemplateLexer.Token.end

        mutating func attributes() throws(Failure) -> [UserTemplate.Attribute] {
            var attributes: [UserTemplate.Attribute] = []
            token = lexer.next()
            while token == .variable {
                let name = text(lexer.value)
                token = lexer.next()
                switch token {
                case .equalEmpty: attributes.append(.init(name: name, value: .single("")))
                case .equal:
                    token = lexer.next()
                    switch token {
                    case .string:
                        attributes.append(.init(name: name, value: .single(unescaped(lexer.value))))
                    case .openBracket:
                        attributes.append(.init(name: name, value: .vector(try pairs())))
                    case .cdata: throw Failure(message: "Parse error.")
                    default: throw unexpected([.openBracket, .cdata, .string])
                    }
                default: throw unexpected([.equal, .equalEmpty])
                }
                token = lexer.next()
            }
            guard token == .end else { throw unexpected([.end]) }
            return attributes
        }

        mutating func pairs() throws(Failure) -> [UserTemplate.Pair] {
            var pairs: [UserTemplate.Pair] = []
            token = lexer.next()
            if token == .closeBracket { return pairs }
            while true {
                guard token == .variable else {
                    throw unexpected(pairs.isEmpty ? [.closeBracket, .variable] : [.variable])
                }
                let key = text(lexer.value).asciiUppercased
                token = lexer.next()
                guard token == .equal else { throw unexpected([.equal]) }
                token = lexer.next()
                guard token == .string else { throw unexpected([.string]) }
                // Of a key that is given twice, the first value counts.
                if !pairs.contains(where: { UserTemplate.same($0.key, key) }) {
                    pairs.append(.init(key: key, value: unescaped(lexer.value)))
                }
                token = lexer.next()
                if token == .closeBracket { return pairs }
                guard token == .comma else { throw unexpected([.comma, .closeBracket]) }
                token = lexer.next()
            }
        }

        func unexpected(_ expected: [TemplateLexer.Token]) -> Failure {
            let words = expected.map(\.rawValue).joined(separator: " or ")
            return Failure(
                message: "Parse error: syntax error, unexpected \(token.rawValue), expecting \(words)"
                    + " at line \(lexer.line), columns \(lexer.firstColumn):\(lexer.lastColumn)")
        }

        func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

        /// The text with `\"` made a quote.
        func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
            var result: [UInt8] = []
            for byte in bytes {
                if byte == UInt8(ascii: "\""), result.last == UInt8(ascii: "\\") { result.removeLast() }
                result.append(byte)
            }
            return text(result[...])
        }
    }
}

extension [UInt8] {
    /// With a line feed for every carriage return, alone or before a line feed, as XML parsers have it.
    var withLineFeedsOnly: [UInt8] {
        guard contains(0x0D) else { return self }
        var result: [UInt8] = []
        var previous: UInt8 = 0
        for byte in self {
            if byte == 0x0D {
                result.append(0x0A)
            } else if !(byte == 0x0A && previous == 0x0D) {
                result.append(byte)
            }
            previous = byte
        }
        return result
    }
}
