/// Why an update is not sent: the server would refuse it, store something else, or be harmed by it.
public struct ValueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: Sendable, Hashable {
        /// A blank at the beginning or the end of a value; the newest server strips it.
        case blankAtEnd
        /// Something that the server does not store, stores changed, or is harmed by; says what.
        case notStorable(String)
        /// More than `UserTemplate.requestLimit` bytes as a request.
        case tooLarge
        /// A name that may not be created, written or erased.
        case name
    }

    /// What is wrong.
    public let reason: Reason
    /// The attribute (`NAME` or `NAME/KEY`) that it is about, if it is known.
    public let attribute: String?

    init(_ reason: Reason, attribute: String? = nil) {
        self.reason = reason
        self.attribute = attribute
    }

    /// In words, on one line; a value is never in it.
    public var description: String {
        let subject = attribute.map { "attribute \(ServerWords.oneLine($0))" }
        switch reason {
        case .blankAtEnd:
            return "\(subject ?? "the value") begins or ends with a blank, which the server does not keep"
        case .notStorable(let what): return "\(subject ?? "the value") \(what)"
        case .tooLarge:
            return "\(subject ?? "the update") is larger than the \(UserTemplate.requestLimit >> 20) MiB "
                + "that the server takes"
        case .name:
            return "\(subject ?? "the attribute") has a name that the server does not take; "
                + "names are upper case letters, digits and _, and begin with no digit and not with XML"
        }
    }

    func about(_ attribute: String) -> ValueError {
        ValueError(reason, attribute: self.attribute ?? attribute)
    }
}
