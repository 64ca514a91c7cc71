/// How changes to a VM's user template are written so that the server stores what was meant.
///
/// The server edits update data before the core parses it, and no quoting gets a comma or a bracket through
/// that. XML whose text is all character references does: there is nothing in it that the server would edit.
public enum UserTemplate {
    /// The largest request body in bytes; above it the server answers `total query size exceeds limit`.
    public static let requestLimit = 4 << 20

    /// The `type` of a request's form that says what its data is for.
    public enum Change: Int, Sendable {
        /// Attributes are added and replaced.
        case update = 1
        /// An attribute is removed.
        case erase = 2
    }

    // MARK: Checks

    /// Checks that a value is stored as it is, byte for byte, and does no harm.
    ///
    /// - Throws: `ValueError` for blanks at either end, and for what is changed or harmful: CR, control characters
    ///   other than tab and newline, U+FFFE and U+FFFF, what is outside the Basic Multilingual Plane (it makes the
    ///   VM unreadable for everybody), `]]>`, and a backslash at the end (it breaks erasing).
    public static func check(value: String) throws(ValueError) {
        var hasCarriageReturn = false
        var brackets = 0
        var endsSection = false
        for scalar in value.unicodeScalars {
            if scalar == ">", brackets >= 2 { endsSection = true }
            brackets = scalar == "]" ? brackets + 1 : 0
            switch scalar.value {
            case 0x09, 0x0A, 0x20...0xFFFD: continue
            case 0x0D: hasCarriageReturn = true
            case 0x10000...:
                throw ValueError(
                    .notStorable(
                        "has a character outside the Basic Multilingual Plane, "
                            + "such as an emoji; the server could not read the VM any more"))
            case let code:
                let digits = String(code, radix: 16, uppercase: true)
                let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                throw ValueError(.notStorable("has the character \(name), which the server does not store"))
            }
        }
        if let first = value.utf8.first, let last = value.utf8.last, first.isBlank || last.isBlank {
            throw ValueError(.blankAtEnd)
        }
        if hasCarriageReturn {
            throw ValueError(.notStorable("has a carriage return, which the server would store as a newline"))
        }
        if endsSection {
            throw ValueError(.notStorable("has \"]]>\" in it, which makes the server store nothing"))
        }
        if value.utf8.last == UInt8(ascii: "\\") {
            throw ValueError(
                .notStorable("ends with a backslash, after which the server could erase nothing any more"))
        }
    }

