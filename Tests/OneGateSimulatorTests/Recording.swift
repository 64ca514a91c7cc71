import Foundation
import OneGate
import Testing

/// An exchange with a real server.
struct Recording {
    var name: String
    var method: String
    var path: String
    /// In their order of names; the token of the asking VM is `TOKEN`.
    var headers: [(String, String)]
    var contentType: String?
    /// Nil for none.
    var body: [UInt8]?
    /// Whether only the beginning of the request's body was kept.
    var isShortened = false
    var status: Int
    var answerType: String?
    /// What was answered; nil when it is not all there.
    var answer: String?
    /// The beginning of a long answer.
    var answerStart: String?

    /// The recordings of a file, in their order.
    static func load(_ file: String) throws -> [Recording] {
        let folder = try #require(Bundle.module.url(forResource: "Recordings", withExtension: nil))
        let text = try String(contentsOf: folder.appendingPathComponent(file + ".jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").map { try Recording(JSON(parsing: Array($0.utf8))) }
    }

    private init(_ json: JSON) throws {
        let request = json["request"] ?? .null
        let response = json["response"] ?? .null
        name = json["case"]?.scalar ?? ""
        method = request["method"]?.scalar ?? ""
        path = request["path"]?.scalar ?? ""
        headers = (request["headers"]?.members ?? [:]).map { ($0.key, $0.value.scalar ?? "") }
        contentType = request["content_type"].flatMap { $0 == .null ? nil : $0.scalar }
        switch request["body"] {
        case .string(let text)?: body = Array(text.utf8)
        case .object(let members)?:
            if let base64 = members["base64"]?.scalar { body = Data(base64Encoded: base64).map(Array.init) }
            isShortened = members["truncated"] != nil
        default: body = nil
        }
        status = response["status"]?.integer ?? 0
        answerType = response["headers"]?["content-type"]?.scalar
        if case .object(let members)? = response["body"] {
            answerStart = members["truncated"]?.scalar
        } else {
            answer = response["body"]?.scalar
        }
    }

    /// The VM that asks, as its header says.
    var vm: Int? { headers.first { $0.0.lowercased() == "x-onegate-vmid" }.flatMap { Int($0.1) } }
    /// What the answer says of a VM's user template.
    var userTemplate: JSON? { answer.flatMap { try? JSON(parsing: $0) }?["VM"]?["USER_TEMPLATE"] }
}
