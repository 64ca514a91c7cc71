import FUSE
import OneGate

/// Why something could not be done: the errno that the program gets and the words that
/// `.onegatefs/errors` and the log get.
public struct Failure: Error, Sendable, CustomStringConvertible {
    /// The errno (contract, section 5).
    public let errno: Errno
    /// What happened, with the server's own words if it said any. One line.
    public let words: String
    /// The HTTP status, if the server answered.
    public let status: Int?
    /// The request, such as `GET /vm`, if one was made.
    public let request: String?
    /// Whether the server could not be reached or did not answer in time.
    public let isOutage: Bool

    /// A failure that was found without asking the server.
    public init(_ errno: Errno, _ words: String) {
        self.errno = errno
        self.words = words
        status = nil
        request = nil
        isOutage = false
    }

    /// The errno of each way in which a request can fail (contract, section 5). `changing` says that
    /// the request was to change something: a 400 is about what was asked for then.
    public init(_ error: OneGateError, changing: Bool = false) {
        errno =
            switch error.kind {
            case .unreachable: .hostUnreachable
            case .timedOut: .timedOut
            case .unauthorized: .access
            case .forbidden: .notPermitted
            case .notFound:
                // The core names a VM that exists but that our user may not see. Otherwise OneFlow does not answer the
                // server: nothing that does not exist is asked for, or it is a 400 (`onegate.md`).
                error.words.contains("Not authorized") ? .access : .io
            case .badRequest: Failure.namesAbsence(error.words) ? .noEntry : changing ? .invalid : .io
            case .server, .unexpected: .io
            case .cancelled: .interrupted
            }
        words = error.words.isEmpty ? error.description : error.words
        status = error.status
        request = error.request
        isOutage = error.kind == .unreachable || error.kind == .timedOut
    }

    private init(errno: Errno, words: String, of other: Failure) {
        self.errno = errno
        self.words = words
        status = other.status
        request = other.request
        isOutage = other.isOutage
    }

    /// The same failure with another errno or an explanation.
    func explained(_ errno: Errno? = nil, _ words: String) -> Failure {
        Failure(errno: errno ?? self.errno, words: words, of: self)
    }

    /// The 400s that say that a VM, service or router is not there for us (recorded texts).
    static func namesAbsence(_ words: String) -> Bool {
        words.contains("does not contain VM") || words.contains("does not belong to any")
            || words.contains("Empty or invalid SERVICE_ID") || words.contains("Empty or invalid VROUTER_ID")
            || words.contains("can only be retrieved from Virtual Routers")
    }

    /// One line for the log.
    public var description: String {
        var text = "\(errno.name): \(words)"
        if let request { text += " (\(request)\(status.map { ", \($0)" } ?? ""))" }
        return text
    }
}
