import OneGate
import OrderedCollections

extension CloudState {
    /// A VM as a template with context and a token makes one, RUNNING.
    func newMachine(id: Int, name: String, owner: User, userTemplate: UserTemplate) -> Machine {
        var machine = Machine(
            id: id, name: name, owner: owner, state: MachineState.active, lifecycle: MachineState.running,
            userTemplate: userTemplate)
        machine.token = CloudState.token(for: id)
        machine.template = [
            "AUTOMATIC_REQUIREMENTS": "!(PIN_POLICY = PINNED)",
            "CONTEXT": [
                "DISK_ID": "0", "NETWORK": "YES", "ONEGATE_ENDPOINT": .string(endpoint), "TARGET": "hda",
                "TOKEN": "YES", "VMID": .string("\(id)"),
            ],
            "CPU": "0.1", "CREATED_BY": .string("\(owner.id)"), "MEMORY": "128",
            "SECURITY_GROUP_RULE": [
                [
                    "PROTOCOL": "ALL", "RULE_TYPE": "OUTBOUND", "SECURITY_GROUP_ID": "0",
                    "SECURITY_GROUP_NAME": "default",
                ],
                [
                    "PROTOCOL": "ALL", "RULE_TYPE": "INBOUND", "SECURITY_GROUP_ID": "0",
                    "SECURITY_GROUP_NAME": "default",
                ],
            ],
            "TEMPLATE_ID": "0", "TM_MAD_SYSTEM": "dummy", "VCPU": "1", "VMID": .string("\(id)"),
        ]
        return machine
    }

    /// A token that looks like a real one: 16 bytes in Base64, the same for the same VM.
    static func token(for machine: Int) -> String {
        var bytes: [UInt8] = []
        var state = UInt64(truncatingIfNeeded: machine) &* 0x9E37_79B9_7F4A_7C15 &+ 0x0123_4567_89AB_CDEF
        for _ in 0..<16 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            bytes.append(UInt8(truncatingIfNeeded: state >> 24))
        }
        return base64(bytes)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= 8 * UInt32(3 - group.count)
            for position in 0...group.count {
                result.append(alphabet[Int(bits >> (18 - 6 * UInt32(position)) & 63)])
            }
            result += Array(repeating: UInt8(ascii: "="), count: 3 - group.count)
        }
        return String(decoding: result, as: UTF8.self)
    }
}
