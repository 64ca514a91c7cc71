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
        return Base64.encoded(bytes)
    }
}
