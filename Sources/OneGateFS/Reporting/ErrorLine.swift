import FUSE
import OneGate

/// One line of `.onegatefs/errors`: a failure.
struct ErrorLine: Sendable {
    let time: Timestamp
    let path: String
    let operation: String
    let failure: Failure

    /// `2026-11-24T22:05:01.250Z write /vm/9/USER_TEMPLATE/X EPERM 403 "Attribute (X) cannot be modified"`
    var text: String {
        let status = failure.status.map(String.init) ?? "-"
        let words = JSON.string(failure.words).compact
        return "\(Clock.text(time)) \(operation) \(shownPath) \(failure.errno.name) \(status) \(words)"
    }

    /// The path in one word, whatever a program called its file.
    private var shownPath: String {
        var shown = String.UnicodeScalarView()
        for scalar in path.unicodeScalars {
            if scalar.value > 0x20, !(0x7F...0xA0).contains(scalar.value) {
                shown.append(scalar)
            } else {
                let encoded = String(scalar).utf8.flatMap(Name.percentEncoded)
                shown.append(contentsOf: String(decoding: encoded, as: UTF8.self).unicodeScalars)
            }
        }
        return String(shown)
    }
}
