/// How the server, which is written in Ruby, reads numbers and tokens out of text.
enum RubyValues {
    /// A text read as far as it is an integer (`String#to_i`), spelled canonically: 0 when no
    /// digit comes first.
    static func leadingInteger(_ text: String) -> String {
        var bytes = Array(text.utf8)[...]
        while let first = bytes.first, [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D].contains(first) {
            bytes.removeFirst()
        }
        var sign = ""
        if let first = bytes.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            sign = first == UInt8(ascii: "-") ? "-" : ""
            bytes.removeFirst()
        }
        var digits: [UInt8] = []
        var previous = UInt8(ascii: "_")
        for byte in bytes {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                digits.append(byte)
            } else if byte != UInt8(ascii: "_") || previous == UInt8(ascii: "_") {
                break
            }
            previous = byte
        }
        let trimmed = String(decoding: digits.drop { $0 == UInt8(ascii: "0") }, as: UTF8.self)
        return trimmed.isEmpty ? "0" : sign + trimmed
    }

    /// A whole text as an integer (`Integer()`): decimal, `0x`, `0b`, `0o` or `0` for octal, single
    /// underscores between digits, blanks around. Nil for anything else.
    static func strictInteger(_ text: String) -> Int? {
        var rest = Substring(text).trimming(" ")
        var sign = 1
        if rest.hasPrefix("-") || rest.hasPrefix("+") {
            sign = rest.hasPrefix("-") ? -1 : 1
            rest = rest.dropFirst()
        }
        var radix = 10
        for (prefix, base) in [
            ("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8), ("0d", 10),
        ]
        where rest.hasPrefix(prefix) {
            rest = rest.dropFirst(2)
            radix = base
        }
        if radix == 10, rest.hasPrefix("0"), rest.utf8.count > 1 {
            rest = rest.dropFirst()
            radix = 8
            if rest.hasPrefix("_") { rest = rest.dropFirst() }
        }
        guard !rest.isEmpty, !rest.hasPrefix("_"), !rest.hasSuffix("_"), !rest.contains("__"),
            !rest.hasPrefix("+"), !rest.hasPrefix("-")
        else { return nil }
        return Int(String(rest.filter { $0 != "_" }), radix: radix).map { sign * $0 }
    }

    /// A token reduced to what a lenient Base64 decoder reads of it.
    static func token(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "="): return result
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                result.append(byte)
            default: break
            }
        }
        return result
    }
}
