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
        return "\(Clock.text(time)) \(operation) \(path) \(failure.errno.name) \(status) \(words)"
    }
}
