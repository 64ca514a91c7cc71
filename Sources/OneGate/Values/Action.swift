/// An action on a VM, as the server takes it.
public struct Action: Sendable, Hashable, CustomStringConvertible {
    /// The server's name for it, such as `poweroff`.
    public let name: String
    /// What the server needs to know besides, in the JSON type that it needs (onegate.md); nil for nothing.
    public let parameter: JSON?

    /// An action that the server knows.
    public struct Description: Sendable, Hashable {
        /// The server's name for it.
        public let name: String
        /// How it is written, such as `poweroff [--hard]`.
        public let usage: String
        /// What it does, in a few words.
        public let summary: String
        fileprivate let form: Form
    }

    /// What follows an action's name on a line, and which JSON the server wants for it.
    fileprivate enum Form: Sendable, Hashable {
        case nothing
        /// `--hard` or nothing; `true` when it is there.
        case hard
        /// A number; the server fails for a text.
        case number(String)
        /// A text on one line.
        case line(String)
        /// A template's text, which may have several lines.
        case template(String)
        /// Three octal digits as a text; a number would be misread and could lock the owner out.
        case mode

        var usage: String {
            switch self {
            case .nothing: ""
            case .hard: " [--hard]"
            case .number(let name), .line(let name), .template(let name): " \(name)"
            case .mode: " MODE"
            }
        }
    }

    /// All actions, those that the `onegate` command has first.
    ///
    /// The server knows `chown`, `resize` and `saveas` too, but fails for them whatever is sent.
    public static let all: [Description] = [
        describe("resume", .nothing, "run it again after a stop, suspend, poweroff or undeploy"),
        describe("stop", .nothing, "save its state and free the host"),
        describe("suspend", .nothing, "save its state on the host"),
        describe("terminate", .hard, "shut it down and remove it; --hard without a shutdown"),
        describe("reboot", .hard, "reboot it; usually restricted"),
        describe("poweroff", .hard, "shut it down and keep it on the host"),
        describe("resched", .nothing, "let the scheduler move it; administrators only"),
        describe("unresched", .nothing, "take a resched back; administrators only"),
        describe("hold", .nothing, "keep the scheduler from starting it"),
        describe("release", .nothing, "let the scheduler start it after a hold"),
        describe("undeploy", .hard, "shut it down and free the host"),
        describe("snapshot_create", .line("NAME"), "take a snapshot of the system"),
        describe("snapshot_revert", .number("ID"), "go back to a snapshot"),
        describe("snapshot_delete", .number("ID"), "remove a snapshot"),
        describe("attachdisk", .template("TEMPLATE"), "attach a disk: DISK=[...]"),
        describe("detachdisk", .number("ID"), "detach a disk"),
        describe("attachnic", .template("TEMPLATE"), "attach a NIC or an alias: NIC=[...], NIC_ALIAS=[...]"),
        describe("detachnic", .number("ID"), "detach a NIC"),
        describe("rename", .line("NAME"), "give it another name"),
        describe("chmod", .mode, "set its permissions, such as 640"),
        describe("deploy", .number("HOST_ID"), "start it on a host; administrators only"),
        describe("migrate", .number("HOST_ID"), "move it to a host; administrators only"),
        describe("livemigrate", .number("HOST_ID"), "move it to a host while it runs; administrators only"),
        describe(
            "recover", .number("OPERATION"), "0 failure, 1 success, 2 retry, 3 delete; administrators only"),
        describe("delete", .nothing, "the same as terminate --hard"),
        describe("shutdown", .hard, "the same as terminate"),
        describe("chown", .number("USER_ID"), "the server fails for it"),
        describe("resize", .template("TEMPLATE"), "the server fails for it"),
        describe("saveas", .line("NAME"), "the server fails for it"),
    ]

    private static func describe(_ name: String, _ form: Form, _ summary: String) -> Description {
        Description(name: name, usage: name + form.usage, summary: summary, form: form)
    }

    /// Reads an action as a person writes it: `poweroff --hard`, `snapshot_create before upgrade`, `detachnic 1`.
    ///
    /// Blanks around it do not matter.
    ///
    /// - Throws: `ActionError` for an unknown action, a missing, malformed or superfluous parameter.
    public init(parsing line: String) throws(ActionError) {
        let text = line.trimmingBlanks
        let name = String(Substring(text.utf8.prefix { !$0.isBlank }))
        let rest = String(Substring(text.utf8.dropFirst(name.utf8.count))).trimmingBlanks
        guard !name.isEmpty else { throw ActionError("no action is given") }
        guard let known = Action.all.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw ActionError("unknown action \"\(ServerWords.oneLine(String(name.prefix(60))))\"")
        }
        self.name = known.name
        let usage = ActionError("\(name) is written \"\(known.usage)\"")
        switch known.form {
        case .nothing:
            guard rest.isEmpty else { throw usage }
            parameter = nil
        case .hard:
            guard ["", "--hard", "-f"].contains(rest) else { throw usage }
            parameter = rest.isEmpty ? nil : true
        case .number:
            guard !rest.isEmpty, rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int32(rest)
            else { throw usage }
            parameter = .number(String(number))
        case .mode:
            guard rest.utf8.count == 3, rest.utf8.allSatisfy({ (0x30...0x37).contains($0) }) else {
                throw usage
            }
            parameter = .string(rest)
        case .line:
            guard !rest.isEmpty, !rest.utf8.contains(0x0A) else { throw usage }
            parameter = .string(try Action.checked(rest, name))
        case .template:
            guard !rest.isEmpty else { throw usage }
            parameter = .string(try Action.checked(rest, name))
        }
    }

    /// Names and templates become part of the VM, where the same characters do harm as in attributes.
    private static func checked(_ text: String, _ name: String) throws(ActionError) -> String {
        let harmful = text.unicodeScalars.contains { scalar in
            switch scalar.value {
            case 0x09, 0x0A, 0x20...0xFFFD: false
            default: true
            }
        }
        guard !harmful else {
            throw ActionError(
                "the parameter of \(name) has a character that the server cannot store, such as an emoji")
        }
        return text
    }

    /// The body of its request, `{"action":{"perform":...,"params":...}}`.
    public var body: [UInt8] {
        var members: JSON {
            parameter.map { ["perform": .string(name), "params": $0] } ?? ["perform": .string(name)]
        }
        let whole: JSON = ["action": members]
        return Array(whole.compact.utf8)
    }

    /// As it is written on a line.
    public var description: String {
        switch parameter {
        case nil: name
        case .bool?: "\(name) --hard"
        case let parameter?: "\(name) \(parameter.scalar ?? "")"
        }
    }
}

/// Why a line is no action.
public struct ActionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// In words, on one line.
    public let description: String

    init(_ description: String) { self.description = description }
}
