/// The parameters of a request: its query's and, when it is a form, its body's.
struct FormParameters {
    /// More form data than this is refused, in bytes.
    static let sizeLimit = 4_194_304

    enum Value: Equatable {
        /// A name without an equals sign.
        case missing
        case text([UInt8])
        /// What `name[]=` or `name[key]=` makes: the Ruby class.
        case collection(String)
    }

    private(set) var values: [String: Value] = [:]

    subscript(name: String) -> Value? { values[name] }

    init(query: Substring, contentType: String?, body: [UInt8]) throws(GateFailure) {
        try add(Array(query.utf8))
        if FormParameters.isForm(contentType) {
            if body.count > FormParameters.sizeLimit { throw .tooLarge }
            try add(body)
        }
    }

    static func isForm(_ contentType: String?) -> Bool {
        guard let type = contentType?.prefix(while: { $0 != ";" }) else { return false }
        return type.trimming(" ").lowercased() == "application/x-www-form-urlencoded"
    }

    private mutating func add(_ data: [UInt8]) throws(GateFailure) {
        for part in data.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = try FormParameters.decoded(part[..<(equals ?? part.endIndex)])
            let key = String(decoding: name, as: UTF8.self)
            guard let equals else {
                values[key] = .missing
                continue
            }
            let value = try FormParameters.decoded(part[(equals + 1)...])
            if let bracket = key.firstIndex(of: "["), bracket > key.startIndex, key.hasSuffix("]") {
                let kind = key.hasSuffix("[]") ? "Array" : "Sinatra::IndifferentHash"
                values[String(key[..<bracket])] = .collection(kind)
            } else {
                values[key] = .text(value)
            }
        }
    }

    private static func decoded(_ data: ArraySlice<UInt8>) throws(GateFailure) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(data.count)
        var index = data.startIndex
        while index < data.endIndex {
            switch data[index] {
            case UInt8(ascii: "+"): result.append(0x20)
            case UInt8(ascii: "%"):
                guard index + 2 < data.endIndex, let high = PercentEncoding.digit(data[index + 1]),
                    let low = PercentEncoding.digit(data[index + 2])
                else {
                    let text = String(decoding: data, as: UTF8.self)
                    throw .refused(400, "Invalid query parameters: invalid %-encoding (\(text))")
                }
                result.append(high << 4 | low)
                index += 2
            default: result.append(data[index])
            }
            index += 1
        }
        return result
    }
}

/// Percent-encoding in paths.
enum PercentEncoding {
    static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    /// A path with what is encoded decoded, and what is no encoding left alone.
    static func decoded(_ path: Substring) -> String {
        let bytes = Array(path.utf8)
        guard bytes.contains(UInt8(ascii: "%")) else { return String(path) }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = digit(bytes[index + 1]),
                let low = digit(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The parts of a path as the server sees it: decoded, without empty parts and `.`, and with
    /// `..` resolved. A slash at the end leaves an empty last part.
    static func parts(_ rawPath: Substring) -> [String] {
        let path = decoded(rawPath)
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        if !parts.isEmpty, path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..") {
            parts.append("")
        }
        return parts
    }
}
