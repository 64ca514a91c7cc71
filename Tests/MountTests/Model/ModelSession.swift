import Glibc

/// What one open for writing an attribute has done so far, by the contract's section 4.
struct ModelSession: Hashable, Sendable {
    /// What the open shows to who reads through it.
    var content: [UInt8]
    let appends: Bool
    /// The empty value is stored at the last close.
    var isEmptied: Bool
    /// It was made by this open, without O_TRUNC: at the last close it is made with the empty value, if nobody did.
    var isNew: Bool
    /// The end of `content` is not stored yet.
    var isHeld = false
    /// What is stored, as far as the open knows, and what it did since.
    var base: [UInt8]
    var edits: [Edit] = []
    var hasWritten = false
    /// What is stored counts for nothing.
    var replaces: Bool

    /// A call that changes the content.
    enum Edit: Hashable {
        case append([UInt8])
        case write([UInt8], at: Int)
        case resize(Int)

        func made(of bytes: [UInt8]) -> [UInt8] {
            switch self {
            case .append(let data): bytes + data
            case .write(let data, let offset): bytes.overwritten(data, at: offset)
            case .resize(let size): bytes.resized(to: size)
            }
        }
    }

    /// What a call comes to.
    enum Step: Hashable {
        case nothing
        case refuse(Set<Int32>)
        /// Store all of it; or if that is not the base any more, what the edits make of what is stored by then.
        case store([UInt8], [Edit]?, base: [UInt8])
    }

    init(content: [UInt8], appends: Bool, isEmptied: Bool, isNew: Bool) {
        self.content = appends && content == [0x0A] ? [] : content
        self.appends = appends
        self.isEmptied = isEmptied
        self.isNew = isNew
        base = self.content
        replaces = isEmptied || isNew && !appends
    }

    mutating func write(_ data: [UInt8], at offset: Int) -> Step {
        isEmptied = false
        isNew = false
        let edit = appends ? Edit.append(data) : .write(data, at: offset)
        let next = edit.made(of: content)
        let value = ModelValue.value(of: next)
        let problems = ModelValue.problems(value)
        guard !problems.isEmpty else {
            return .store(next, replaces ? nil : edits + [edit], base: base)
        }
        // A value in pieces: whole blocks, empty lines behind what was written, or written over a longer one.
        let isPiece =
            data.count >= 512 && data.count % 512 == 0 || hasWritten && data.allSatisfy { $0 == 0x0A }
            || !appends && offset + data.count < next.count && data.last == 0x0A
        guard isPiece, ModelValue.isUnfinished(value) else { return .refuse(problems) }
        content = next
        isHeld = true
        hasWritten = true
        edits.append(edit)
        return .nothing
    }

    mutating func resize(to size: Int) -> Step {
        if size == content.count { return .nothing }
        if size == 0 {
            content = []
            edits = []
            isEmptied = true
            replaces = true
            isHeld = false
            return .nothing
        }
        let edit = Edit.resize(size)
        let next = edit.made(of: content)
        let problems = ModelValue.problems(ModelValue.value(of: next))
        return problems.isEmpty
            ? .store(next, replaces ? nil : edits + [edit], base: base) : .refuse(problems)
    }

    mutating func flush() -> Step {
        guard isHeld else { return .nothing }
        let problems = ModelValue.problems(ModelValue.value(of: content))
        return problems.isEmpty
            ? .store(content, replaces ? nil : edits, base: base) : .refuse(problems)
    }

    mutating func stored(_ content: [UInt8]) {
        self.content = content
        hasWritten = true
        isEmptied = false
        isNew = false
        if appends { replaces = false }
        isHeld = false
        base = content
        edits = []
    }
}
