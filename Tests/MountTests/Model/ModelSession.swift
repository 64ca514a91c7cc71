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
    var unsent: [UInt8] = []
    var hasWritten = false
    /// What was there before is to go, and did not yet: nothing goes behind it.
    var replaces: Bool

    /// What a call comes to.
    enum Step: Hashable {
        case nothing
        case refuse(Set<Int32>)
        /// Store all of it, or what goes behind the content that is stored by then.
        case store([UInt8], appended: [UInt8]?)
    }

    init(content: [UInt8], appends: Bool, isEmptied: Bool, isNew: Bool) {
        self.content = appends && content == [0x0A] ? [] : content
        self.appends = appends
        self.isEmptied = isEmptied
        self.isNew = isNew
        replaces = isEmptied
    }

    mutating func write(_ data: [UInt8], at offset: Int) -> Step {
        isEmptied = false
        isNew = false
        let next = appends ? content + data : content.overwritten(data, at: offset)
        let value = ModelValue.value(of: next)
        let problems = ModelValue.problems(value)
        guard !problems.isEmpty else {
            return .store(next, appended: appends && !replaces ? unsent + data : nil)
        }
        // A value in pieces: whole blocks, empty lines behind what was written, or written over a longer one.
        let isPiece =
            data.count >= 512 && data.count % 512 == 0 || hasWritten && data.allSatisfy { $0 == 0x0A }
            || !appends && offset + data.count < next.count && data.last == 0x0A
        guard isPiece, ModelValue.isUnfinished(value) else { return .refuse(problems) }
        content = next
        isHeld = true
        hasWritten = true
        if appends { unsent += data }
        return .nothing
    }

    mutating func resize(to size: Int) -> Step {
        if size == content.count { return .nothing }
        if size == 0 {
            content = []
            unsent = []
            isEmptied = true
            replaces = true
            isHeld = false
            return .nothing
        }
        let next = content.resized(to: size)
        let problems = ModelValue.problems(ModelValue.value(of: next))
        return problems.isEmpty ? .store(next, appended: nil) : .refuse(problems)
    }

    mutating func flush() -> Step {
        guard isHeld else { return .nothing }
        let problems = ModelValue.problems(ModelValue.value(of: content))
        return problems.isEmpty
            ? .store(content, appended: appends && !replaces ? unsent : nil) : .refuse(problems)
    }

    mutating func stored(_ content: [UInt8]) {
        self.content = content
        hasWritten = true
        isEmptied = false
        isNew = false
        replaces = false
        isHeld = false
        unsent = []
    }
}
