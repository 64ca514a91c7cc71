import OneGate

/// What was written to a `control` or a CARDINALITY.
enum Command: Sendable, Equatable {
    /// An action for a VM, or for every VM of a role.
    case act(Action)
    /// A new number of VMs for a role.
    case scale(role: String, cardinality: Int)

    /// Why a command is refused.
    struct SyntaxError: Error, Equatable, Sendable {
        let words: String
    }

    /// One line of a VM's `control`.
    static func virtualMachine(_ text: String) throws(SyntaxError) -> Command { .act(try action(line(text))) }

    /// One line of a role's `control`: an action, or `scale NUMBER`.
    static func role(_ role: String, _ text: String) throws(SyntaxError) -> Command {
        let line = try line(text)
        let words = words(of: line)
        guard words.first == "scale" else { return .act(try action(line)) }
        guard words.count == 2 else { throw SyntaxError(words: "scale takes one number: scale NUMBER") }
        return .scale(role: role, cardinality: try number(String(words[1])))
    }

    /// One line of the service's `control`: `scale ROLE NUMBER`. A role's name may have blanks.
    static func service(_ text: String) throws(SyntaxError) -> Command {
        let line = try line(text)
        let words = words(of: line)
        guard words.first == "scale", words.count >= 3, let last = words.last else {
            throw SyntaxError(words: "the service takes: scale ROLE NUMBER")
        }
        let role = String(line.dropFirst("scale".count).dropLast(last.count)).trimmedBlanks
        return .scale(role: role, cardinality: try number(String(last)))
    }

    /// The content of a CARDINALITY.
    static func cardinality(of role: String, _ text: String) throws(SyntaxError) -> Command {
        .scale(role: role, cardinality: try number(line(text)))
    }

    private static func line(_ text: String) throws(SyntaxError) -> String {
        let lines = text.split(separator: "\n").map { String($0).trimmedBlanks }.filter { !$0.isEmpty }
        guard let line = lines.first else { throw SyntaxError(words: "nothing was written") }
        guard lines.count == 1 else { throw SyntaxError(words: "one action a write") }
        return line
    }

    private static func words(of line: String) -> [Substring] { line.split { $0 == " " || $0 == "\t" } }

    private static func action(_ line: String) throws(SyntaxError) -> Action {
        do {
            return try Action(parsing: line)
        } catch {
            throw SyntaxError(words: error.description)
        }
    }

    private static func number(_ text: String) throws(SyntaxError) -> Int {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(text)
        else { throw SyntaxError(words: "not a number of VMs: \(text)") }
        return number
    }
}
