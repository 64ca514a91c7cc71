/// The shell file that OpenNebula's contextualization writes, `/run/one-context/one_env`. It is parsed,
/// never run.
///
/// Its writer prints `export NAME="value"` with the value as it is: quotes, dollars and newlines in it are
/// not escaped, so a shell that runs the file gets something else, and a start script's own lines can
/// look like the file's.
public enum EnvFile {
    /// The variables of an env file.
    ///
    /// - `export NAME="value"`: the value is taken as it is, up to the last quote of its line. When a line has no
    ///   closing quote, or the lines before the next assignment go on and end with one, the value has several lines.
    /// - `NAME='value'` is read as a shell reads it, `NAME=value` up to the end of the line or a comment.
    /// - The last of several assignments counts, as in a shell. But after a value of several lines an assignment
    ///   may be a part of that value (a start script), and does not replace what came before it.
    public static func parse(_ text: String) -> [String: String] {
        var parser = Parser(lines: Array(text.utf8).split(separator: 0x0A, omittingEmptySubsequences: false))
        return parser.variables()
    }

    private struct Parser {
        typealias Line = ArraySlice<UInt8>
        let lines: [Line]
        var position = 0
        var isDoubtful = false

        init(lines: [Line]) { self.lines = lines }

        mutating func variables() -> [String: String] {
            var variables: [String: String] = [:]
            while position < lines.count {
                guard let (name, rest) = Parser.assignment(lines[position]) else {
                    position += 1
                    continue
                }
                let wasDoubtful = isDoubtful
                guard let value = value(rest) else { continue }
                if wasDoubtful, let earlier = variables[name], !earlier.isEmpty { continue }
                variables[name] = value
            }
            return variables
        }

        /// Moves past the value, or past its first line when it has no end.
        private mutating func value(_ rest: Line) -> String? {
            switch rest.first {
            case UInt8(ascii: "\""): return doubleQuoted(rest.dropFirst())
            case UInt8(ascii: "'"): return singleQuoted(rest.dropFirst())
            default:
                position += 1
                var word = rest
                if let comment = word.indices.first(where: { index in
                    word[index] == UInt8(ascii: "#") && (index == word.startIndex || word[index - 1].isBlank)
                }) {
                    word = word[..<comment]
                }
                return Parser.text(Parser.withoutBlanksAtEnd(word))
            }
        }

        private mutating func doubleQuoted(_ first: Line) -> String? {
            let start = position
            var end: (line: Int, quote: Int)?
            if let quote = first.lastIndex(of: UInt8(ascii: "\"")) { end = (start, quote) }
            var next = start + 1
            while next < lines.count {
                if Parser.assignment(lines[next]) != nil, end != nil { break }
                let line = Parser.withoutBlanksAtEnd(lines[next])
                if line.last == UInt8(ascii: "\"") { end = (next, line.endIndex - 1) }
                next += 1
            }
            guard let end else {
                position = start + 1
                return nil
            }
            position = end.line + 1
            guard end.line > start else { return Parser.text(first[..<end.quote]) }
            isDoubtful = true
            let last = lines[end.line]
            let pieces = [first] + lines[(start + 1)..<end.line] + [last[..<end.quote]]
            return Parser.text(pieces.joined(separator: [0x0A]))
        }

        private mutating func singleQuoted(_ first: Line) -> String? {
            let start = position
            var content: [UInt8] = []
            var rest = first
            while true {
                if let quote = rest.firstIndex(of: UInt8(ascii: "'")) {
                    content += rest[..<quote]
                    let after = rest[(quote + 1)...]
                    // A quote inside is written as the end, an escaped quote, and a new beginning.
                    guard after.starts(with: Array("\\''".utf8)) else {
                        position += 1
                        return Parser.text(content)
                    }
                    content.append(UInt8(ascii: "'"))
                    rest = after.dropFirst(3)
                } else {
                    content += rest
                    content.append(0x0A)
                    position += 1
                    guard position < lines.count else {
                        position = start + 1
                        return nil
                    }
                    rest = lines[position]
                }
            }
        }

        /// The name and what follows the equals sign, when the line begins with an assignment.
        static func assignment(_ line: Line) -> (name: String, rest: Line)? {
            var rest = line.drop(while: \.isBlank)
            let keyword = Array("export".utf8)
            if rest.starts(with: keyword), let after = rest.dropFirst(keyword.count).first, after.isBlank {
                rest = rest.dropFirst(keyword.count).drop(while: \.isBlank)
            }
            let name = rest.prefix { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard !name.isEmpty, rest[name.endIndex...].first == UInt8(ascii: "=") else { return nil }
            return (text(name), rest[(name.endIndex + 1)...])
        }

        static func withoutBlanksAtEnd(_ line: Line) -> Line {
            line.dropLast(line.reversed().prefix(while: \.isBlank).count)
        }

        static func text(_ bytes: some Sequence<UInt8>) -> String {
            String(decoding: Array(bytes), as: UTF8.self)
        }
    }
}
