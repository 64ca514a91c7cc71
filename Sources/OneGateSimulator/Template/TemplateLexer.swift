/// Splits the core's template text into tokens. Of the rules that match at a place the longest match
/// counts, and of equals the first rule; what no rule matches is skipped, a character at a time.
struct TemplateLexer {
    enum Token: String {
        case end = "$end"
        case equal = "EQUAL"
        case comma = "COMMA"
        case openBracket = "OBRACKET"
        case closeBracket = "CBRACKET"
        case equalEmpty = "EQUAL_EMPTY"
        case cdata = "CCDATA"
        case string = "STRING"
        case variable = "VARIABLE"
    }

    private let text: [UInt8]
    private var position = 0
    private var expectsValue = false
    /// The text of the last `variable` or `string`, without the quotes.
    private(set) var value: ArraySlice<UInt8> = []
    /// Newlines up to the end of the last match, and where that match was, in bytes.
    private(set) var line = 0
    private(set) var firstColumn = 1
    private(set) var lastColumn = 1

    init(_ text: [UInt8]) {
        // The core hands a C string over: what follows a NUL is not seen.
        self.text = text.firstIndex(of: 0).map { Array(text[..<$0]) } ?? text
    }

    mutating func next() -> Token {
        while position < text.count {
            let (length, token) = expectsValue ? matchValue() : matchAttribute()
            let range = position..<position + max(length, 1)
            line += text[range].count { $0 == UInt8(ascii: "\n") }
            firstColumn = lastColumn
            lastColumn += range.count
            position = range.upperBound
            guard length > 0, let token else { continue }
            switch token {
            case .equal: expectsValue = true
            case .openBracket, .cdata: expectsValue = false
            case .string:
                expectsValue = false
                value = text[range]
                if length > 1, isQuotedMatch(range) { value = text[range].dropFirst().dropLast() }
            case .variable: value = text[range]
            default: break
            }
            return token
        }
        return .end
    }

    // MARK: Rules outside values

    private func matchAttribute() -> (Int, Token?) {
        var best: (length: Int, token: Token?) = (0, nil)
        func offer(_ end: Int, _ token: Token?) {
            if end - position > best.length { best = (end - position, token) }
        }
        let blanks = skip(from: position) { $0 == 0x20 || $0 == 0x09 }
        let spaces = skip(from: position, where: isSpace)
        if at(blanks) == UInt8(ascii: "#"), let newline = text[blanks...].firstIndex(of: UInt8(ascii: "\n")) {
            offer(newline + 1, nil)
        }
        offer(spaces, nil)
        offer(skip(from: position, where: isWord), .variable)
        if at(blanks) == UInt8(ascii: "=") {
            let after = skip(from: blanks + 1) { $0 == 0x20 || $0 == 0x09 }
            offer(after, .equal)
            if at(after) == UInt8(ascii: "\n") { offer(after + 1, .equalEmpty) }
        }
        if at(spaces) == UInt8(ascii: ",") { offer(skip(from: spaces + 1, where: isSpace), .comma) }
        if at(spaces) == UInt8(ascii: "]") { offer(skip(from: spaces + 1, where: isSpace), .closeBracket) }
        return best
    }

    // MARK: Rules after an equals sign

    private func matchValue() -> (Int, Token?) {
        var best: (length: Int, token: Token?) = (0, nil)
        func offer(_ end: Int, _ token: Token?) {
            if end - position > best.length { best = (end - position, token) }
        }
        let blanks = skip(from: position) { $0 == 0x20 || $0 == 0x09 }
        if at(blanks) == UInt8(ascii: "[") { offer(skip(from: blanks + 1, where: isSpace), .openBracket) }
        let lineEnd = skip(from: position) { $0 != UInt8(ascii: "\n") }
        if text[position..<lineEnd].hasCDATAEnd { offer(lineEnd, .cdata) }
        if let end = quotedEnd() { offer(end, .string) }
        offer(unquotedEnd(), .string)
        return best
    }

    /// The end of the longest text in quotes: a quote ends it, unless a backslash is before it and
    /// another quote comes later.
    private func quotedEnd() -> Int? {
        guard at(position) == UInt8(ascii: "\"") else { return nil }
        var end: Int?
        var index = position + 1
        while index < text.count {
            if text[index] == UInt8(ascii: "\"") {
                end = index + 1
                guard index > position + 1, text[index - 1] == UInt8(ascii: "\\") else { break }
            }
            index += 1
        }
        return end
    }

    private func unquotedEnd() -> Int {
        skip(from: position) { byte in
            !isSpace(byte) && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "#")
                && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "[") && byte != UInt8(ascii: "]")
        }
    }

    private func isQuotedMatch(_ range: Range<Int>) -> Bool {
        // The text in quotes is the earlier rule: it wins against an unquoted one of the same length.
        var lexer = self
        lexer.position = range.lowerBound
        return lexer.quotedEnd() == range.upperBound
    }

    // MARK: Characters

    private func at(_ index: Int) -> UInt8? { index < text.count ? text[index] : nil }

    private func skip(from start: Int, where matches: (UInt8) -> Bool) -> Int {
        var index = start
        while index < text.count, matches(text[index]) { index += 1 }
        return index
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A }

    private func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
