/// What one open did to a content since it knew what is stored. Somebody else may have stored another one meanwhile: then the same is
/// done to that.
struct Edits: Sendable, Equatable {
    /// One call.
    enum Edit: Sendable, Equatable {
        case append([UInt8])
        case write([UInt8], at: Int)
        case resize(Int)

        func apply(to bytes: inout [UInt8]) {
            switch self {
            case .append(let data): bytes += data
            case .write(let data, let offset):
                if offset > bytes.count { bytes += [UInt8](repeating: 0, count: offset - bytes.count) }
                bytes.replaceSubrange(offset..<min(offset + data.count, bytes.count), with: data)
            case .resize(let size):
                bytes = Array(bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - bytes.count))
            }
        }

        var isAppend: Bool { if case .append = self { true } else { false } }
    }

    /// The content that was known to be stored.
    let base: [UInt8]
    let edits: [Edit]

    /// The content that they lead to.
    ///
    /// - Parameters:
    ///   - file: what the file holds now; nil if there is none.
    ///   - whole: what they made of the base.
    func applied(to file: [UInt8]?, whole: [UInt8]) -> [UInt8] {
        let onlyAppend = edits.allSatisfy(\.isAppend)
        guard let file = file ?? (onlyAppend ? [] : nil) else { return whole }
        // A file ends with a newline though what was written last did not: what follows goes on with that line.
        if WriteSession.value(of: file) == WriteSession.value(of: base) { return whole }
        // An empty value is a single newline; what is appended to it begins the value.
        var bytes = onlyAppend && file == [0x0A] ? [] : file
        for edit in edits { edit.apply(to: &bytes) }
        return bytes
    }
}
