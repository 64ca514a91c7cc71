import FUSE

/// Which names may be what.
public enum Name {
    /// A name that the root never has.
    static let nothing: FileName = "-"

    /// The longest file name that Linux allows, in bytes (NAME_MAX, limits.h).
    static let lengthLimit = 255

    /// The name of a file for a name of the server's: the same, unless it cannot be a file name. A
    /// slash, a percent sign, control characters and the dots of `.` and `..` are percent-encoded, an
    /// empty name is `%`, and what would be too long is cut and marked with a hash of the whole.
    public static func file(for name: String) -> FileName {
        let bytes = Array(name.utf8)
        if bytes.isEmpty { return "%" }
        let dots = bytes.allSatisfy { $0 == UInt8(ascii: ".") } && bytes.count <= 2
        func mustEncode(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") || byte < 0x20 || byte == 0x7F
                || dots && byte == UInt8(ascii: ".")
        }
        if bytes.count <= lengthLimit, !bytes.contains(where: mustEncode) { return FileName(bytes: bytes) }
        var encoded: [UInt8] = []
        for byte in bytes {
            if mustEncode(byte) { encoded += percentEncoded(byte) } else { encoded.append(byte) }
        }
        if encoded.count > lengthLimit {
            let hash = InodeNumber.hash(bytes, seed: 0)
            encoded = Array(encoded.prefix(200)) + Array("%~".utf8) + Array(String(hash, radix: 16).utf8)
        }
        return FileName(bytes: encoded)
    }

    /// A byte as `%` and two digits.
    static func percentEncoded(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    /// Whether an attribute, or a vector's key, of this name may be made: `[A-Z_][A-Z0-9_]*`.
    public static func isAttribute(_ name: FileName) -> Bool {
        guard let first = name.bytes.first, name.bytes.count <= lengthLimit else { return false }
        func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
        }
        return isLetter(first)
            && name.bytes.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Whether editors and copying tools use such a name for what is not finished: it is held in
    /// memory, never sent.
    ///
    /// The patterns are those of vim (`4913`, `.NAME.swp`, `NAME~`), emacs (`#NAME#`, `.#NAME`), GNU sed
    /// (`sedXXXXXX`), perl -i with a suffix, rsync and install (`.NAME.XXXXXX`), Python's tempfile (`tmp*`), patch (`NAME.orig`, `NAME.rej`,
    /// `poXXXXXX`), Ansible (`.ansible_tmp*`) and coreutils' mv and shred.
    public static func isScratch(_ name: FileName) -> Bool {
        guard !isAttribute(name), name.bytes.count <= lengthLimit, let first = name.bytes.first,
            let last = name.bytes.last
        else { return false }
        if first == UInt8(ascii: ".") || first == UInt8(ascii: "#") || first == UInt8(ascii: ",") {
            return true
        }
        if last == UInt8(ascii: "~") || last == UInt8(ascii: "#") { return true }
        guard let text = name.string else { return false }
        // vim probes with 4913, and goes on from there in such steps while there is one.
        if let number = Int(text), number >= 4913, (number - 4913) % 123 == 0 { return true }
        for prefix in ["tmp", "XX", "cptmp", "install."] where text.hasPrefix(prefix) { return true }
        // Random letters mostly have some that no word has.
        if hasRandomEnd(name), !text.utf8.suffix(6).allSatisfy(isLower) { return true }
        for suffix in [
            ".tmp", ".temp", ".bak", ".swp", ".swo", ".swx", ".swpx", ".orig", ".rej", ".new", ".old",
            ".part",
            ".partial", ".backup", ".save", ".dpkg-tmp",
        ] where text.hasSuffix(suffix) {
            return true
        }
        return false
    }

    /// Whether a name is that of a file that is there, with something behind it that makes it no attribute's: so
    /// busybox' sed (`NAMEXXXXXX`) and patch (`NAME.oXXXXXX`) call what they put in its place later.
    static func isTemporary(_ name: FileName, beside others: some Sequence<FileName>) -> Bool {
        !isAttribute(name) && name.bytes.count <= lengthLimit
            && (hasRandomEnd(name)
                || others.contains { $0.bytes.count < name.bytes.count && name.bytes.starts(with: $0.bytes) })
    }

    /// Whether a name is one of those that sed and patch make with mkstemp(3): `sedXXXXXX`.
    private static func hasRandomEnd(_ name: FileName) -> Bool {
        guard let text = name.string else { return false }
        return ["sed", "patch", "po", "pp", "pi", "pr"].contains { prefix in
            text.utf8.count == prefix.utf8.count + 6 && text.hasPrefix(prefix)
                && text.utf8.allSatisfy {
                    isLower($0) || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                }
        }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    /// The number that a canonical decimal name spells (`9`, not `09`), or nil: the server reads an ID
    /// only as far as it is digits, so nothing else may be asked for.
    public static func identifier(_ name: FileName) -> Int? {
        guard let text = name.string, let number = Int(text), number >= 0, String(number) == text else {
            return nil
        }
        return number
    }
}

extension Name {
    /// The server's name of a file name that `file(for:)` made, or nil if it was cut or is not UTF-8.
    static func decoded(_ name: FileName) -> String? {
        if name == "%" { return "" }
        var bytes: [UInt8] = []
        var rest = name.bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(validating: rest.prefix(2), as: UTF8.self), digits.utf8.count == 2,
                let value = UInt8(digits, radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
