import OneGate
import OrderedCollections

/// What can be written to a VM's `update`: KEY=VALUE lines, as `onegate vm update --data` takes them.
///
/// A value is the rest of its line, byte for byte. One that begins with a double quote goes on to the closing
/// quote at the end of a line, newlines and all; in it, `\"` is a quote and `\\` a backslash.
/// `KEY=[A="1", B="2"]` is a vector attribute.
package enum UpdateLines {
    /// Why lines are refused.
    package struct SyntaxError: Error, Equatable, Sendable {
        let words: String
    }

    /// The attributes that some lines set, in their order. Of a name that is given twice, the last
    /// value counts.
    package static func parse(_ text: String) throws(SyntaxError) -> [(name: String, value: AttributeValue)] {
        var attributes: OrderedDictionary<String, AttributeValue> = [:]
        var rest = Array(text.unicodeScalars)[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: "\n") ?? rest.endIndex
            let line = rest[rest.startIndex..<end]
            if line.allSatisfy({ $0 == " " || $0 == "\t" }) {
                rest = rest[min(end + 1, rest.endIndex)...]
                continue
            }
            guard let equals = line.firstIndex(of: "=") else {
                throw SyntaxError(words: "not KEY=VALUE: \(excerpt(line))")
            }
            let name = string(line[line.startIndex..<equals]).trimmedBlanks
            let start = equals + 1
            let value: AttributeValue
            if let quoted = quoted(rest[start...]) {
                value = .text(quoted.text)
                rest = quoted.rest
            } else if let vector = vector(rest[start...]) {
                value = .vector(vector.members)
                rest = vector.rest
            } else {
                value = .text(string(rest[start..<end]))
                rest = rest[min(end + 1, rest.endIndex)...]
            }
            do {
                try UserTemplate.check(name: name)
            } catch {
                throw SyntaxError(words: error.description)
            }
            attributes[name] = value
        }
        guard !attributes.isEmpty else { throw SyntaxError(words: "no KEY=VALUE line") }
        return attributes.map { (name: $0.key, value: $0.value) }
    }

    private typealias Scalars = ArraySlice<Unicode.Scalar>

    private static func string(_ scalars: Scalars) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    private static func excerpt(_ line: Scalars) -> String {
        string(line.prefix(40)) + (line.count > 40 ? "..." : "")
    }

    /// A quoted text that ends with its line, and what follows; nil if it is not one.
    private static func quoted(_ scalars: Scalars) -> (text: String, rest: Scalars)? {
        guard let parsed = quotedText(scalars), let rest = afterLine(parsed.rest) else { return nil }
        return (parsed.text, rest)
    }

    private static func quotedText(_ scalars: Scalars) -> (text: String, rest: Scalars)? {
        guard scalars.first == "\"" else { return nil }
        var text = String.UnicodeScalarView()
        var index = scalars.startIndex + 1
        while index < scalars.endIndex {
            let scalar = scalars[index]
            if scalar == "\"" { return (String(text), scalars[(index + 1)...]) }
            if scalar == "\\", index + 1 < scalars.endIndex,
                scalars[index + 1] == "\"" || scalars[index + 1] == "\\"
            {
                index += 1
                text.append(scalars[index])
            } else {
                text.append(scalar)
            }
            index += 1
        }
        return nil
    }

    /// What follows the end of a line that has nothing but blanks left; nil if it has more.
    private static func afterLine(_ scalars: Scalars) -> Scalars? {
        let rest = scalars.drop { $0 == " " || $0 == "\t" }
        guard let first = rest.first else { return rest }
        return first == "\n" ? rest.dropFirst() : nil
    }

    /// A vector that ends with a line, and what follows; nil if it is not one.
    private static func vector(
        _ scalars: Scalars
    ) -> (members: OrderedDictionary<String, String>, rest: Scalars)? {
        func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" || scalar == "\n" }
        guard scalars.first == "[" else { return nil }
        var members: OrderedDictionary<String, String> = [:]
        var rest = scalars.dropFirst()
        while true {
            rest = rest.drop(while: isBlank)
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let name = string(rest[rest.startIndex..<equals]).trimmedBlanks
            do { try UserTemplate.check(name: name) } catch { return nil }
            rest = rest[(equals + 1)...].drop(while: isBlank)
            if let text = quotedText(rest) {
                members[name] = text.text
                rest = text.rest.drop(while: isBlank)
            } else {
                let end = rest.firstIndex { $0 == "," || $0 == "]" || $0 == "\n" } ?? rest.endIndex
                members[name] = string(rest[rest.startIndex..<end]).trimmedBlanks
                rest = rest[end...].drop(while: isBlank)
            }
            switch rest.first {
            case ",": rest = rest.dropFirst()
            case "]":
                guard let after = afterLine(rest.dropFirst()) else { return nil }
                return (members, after)
            default: return nil
            }
        }
    }
}

extension String {
    /// The text without blanks and tabs at its ends.
    var trimmedBlanks: String {
        var scalars = Substring(self)
        while let first = scalars.unicodeScalars.first, first == " " || first == "\t" {
            scalars.unicodeScalars.removeFirst()
        }
        while let last = scalars.unicodeScalars.last, last == " " || last == "\t" {
            scalars.unicodeScalars.removeLast()
        }
        return String(scalars)
    }
}
