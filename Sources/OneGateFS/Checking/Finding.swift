/// One thing that a checkup found out.
public struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// What it means for mounting.
    public enum Verdict: String, Sendable {
        /// All is well.
        case ok
        /// Worth to be known.
        case note
        /// It will not work so.
        case failure = "FAIL"
    }

    /// What it means.
    public let verdict: Verdict
    /// What was looked at, in a word or two.
    public let subject: String
    /// What was found, and what to do about it. One line.
    public let words: String

    init(_ verdict: Verdict, _ subject: String, _ words: String) {
        self.verdict = verdict
        self.subject = subject
        self.words = words
    }

    /// One line for the user.
    public var description: String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return "\(padded(verdict.rawValue, 5))\(padded(subject, 13))\(words)"
    }
}
