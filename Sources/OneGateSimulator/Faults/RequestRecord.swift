import OneGate

/// A request that the simulator got.
public struct RequestRecord: Hashable, Sendable {
    /// Its number, from 1.
    public let number: Int
    /// When it came, since the simulator began.
    public let time: Duration
    /// `GET`, `PUT`, `POST`, ...
    public let method: String
    /// The path with its query, as it was sent.
    public let path: String
    /// The VM that it came from, as far as its header says so.
    public let vm: Int?
    /// Its content type.
    public let contentType: String?
    /// Its body, as text.
    public let body: String
    /// The status that was answered; nil when there was no answer, or not yet.
    public internal(set) var status: Int?
    /// The fault that befell it.
    public let fault: String?

    var json: JSON {
        [
            "number": .number("\(number)"), "milliseconds": .number("\(Int(time / .milliseconds(1)))"),
            "method": .string(method), "path": .string(path), "vm": vm.map { .number("\($0)") } ?? .null,
            "content_type": contentType.map { .string($0) } ?? .null, "body": .string(body),
            "status": status.map { .number("\($0)") } ?? .null, "fault": fault.map { .string($0) } ?? .null,
        ]
    }
}

/// The latest requests, and how many there were.
struct RequestLog: Sendable {
    /// So many are kept.
    static let limit = 20_000

    private(set) var records: [RequestRecord] = []
    private(set) var count = 0

    mutating func add(_ request: GateRequest, fault: String?, time: Duration) -> Int {
        count += 1
        if records.count >= RequestLog.limit { records.removeFirst(RequestLog.limit / 2) }
        records.append(
            RequestRecord(
                number: count, time: time, method: request.method, path: request.target,
                vm: request.vmid.flatMap { Int(RubyValues.leadingInteger($0)) },
                contentType: request.contentType,
                body: String(decoding: request.body, as: UTF8.self), status: nil, fault: fault))
        return count
    }

    mutating func answer(_ number: Int, status: Int) {
        guard let first = records.first?.number, number >= first else { return }
        let index = number - first
        if records.indices.contains(index), records[index].number == number { records[index].status = status }
    }

    mutating func clear() { records = [] }
}
