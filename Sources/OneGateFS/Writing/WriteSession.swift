/// What one open for writing has done to a value so far. Pure: a write goes in and what is to be done
/// about it comes out; whether that worked goes in with `completed`.
struct WriteSession: Sendable {
    /// What is to be done about a call.
    enum Action: Sendable, Equatable {
        /// Nothing yet: what came is kept and goes out with what follows, or at close.
        case hold
        /// Store the content, and answer when that is done; or with edits, what they make of what is stored by then.
        case publish(content: [UInt8], Edits?)
        /// Store the empty value, unless somebody stored one meanwhile.
        case create
        /// Refuse the call.
        case refuse(Refusal)
    }

    /// Why a call is refused before anything is sent.
    struct Refusal: Error, Equatable, Sendable {
        /// What is wrong with the value.
        let reason: ValueCheck.Problem
    }

    /// The content as the program sees it.
    private(set) var content: [UInt8]
    /// Whether the open was begun with O_TRUNC, or truncated since, and nobody tried to write after that: then
    /// closing it stores the empty value.
    private(set) var isTruncated: Bool
    /// Whether the open made the file, without O_TRUNC, and nobody tried to write after that: then closing it
    /// stores the empty value too, but not over what somebody else stored meanwhile.
    private(set) var isNew: Bool
    /// What becomes of the part of `content` that is kept until more comes.
    private enum Held {
        /// There is none.
        case nothing
        /// It goes out with what follows, or when it is closed.
        case piece
        /// It goes out now.
        case sent
        /// It was not stored, and somebody was told.
        case refused
    }
    private var held = Held.nothing
    /// The content that is stored, as far as is known, and what was done to it since that is not stored yet.
    private var base: [UInt8]
    private var edits: [Edits.Edit] = []
    /// Whether what is stored counts for nothing: the content began with this open. What is appended goes behind what is stored
    /// once the beginning is.
    private var replaces: Bool
    /// Grows with everything that changes the content, or is to. Of two changes that are under way, because a program was
    /// interrupted, the later one says what the content is.
    private(set) var change = 0
    /// Whether anything was written through this open.
    private(set) var hasWritten = false
    /// O_APPEND.
    let appends: Bool

    /// - Parameters:
    ///   - content: what the file held when it was opened; empty with O_TRUNC and O_CREAT.
    ///   - truncated: O_TRUNC.
    ///   - new: the file was made by this open.
    init(content: [UInt8], truncated: Bool, appends: Bool, new: Bool = false) {
        // An empty value is a single newline; what is appended to it begins the value.
        self.content = appends && content == [0x0A] ? [] : content
        base = self.content
        isTruncated = truncated
        isNew = new && !truncated
        replaces = truncated || isNew && !appends
        self.appends = appends
    }

    /// A write(2).
    mutating func write(_ data: [UInt8], at offset: Int) -> Action {
        // Whatever becomes of it: a program that writes does not mean the empty value.
        isTruncated = false
        isNew = false
        change += 1
        let edit = appends ? Edits.Edit.append(data) : .write(data, at: offset)
        var next = content
        edit.apply(to: &next)
        let following = hasWritten
        switch ValueCheck.problem(with: WriteSession.value(of: next)) {
        case nil: break
        case let problem?:
            // A value that comes in pieces may be cut anywhere: in the middle of a character, after a
            // blank, between lines. Such a piece is full (programs write whole blocks) or, as bash does
            // it, one line; what is wrong with it is wrong only at its end.
            let inPieces = WriteSession.isBlock(data)
            let emptyLine = following && data.allSatisfy { $0 == 0x0A }
            // What is rewritten in place is cut to its new length after that, as `rsync --inplace` does it.
            let inPlace = !appends && offset + data.count < next.count && data.last == 0x0A
            guard inPieces || emptyLine || inPlace, ValueCheck.endIsUnfinished(WriteSession.value(of: next))
            else {
                return .refuse(Refusal(reason: problem))
            }
            content = next
            hasWritten = true
            held = .piece
            edits.append(edit)
            return .hold
        }
        return publish(next, edits + [edit])
    }

    /// An ftruncate(2) through this open.
    mutating func truncate(to size: Int) -> Action {
        if size == content.count { return .hold }
        change += 1
        if size == 0 {
            content = []
            edits = []
            isTruncated = true
            replaces = true
            held = .nothing
            return .hold
        }
        let edit = Edits.Edit.resize(size)
        var next = content
        edit.apply(to: &next)
        if let problem = ValueCheck.problem(with: WriteSession.value(of: next)) {
            return .refuse(Refusal(reason: problem))
        }
        return publish(next, edits + [edit])
    }

    /// A close(2) or fsync(2) of one descriptor of this open; more writes may follow.
    mutating func flush() -> Action {
        guard held == .piece || held == .refused else { return .hold }
        if let problem = ValueCheck.problem(with: WriteSession.value(of: content)) {
            held = .refused
            return .refuse(Refusal(reason: problem))
        }
        held = .sent
        return publish(content, edits)
    }

    private func publish(_ content: [UInt8], _ edits: [Edits.Edit]) -> Action {
        .publish(content: content, replaces ? nil : Edits(base: base, edits: edits))
    }

    /// The last close. What was truncated and never written becomes the empty value.
    mutating func release() -> Action {
        if held == .piece { return flush() }
        guard isTruncated else { return isNew ? .create : .hold }
        isTruncated = false
        return .publish(content: [], nil)
    }

    /// A change ended.
    ///
    /// - Parameters:
    ///   - stored: the content that is stored now; nil if it was not.
    ///   - change: which one.
    mutating func completed(_ stored: [UInt8]?, change: Int) {
        if stored != nil { hasWritten = true }
        guard change == self.change else { return }
        guard let stored else {
            if held == .sent { held = .refused }
            return
        }
        content = stored
        base = stored
        edits = []
        isTruncated = false
        isNew = false
        if appends { replaces = false }
        held = .nothing
    }

    /// Whether a program writes in blocks, so that more is to come: as stdio, cat and dd do it.
    static func isBlock(_ data: [UInt8]) -> Bool { data.count >= 512 && data.count % 512 == 0 }

    /// The value of a file's content: one final newline belongs to the file.
    static func value(of content: [UInt8]) -> [UInt8] {
        content.last == 0x0A ? Array(content.dropLast()) : content
    }
}