    /// Checks that the bytes of a value are UTF-8, and then as `check(value:)` does.
    ///
    /// - Returns: The value as a text.
    /// - Throws: `ValueError`, `notStorable` for what is not UTF-8.
    public static func checkedText(_ bytes: some Collection<UInt8>) throws(ValueError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValueError(.notStorable("is not UTF-8"))
        }
        try check(value: text)
        return text
    }

    /// Checks that an attribute or a key of this name may be created: `[A-Z_][A-Z0-9_]*`, but not `XML` at the beginning,
    /// which the core would store as `ONE_XML`.
    ///
    /// - Throws: `ValueError` with the reason `name` for any other name.
    public static func check(name: String) throws(ValueError) {
        guard isName(name.utf8, extra: []), !name.utf8.starts(with: "XML".utf8) else {
            throw ValueError(.name, attribute: name)
        }
    }

    /// Checks that this may be sent as what to erase: a name, or `NAME/KEY` for a vector's key.
    ///
    /// The server uses it in an XPath expression and writes back what is left, so nothing else may ever be sent.
    ///
    /// - Throws: `ValueError` with the reason `name` for anything else.
    public static func check(erasing path: String) throws(ValueError) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ isName($0, extra: []) }) else {
            throw ValueError(.name, attribute: path)
        }
    }

    /// Checks a name that the server has already. It may have dashes and dots, but not `--`, which ends a comment.
    private static func check(existing name: String) throws(ValueError) {
        guard isName(name.utf8, extra: [UInt8(ascii: "-"), UInt8(ascii: ".")]),
            !name.utf8.contains("--".utf8),
            !name.utf8.starts(with: "XML".utf8)
        else {
            throw ValueError(.name, attribute: name)
        }
    }

    private static func isName(_ name: some Collection<UInt8>, extra: [UInt8]) -> Bool {
        guard let first = name.first, !isDigit(first), !extra.contains(first) else { return false }
        return name.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || isDigit(byte)
                || byte == UInt8(ascii: "_")
                || extra.contains(byte)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    // MARK: Encoding

    /// The data of an update that stores these attributes, together or not at all.
    ///
    /// It begins with a comment that names the attributes the way the server's check for restricted ones
    /// understands; without it the check would be got round.
    ///
    /// - Parameter attributes: The attributes with their whole new values: a vector replaces all keys, a list all of
    ///   an attribute's values. A name may occur once.
    /// - Throws: `ValueError` for a name that cannot be written, a value that `check(value:)` refuses, a vector
    ///   or list with nothing in it, a list in a list, and data too large for a request.
    public static func encode(_ attributes: [(name: String, value: AttributeValue)]) throws(ValueError)
        -> String
    {
        guard !attributes.isEmpty else { throw ValueError(.notStorable("has no attribute to store")) }
        var names: Set<String> = []
        var elements = ""
        for (name, value) in attributes {
            try check(existing: name)
            guard names.insert(name).inserted else {
                throw ValueError(.notStorable("is given twice"), attribute: name)
            }
            do { try append(name, value, to: &elements) } catch { throw error.about(name) }
            guard elements.utf8.count <= requestLimit else { throw ValueError(.tooLarge, attribute: name) }
        }
        let announcement = attributes.map { "\($0.name)=\n" }.joined()
        return "<TEMPLATE><!--\n\(announcement)-->\(elements)</TEMPLATE>"
    }

    private static func append(
        _ name: String, _ value: AttributeValue, to output: inout String, isElement: Bool = false
    ) throws(ValueError) {
        switch value {
        case .text(let text):
            output += "<\(name)>"
            try append(text, to: &output)
            output += "</\(name)>"
        case .vector(let keys):
            guard !keys.isEmpty else { throw ValueError(.notStorable("is a vector without keys")) }
            output += "<\(name)>"
            for (key, text) in keys {
                do {
                    try check(existing: key)
                    output += "<\(key)>"
                    try append(text, to: &output)
                    output += "</\(key)>"
                } catch {
                    throw ValueError(error.reason, attribute: "\(name)/\(key)")
                }
            }
            output += "</\(name)>"
        case .list(let elements):
            guard !elements.isEmpty, !isElement else {
                throw ValueError(.notStorable("is a list without elements, or in a list"))
            }
            for element in elements { try append(name, element, to: &output, isElement: true) }
        }
    }

    private static func append(_ text: String, to output: inout String) throws(ValueError) {
        guard text.utf8.count <= requestLimit else { throw ValueError(.tooLarge) }
        try check(value: text)
        // The server ignores an empty element; of a blank it stores the empty value.
        if text.isEmpty { output += "&#32;" }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 2)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "A"..."Z", "a"..."z", "0"..."9": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            default:
                bytes.append(UInt8(ascii: "&"))
                bytes.append(UInt8(ascii: "#"))
                bytes += String(scalar.value).utf8
                bytes.append(UInt8(ascii: ";"))
            }
        }
        output += String(decoding: bytes, as: UTF8.self)
    }

    /// The body of a request that changes a user template, `application/x-www-form-urlencoded`.
    ///
    /// - Parameters:
    ///   - data: What `encode` returned, or the checked path of what to erase.
    ///   - type: 1 for an update, 2 to erase (`Change`).
    public static func formBody(data: String, type: Int) -> [UInt8] {
        var body = Array("data=".utf8)
        body.reserveCapacity(data.utf8.count * 2)
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in data.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"),
                UInt8(ascii: "."),
                UInt8(ascii: "_"):
                body.append(byte)
            case UInt8(ascii: " "): body.append(UInt8(ascii: "+"))
            default: body += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return body + Array("&type=\(type)".utf8)
    }

    /// The body of an update with these attributes.
    ///
    /// - Throws: `ValueError` as `encode` does, and `tooLarge` above `requestLimit`.
    public static func updateBody(_ attributes: [(name: String, value: AttributeValue)]) throws(ValueError)
        -> [UInt8]
    {
        let body = formBody(data: try encode(attributes), type: Change.update.rawValue)
        guard body.count <= requestLimit else { throw ValueError(.tooLarge) }
        return body
    }

    /// The body of a request that erases an attribute or a vector's key.
    ///
    /// - Throws: `ValueError` as `check(erasing:)` does.
    public static func eraseBody(_ path: String) throws(ValueError) -> [UInt8] {
        try check(erasing: path)
        return formBody(data: path, type: Change.erase.rawValue)
    }
}
