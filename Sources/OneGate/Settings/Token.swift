/// The secret with which a VM shows OneGate that it is that VM.
///
/// It does not print itself: descriptions, dumps and interpolations show `<token>`. The one way to the
/// text is `headerValue`, which goes into the `X-ONEGATE-TOKEN` header of a request and nowhere else.
public struct Token: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    /// A token as the context's `TOKENTXT` has it.
    public init(_ text: String) { self.text = text }

    /// The text, for the request's header only.
    public var headerValue: String { text }

    /// Always `<token>`.
    public var description: String { "<token>" }
    /// Always `<token>`.
    public var debugDescription: String { "<token>" }
    /// A mirror without children, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// Whether the text can be the value of a header: visible ASCII, at least one character.
    var isSendable: Bool { !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } }

    /// A text with the token in it replaced, for words that come from outside.
    func hidden(in words: String) -> String {
        guard !text.isEmpty else { return words }
        let secret = Array(text.utf8)
        let bytes = Array(words.utf8)
        var output: [UInt8] = []
        var position = 0
        while position < bytes.count {
            if bytes[position...].starts(with: secret) {
                output += description.utf8
                position += secret.count
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
