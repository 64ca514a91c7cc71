/// An erase: the server takes the data for an XPath below the VM's user template, deletes what it
/// finds, and stores the rest as template text. Covered are paths of names, `*`, `.`, `..`,
/// `text()`, `comment()`, `node()`, `@name`, `self::node()`, `//`, and unions of paths.
struct ErasePath {
    enum Failure: Error, Hashable {
        case invalidExpression(String)
        case undefinedPrefix(String)
        /// The expression is not a path: a comparison, say.
        case notNodes
    }

    /// What an erase comes to.
    enum Outcome {
        /// The template data to store instead.
        case rest([UInt8])
        /// Nothing was found.
        case nothing
        /// The user template itself would be deleted, which the server cannot go on from.
        case everything
    }

    private enum Node: Hashable {
        case machine
        case userTemplate
        case attribute(Int)
        case pair(Int, Int)
        case text(Int, Int?)
        case outside
    }

    private enum Step: Hashable {
        case name(String)
        case any, itself, parent, text, none
        /// `//`: the nodes themselves and all below them.
        case descendants
    }

    private let branches: [[Step]]

    /// The path for the data of an erase, as the server completes it.
    init(_ data: String) throws(Failure) {
        let expression = "USER_TEMPLATE/" + data
        if expression.utf8.contains(UInt8(ascii: "=")) {
            // What has an equals sign and can be parsed is a comparison, as `KEEP="one"` is.
            guard expression.utf8.last == UInt8(ascii: "\"") else { throw .invalidExpression(expression) }
            throw .notNodes
        }
        var branches: [[Step]] = []
        for branch in expression.split(separator: "|", omittingEmptySubsequences: false) {
            let text = branch.trimming(" ")
            guard let steps = try ErasePath.steps(text, in: expression) else {
                throw .invalidExpression(expression)
            }
            branches.append(steps)
        }
        self.branches = branches
    }

    private static func steps(_ text: Substring, in expression: String) throws(Failure) -> [Step]? {
        var steps: [Step] = []
        var rest = text
        if rest.hasPrefix("/"), !rest.hasPrefix("//") { rest = rest.dropFirst() }
        var parts = rest.split(separator: "/", omittingEmptySubsequences: false)[...]
        if rest.hasPrefix("//") {
            steps.append(.descendants)
            parts = parts.dropFirst(2)
        }
        guard !parts.isEmpty else { return nil }
        while let part = parts.popFirst() {
            let name = part.trimming(" ")
            if name.isEmpty {
                guard !parts.isEmpty, steps.last != .descendants else { return nil }
                steps.append(.descendants)
                continue
            }
            switch name {
            case "*": steps.append(.any)
            case ".", "self::node()": steps.append(.itself)
            case "..": steps.append(.parent)
            case "text()": steps.append(.text)
            case "comment()": steps.append(.none)
            case "node()": steps.append(.any)
            default:
                let bare = name.hasPrefix("@") ? name.dropFirst() : name
                guard isName(bare) else { return nil }
                if bare.contains(":") { throw .undefinedPrefix(expression) }
                steps.append(bare.count < name.count ? .none : .name(String(bare)))
            }
        }
        return steps.last == .descendants ? nil : steps
    }

    private static func isName(_ text: Substring) -> Bool {
        guard XMLCharacters.isName(String(text)) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: ":"), 0x80...:
                true
            default: false
            }
        }
    }

    /// Applies the path to a user template.
    func apply(to template: UserTemplate) -> Outcome {
        var found: Set<Node> = []
        for branch in branches {
            var nodes: Set<Node> = [.machine]
            for step in branch {
                nodes = Set(nodes.flatMap { ErasePath.take(step, from: $0, in: template) })
            }
            found.formUnion(nodes)
        }
        if found.isEmpty { return .nothing }
        if found.contains(.userTemplate) { return .everything }
        return .rest(ErasePath.text(of: template, without: found))
    }

    private static func take(_ step: Step, from node: Node, in template: UserTemplate) -> [Node] {
        switch step {
        case .itself: return [node]
        case .none: return []
        case .text:
            return children(of: node, in: template).filter { if case .text = $0 { true } else { false } }
        case .any:
            return children(of: node, in: template).filter { if case .text = $0 { false } else { true } }
        case .parent:
            switch node {
            case .machine, .outside: return []
            case .userTemplate: return [.machine]
            case .attribute: return [.userTemplate]
            case .pair(let attribute, _): return [.attribute(attribute)]
            case .text(let attribute, nil): return [.attribute(attribute)]
            case .text(let attribute, let pair?): return [.pair(attribute, pair)]
            }
        case .descendants:
            return [node]
                + children(of: node, in: template).flatMap { take(.descendants, from: $0, in: template) }
        case .name(let name):
            if node == .machine {
                // Of what else a VM has, nothing that is deleted is ever stored.
                let others = ["ID", "NAME", "STATE", "LCM_STATE", "TEMPLATE", "PERMISSIONS", "UID", "GID"]
                return name == "USER_TEMPLATE" ? [.userTemplate] : others.contains(name) ? [.outside] : []
            }
            return children(of: node, in: template).filter { child in
                switch child {
                case .attribute(let index): return UserTemplate.same(template.attributes[index].name, name)
                case .pair(let index, let pair):
                    guard case .vector(let pairs) = template.attributes[index].value else { return false }
                    return UserTemplate.same(pairs[pair].key, name)
                default: return false
                }
            }
        }
    }

    private static func children(of node: Node, in template: UserTemplate) -> [Node] {
        switch node {
        case .machine: return [.userTemplate, .outside]
        case .userTemplate: return template.attributes.indices.map { .attribute($0) }
        case .attribute(let index):
            switch template.attributes[index].value {
            case .single: return [.text(index, nil)]
            case .vector(let pairs): return pairs.indices.map { .pair(index, $0) }
            }
        case .pair(let index, let pair): return [.text(index, pair)]
        case .text, .outside: return []
        }
    }

    /// A user template as text, the way the server writes it: every value in quotes, a quote in it
    /// with a backslash before it, and nothing else escaped. A backslash at the end of a value
    /// therefore swallows the quote that should end it.
    private static func text(of template: UserTemplate, without found: Set<Node>) -> [UInt8] {
        var lines: [String] = []
        for (index, attribute) in template.attributes.enumerated() where !found.contains(.attribute(index)) {
            switch attribute.value {
            case .single(let value):
                if !found.contains(.text(index, nil)) { lines.append("\(attribute.name)=\(quoted(value))") }
            case .vector(let pairs):
                let kept = pairs.indices.filter { !found.contains(.pair(index, $0)) }
                if kept.isEmpty { continue }
                let items = kept.filter { !found.contains(.text(index, $0)) }
                    .map { "  \(pairs[$0].key)=\(quoted(pairs[$0].value))" }
                lines.append("\(attribute.name)=[\n" + items.joined(separator: ",\n") + " ]")
            }
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    private static func quoted(_ value: String) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for byte in value.utf8 {
            if byte == UInt8(ascii: "\"") { result.append(UInt8(ascii: "\\")) }
            result.append(byte)
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }
}

extension Substring {
    /// Without a character at both ends.
    func trimming(_ character: Character) -> Substring {
        var result = self
        while result.first == character { result.removeFirst() }
        while result.last == character { result.removeLast() }
        return result
    }
}
