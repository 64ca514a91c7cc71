import Foundation
import OneGate

/// Exchanges with real servers, recorded; see the files in `Recordings`.
struct Recording {
    let name: String
    let method: String
    let path: String
    let status: Int
    let body: String

    static func lines(_ file: String) throws -> [JSON] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Recordings")
        let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
        return try text.utf8.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: $0) }
    }

    static func all(_ file: String) throws -> [Recording] {
        try lines(file).map { line in
            Recording(
                name: line["case"]?.scalar ?? "", method: line["request"]?["method"]?.scalar ?? "",
                path: line["request"]?["path"]?.scalar ?? "",
                status: line["response"]?["status"]?.integer ?? 0,
                body: line["response"]?["body"]?.scalar ?? "")
        }
    }

    /// The body of the recording whose name begins so.
    static func json(_ name: String) throws -> JSON {
        struct Missing: Error { let name: String }
        guard let recording = try all("reads.jsonl").first(where: { $0.name.hasPrefix(name) }) else {
            throw Missing(name: name)
        }
        return try JSON(parsing: recording.body)
    }
}
