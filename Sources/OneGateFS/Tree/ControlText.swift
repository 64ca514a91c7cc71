import OneGate

/// What reading a `control` file shows: the actions that can be written to it, with their parameters.
enum ControlText {
    static let virtualMachine: [UInt8] = text(
        Action.all.map { (usage: $0.usage, summary: $0.summary) })

    static let role: [UInt8] = text(
        [(usage: "scale NUMBER", summary: "change how many VMs the role has")]
            + Action.all.map { (usage: $0.usage, summary: $0.summary + ", for every VM of the role") })

    static let service: [UInt8] = text([
        (usage: "scale ROLE NUMBER", summary: "change how many VMs a role has")
    ])

    private static func text(_ lines: [(usage: String, summary: String)]) -> [UInt8] {
        let width = (lines.map { $0.usage.utf8.count }.max() ?? 0) + 2
        return Array(
            lines.map { line in
                line.usage + String(repeating: " ", count: width - line.usage.utf8.count) + line.summary
                    + "\n"
            }.joined().utf8)
    }
}
