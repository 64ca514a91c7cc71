import Glibc

/// Which values can be stored, by the contract.
enum ModelValue {
    /// The errnos with which a value may be refused; empty if it can be stored.
    static func problems(_ value: [UInt8]) -> Set<Int32> {
        guard let text = String(validating: value, as: UTF8.self) else { return [EILSEQ] }
        var problems: Set<Int32> = []
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        if let first = value.first, let last = value.last, blanks.contains(first) || blanks.contains(last) {
            problems.insert(EINVAL)
        }
        let isHarmful = text.unicodeScalars.contains { scalar in
            scalar.value < 0x20 && scalar != "\t" && scalar != "\n" || scalar.value > 0xFFFD
        }
        if isHarmful || text.contains("]]>") || value.last == UInt8(ascii: "\\") { problems.insert(EILSEQ) }
        return problems
    }

    /// Whether a value is wrong only at its end, where more may follow: it ends with blanks, with a backslash or in
    /// the middle of a character.
    static func isUnfinished(_ value: [UInt8]) -> Bool {
        var begin = value
        var cut = 0
        while String(validating: begin, as: UTF8.self) == nil, cut < 4, !begin.isEmpty {
            begin.removeLast()
            cut += 1
        }
        let endings: Set<UInt8> = [0x20, 0x09, 0x0A, UInt8(ascii: "\\")]
        while let last = begin.last, endings.contains(last) { begin.removeLast() }
        return problems(begin).isEmpty
    }

    /// The value of a content: one newline at the end belongs to the file.
    static func value(of content: [UInt8]) -> [UInt8] {
        content.last == 0x0A ? Array(content.dropLast()) : content
    }
}

extension [UInt8] {
    /// With other bytes from an offset on, and zeros in a gap.
    func overwritten(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
        var result = self
        if offset > result.count { result += [UInt8](repeating: 0, count: offset - result.count) }
        result.replaceSubrange(offset..<Swift.min(result.count, offset + bytes.count), with: bytes)
        return result
    }

    /// Cut, or with zeros at the end.
    func resized(to size: Int) -> [UInt8] {
        Array(prefix(size)) + [UInt8](repeating: 0, count: Swift.max(0, size - count))
    }
}
