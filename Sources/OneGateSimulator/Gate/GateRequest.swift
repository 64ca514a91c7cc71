/// A request to OneGate.
struct GateRequest: Sendable {
    var method: String
    /// The request target as it came, with the query.
    var target: String
    var token: String?
    var vmid: String?
    var host: String?
    var forwardedProtocol: String?
    var contentType: String?
    var body: [UInt8] = []

    var rawPath: Substring { target.prefix { $0 != "?" } }
    var query: Substring { target.dropFirst(rawPath.count).dropFirst() }
}

/// An answer of OneGate.
struct GateResponse: Sendable {
    static let json = "application/json;charset=utf-8"

    var status: Int
    var contentType: String?
    var body: [UInt8]

    init(status: Int = 200, contentType: String? = GateResponse.json, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    init(status: Int, contentType: String? = GateResponse.json, text: String) {
        self.init(status: status, contentType: contentType, body: Array(text.utf8))
    }
}

/// Why a request is not answered as asked.
enum GateFailure: Error {
    /// The server stops with a status and words.
    case halt(Int, String)
    /// Something goes wrong in the server's own code: the Ruby class of the exception, its message.
    case exception(String, String)
    /// Refused below the application, in the same words in every dialect.
    case refused(Int, String)
    /// More form data than Rack accepts.
    case tooLarge
    /// The server process has no such method.
    case unsupportedMethod(String)
    case notFoundPage

    func response(in dialect: Dialect, path: String) -> GateResponse {
        switch self {
        case .halt(500, let message):
            .init(status: 500, text: dialect == .current ? "Internal server error" : message)
        case .halt(let status, let message): .init(status: status, text: message)
        case .refused(let status, let message):
            .init(status: status, contentType: "text/html;charset=utf-8", text: message)
        case .exception(let kind, let message):
            dialect == .current
                ? .init(status: 500, text: message)
                : GateFailure.page(status: 500, title: "\(kind) at \(path)")
        case .tooLarge:
            .init(
                status: 500,
                text: dialect == .current
                    ? "total query size exceeds limit (4194304)" : "Internal server error")
        case .unsupportedMethod(let method):
            .init(status: 501, contentType: nil, text: "\(method) method is not supported")
        case .notFoundPage:
            GateFailure.page(status: 404, title: "Sinatra doesn’t know this ditty.")
        }
    }

    private static func page(status: Int, title: String) -> GateResponse {
        var escaped = ""
        for character in title {
            switch character {
            case "/": escaped += "&#x2F;"
            case "<": escaped += "&lt;"
            case "&": escaped += "&amp;"
            default: escaped.append(character)
            }
        }
        return .init(
            status: status, contentType: status == 404 ? "text/html;charset=utf-8" : "text/html",
            text: "<!DOCTYPE html>\n<html>\n<head>\n"
                + "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"/>\n"
                + "  <title>\(escaped)</title>\n</head>\n<body>\n  <h2>\(escaped)</h2>\n</body>\n</html>\n")
    }
}
