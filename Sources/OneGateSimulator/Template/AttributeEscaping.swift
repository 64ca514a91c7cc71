/// What the OneGate server does to the data of an update or an erase before the core sees it: it
/// puts quotes around what it takes for values, one character at a time, and turns a backslash with
/// an `n` into a newline. The core's reading of the result is what makes so many values impossible
/// in the text form.
enum AttributeEscaping {
    static func escape(_ data: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(data.count + 16)
        var isInValue = false
        let quote = UInt8(ascii: "\"")
        let equals = UInt8(ascii: "=")
        let open = UInt8(ascii: "[")
        for (index, byte) in data.enumerated() {
            // The server looks at the character before the first one, which for it is the last one.
            let previous = data[index == 0 ? data.count - 1 : index - 1]
            switch byte {
            case equals where isInValue:
                result.append(byte)
            case equals:
                let next = index + 1 < data.count ? data[index + 1] : nil
                result.append(byte)
                if next != open, next != quote {
                    result.append(quote)
                    isInValue = true
                }
            case UInt8(ascii: ",") where previous != quote:
                result += [quote, byte]
            case open where previous != equals && previous != quote:
                result += [quote, byte]
            case UInt8(ascii: "]") where previous != equals && previous != quote,
                UInt8(ascii: "\\") where previous != quote,
                UInt8(ascii: "\n") where previous != quote:
                result += [quote, byte]
                isInValue = false
            default:
                result.append(byte)
            }
        }
        result = unescapingNewlines(result)
        if isInValue, result.last != UInt8(ascii: "]"), result.last != quote { result.append(quote) }
        return result
    }

    private static func unescapingNewlines(_ data: [UInt8]) -> [UInt8] {
        guard data.contains(UInt8(ascii: "\\")) else { return data }
        var result: [UInt8] = []
        result.reserveCapacity(data.count)
        var index = 0
        while index < data.count {
            if data[index] == UInt8(ascii: "\\"), index + 1 < data.count, data[index + 1] == UInt8(ascii: "n")
            {
                result.append(UInt8(ascii: "\n"))
                index += 2
            } else {
                result.append(data[index])
                index += 1
            }
        }
        return result
    }

    /// The name, as it was spelled, of the first restricted attribute that the server's check
    /// finds: it looks at what is before the first `=` of every line, and at nothing else.
    static func restricted(in escaped: [UInt8], names: [String]) -> String? {
        for line in escaped.split(separator: UInt8(ascii: "\n")) {
            guard let part = line.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false).first
            else { continue }
            let name = String(decoding: part, as: UTF8.self)
            if names.contains(name.uppercased()) { return name }
        }
        return nil
    }
}
