import OneGate

/// The JSON twins.
enum JSONText {
    /// A server's answer as `onegate ... --json` prints it. It was checked to be JSON when it arrived.
    static func prettyPrinted(_ body: [UInt8]) -> [UInt8] {
        guard let json = try? JSON(parsing: body) else { return body }
        return Array((json.prettyPrinted + "\n").utf8)
    }
}
