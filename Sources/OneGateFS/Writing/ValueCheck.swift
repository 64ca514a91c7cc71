import FUSE
import OneGate

/// Whether a value can be stored byte for byte, told without sending it.
enum ValueCheck {
    /// What is wrong with a value.
    struct Problem: Error, Equatable, Sendable {
        let errno: Errno
        let words: String
    }

    /// What is wrong with a value, or nil.
    static func problem(with value: [UInt8]) -> Problem? {
        guard let text = String(validating: value, as: UTF8.self) else {
            return Problem(errno: .illegalSequence, words: "the value is not UTF-8")
        }
        do {
            try UserTemplate.check(value: text)
            return nil
        } catch {
            return Problem(errno: errno(of: error), words: error.description)
        }
    }

    /// The errno of each reason (contract, section 5).
    static func errno(of error: ValueError) -> Errno {
        switch error.reason {
        case .blankAtEnd: .invalid
        case .notStorable: .illegalSequence
        case .tooLarge: .fileTooLarge
        case .name: .invalid
        }
    }

    /// Whether what is wrong with a value may be mended by what follows it: it ends with blanks, a
    /// backslash, or in the middle of a character.
    static func endIsUnfinished(_ value: [UInt8]) -> Bool {
        var end = value[...]
        // At most three bytes of a character that is not complete.
        var cut = 0
        while cut < 4, String(validating: end, as: UTF8.self) == nil, !end.isEmpty {
            end.removeLast()
            cut += 1
        }
        while let last = end.last, last == 0x20 || last == 0x0A || last == 0x09 || last == UInt8(ascii: "\\")
        {
            end.removeLast()
        }
        return problem(with: Array(end)) == nil
    }
}
