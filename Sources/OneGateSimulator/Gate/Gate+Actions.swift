import OneGate

extension Gate {
    /// Performs the action that the request's body asks for.
    func perform(on id: Int, by user: User, in state: inout CloudState) throws(GateFailure) {
        let body = try jsonBody { message throws(GateFailure) in throw .halt(400, message) }
        guard case .object(let members) = body else {
            throw .exception("NoMethodError", "undefined method `has_key?' for \(Gate.instance(body))")
        }
        guard let action = members["action"] else {
            throw .halt(400, "Error parsing JSON: Wrong resource type")
        }
        var perform: JSON = .null
        var parameter: JSON = .null
        switch action {
        case .object(let members):
            perform = members["perform"] ?? .null
            parameter = members["params"] ?? .null
        case .string: break
        case .array: throw .exception("TypeError", "no implicit conversion of String into Integer")
        case .null: throw .exception("NoMethodError", "undefined method `[]' for nil")
        default: throw .exception("NoMethodError", "undefined method `[]' for \(Gate.instance(action))")
        }
        var name = ""
        switch perform {
        case .string(let text): name = text
        case .null: break
        default:
            throw .exception("NoMethodError", "undefined method `downcase' for \(Gate.instance(perform))")
        }
        if state.settings.restrictedActions.contains(name.lowercased()) {
            throw .halt(403, "Action (\(name)) is not allowed on this resource")
        }
        let call = CoreCall(machine: id, user: user)
        switch name {
        case "hold", "release", "stop", "suspend", "resume", "resched", "unresched":
            try call.act(name, in: &state)
        case "terminate", "poweroff", "undeploy", "reboot":
            try call.act(name + (Gate.isTrue(parameter) ? "-hard" : ""), in: &state)
        case "delete": try call.act("terminate-hard", in: &state)
        case "shutdown": try call.act("terminate" + (Gate.isTrue(parameter) ? "-hard" : ""), in: &state)
        case "deploy": try call.deploy(to: try Gate.host(parameter), in: &state)
        case "migrate", "livemigrate": try call.migrate(to: try Gate.host(parameter), in: &state)
        case "recover": try call.recover(try Gate.integer(parameter), in: &state)
        case "snapshot_create", "snapshot_revert", "snapshot_delete":
            try call.snapshot(name, parameter, in: &state)
        case "attachdisk": try call.attachDisk(try Gate.text(parameter), in: &state)
        case "detachdisk": try call.detachDisk(try Gate.integer(parameter), in: &state)
        case "attachnic": try call.attachNIC(try Gate.text(parameter), in: &state)
        case "detachnic": try call.detachNIC(try Gate.integer(parameter), in: &state)
        case "rename": try call.rename(try Gate.text(parameter), in: &state)
        case "chmod": try call.changeMode(parameter, in: &state)
        case "chown", "resize":
            throw .exception("ArgumentError", "wrong number of arguments (given 1, expected 2)")
        case "saveas":
            throw .exception(
                "NoMethodError",
                "undefined method `save_as' for #<OpenNebula::VirtualMachine:0x00007ff45b360018>")
        default: throw .halt(500, "\(name) action not  available for this resource")
        }
    }

    /// What Ruby calls a value in a message.
    private static func instance(_ json: JSON) -> String {
        switch json {
        case .null: "nil"
        case .bool(let value): "\(value)"
        case .number(let text): text.contains(".") ? "an instance of Float" : "an instance of Integer"
        case .string: "an instance of String"
        case .array: "an instance of Array"
        case .object: "an instance of Hash"
        }
    }

    private static func isTrue(_ json: JSON) -> Bool { json != .null && json != .bool(false) }

    private static func host(_ json: JSON) throws(GateFailure) -> Int {
        switch json {
        case .null: return 0
        case .number(let text), .string(let text): return Int(RubyValues.leadingInteger(text)) ?? 0
        default: throw .exception("NoMethodError", "undefined method `to_i' for \(instance(json))")
        }
    }

    static func integer(_ json: JSON) throws(GateFailure) -> Int {
        if json == .null { throw .halt(500, "Wrong type NilClass. Not allowed!") }
        guard case .number(let text) = json, let number = Int(text) else {
            throw .halt(500, "Parameter that is supposed to be integer is not")
        }
        return number
    }

    static func text(_ json: JSON) throws(GateFailure) -> String {
        if json == .null { throw .halt(500, "Wrong type NilClass. Not allowed!") }
        guard case .string(let text) = json else {
            throw .halt(500, "Parameter that is supposed to be a string is not")
        }
        return text
    }
}
