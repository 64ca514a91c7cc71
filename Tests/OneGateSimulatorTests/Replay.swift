import Foundation
import OneGate

@testable import OneGateSimulator

/// Sends recorded requests to a simulator and compares the answers.
final class Replay {
    let simulator: Simulator
    var cloud: Cloud { simulator.cloud }
    var host = "127.0.0.1:5030"
    /// What must be equal in an answer.
    enum Strictness { case everything, status, exceptStates, exceptAddresses }
    private(set) var differences: [String] = []
    private(set) var count = 0
    private let client: RawHTTPClient

    init(_ cloud: Cloud, dialect: Dialect = .current) throws {
        simulator = try Simulator(cloud: cloud, dialect: dialect)
        client = RawHTTPClient(port: simulator.port)
    }

    func send(_ recording: Recording, _ strictness: Strictness = .everything) throws {
        var headers = recording.headers.map { header in
            header.1 == "TOKEN" ? (header.0, recording.vm.flatMap { cloud.token(vm: $0) } ?? "none") : header
        }
        if !headers.contains(where: { $0.0 == "Host" }) { headers.append(("Host", host)) }
        if let type = recording.contentType { headers.append(("Content-Type", type)) }
        let body = recording.body ?? (["PUT", "POST"].contains(recording.method) ? [] : nil)
        let response: RawHTTPClient.Response
        do {
            response = try client.send(recording.method, recording.path, headers: headers, body: body)
        } catch {
            differences.append("\(recording.name): \(error)")
            return
        }
        count += 1
        compare(recording, response, strictness)
    }

    private func compare(_ recording: Recording, _ response: RawHTTPClient.Response, _ strictness: Strictness)
    {
        func differ(_ what: String, _ expected: String, _ got: String) {
            differences.append("\(recording.name): \(what)\n   expected \(expected)\n        got \(got)")
        }
        let text = response.text.replacingOccurrences(of: simulator.endpoint, with: "http://127.0.0.1:5030")
        guard response.status == recording.status else {
            return differ(
                "status", "\(recording.status) \(recording.answer ?? "")", "\(response.status) \(text)")
        }
        if strictness == .status || recording.method == "HEAD" { return }
        if response.headers["content-type"] != recording.answerType {
            differ("content type", recording.answerType ?? "none", response.headers["content-type"] ?? "none")
        }
        if recording.answerType?.hasPrefix("text/html") == true {
            let expected = title(recording.answer ?? recording.answerStart ?? "")
            if title(text) != expected { differ("title", expected, title(text)) }
            return
        }
        guard let expected = recording.answer else { return }
        if let expected = try? JSON(parsing: expected) {
            let got = (try? JSON(parsing: text)) ?? .null
            if masked(got, strictness) != masked(expected, strictness)
                || masked(got, strictness).compact != masked(expected, strictness).compact
            {
                differ("body", expected.compact, text)
            }
        } else if masked(text) != masked(expected) {
            differ("text", expected, text)
        }
    }

    /// Addresses of objects, uninitialized line numbers and sizes of what the core built differ each time.
    private func masked(_ text: String) -> String {
        var text = text
        for (pattern, word) in [
            ("0x[0-9a-f]{8,}", "0x"), ("at line [0-9]+", "at line"), ("[0-9]+-byte", "byte"),
            ("(?s)Invalid XML \"content\"\\..*", "Invalid XML"),
        ] {
            text = text.replacingOccurrences(of: pattern, with: word, options: .regularExpression)
        }
        return text
    }

    private func masked(_ json: JSON, _ strictness: Strictness) -> JSON {
        switch json {
        case .object(let members):
            return .object(
                .init(
                    uniqueKeysWithValues: members.map { key, value in
                        let isState = strictness == .exceptStates && ["STATE", "LCM_STATE"].contains(key)
                        let isAddress = strictness != .everything && ["IP", "MAC"].contains(key)
                        return (key, isState || isAddress ? .null : masked(value, strictness))
                    }))
        case .array(let elements): return .array(elements.map { masked($0, strictness) })
        default: return json
        }
    }

    private func title(_ html: String) -> String {
        guard let start = html.range(of: "<title>"), let end = html.range(of: "</title>") else {
            return "no title"
        }
        return String(html[start.upperBound..<end.lowerBound])
    }
}
