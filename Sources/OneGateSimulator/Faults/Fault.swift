/// What goes wrong with requests.
public enum Fault: Hashable, Sendable {
    /// The request is worked on only after this time.
    case delay(Duration)
    /// The request is worked on at once, and answered after this time.
    case slowAnswer(Duration)
    /// Another answer, in plain text as OneGate's errors are.
    case status(Int, String)
    /// Another answer, byte for byte: what is no JSON, wrong types, hostile names.
    case raw(status: Int, contentType: String, body: [UInt8])
    /// No answer at all; the connection stays open.
    case hang
    /// No answer; the connection is closed.
    case close
    /// No answer; the connection is reset (RST), as a machine that was restarted does it.
    case reset
    /// A redirection (302) to another address.
    case redirect(String)
    /// An answer with status 200 whose body never ends.
    case endless
    /// The real answer, of whose body only so many bytes are sent before the connection is closed.
    case cut(after: Int)

    /// Another answer with status 200 that claims to be JSON.
    public static func body(_ text: String) -> Fault {
        .raw(status: 200, contentType: GateResponse.json, body: Array(text.utf8))
    }

    /// What the log calls it.
    var name: String {
        switch self {
        case .delay: "delay"
        case .slowAnswer: "slow_answer"
        case .status: "status"
        case .raw: "raw"
        case .hang: "hang"
        case .close: "close"
        case .reset: "reset"
        case .redirect: "redirect"
        case .endless: "endless"
        case .cut: "cut"
        }
    }
}

/// A fault that was injected.
public struct FaultID: Hashable, Sendable {
    /// Its number, as the admin routes tell it.
    public let number: Int
}

/// The faults that are in force.
struct FaultPlan: Sendable {
    struct Rule: Sendable {
        var id: FaultID
        var fault: Fault
        var path: String?
        var method: String?
        var vm: Int?
        var count: Int?
        var takesEffect: Bool

        func matches(_ request: GateRequest) -> Bool {
            if let path, !request.rawPath.utf8.starts(with: path.utf8) { return false }
            if let method, method != request.method { return false }
            if let vm, request.vmid.flatMap({ Int(RubyValues.leadingInteger($0)) }) != vm { return false }
            return true
        }
    }

    /// What becomes of one request.
    struct Fate: Sendable {
        var delay: Duration = .zero
        var answerDelay: Duration = .zero
        var fault: Fault?
        /// Whether the request is carried out although its real answer is not sent.
        var takesEffect = true
        var name: String?
    }

    private(set) var rules: [Rule] = []
    private var next = 1

    mutating func add(_ rule: (FaultID) -> Rule) -> FaultID {
        let id = FaultID(number: next)
        next += 1
        rules.append(rule(id))
        return id
    }

    mutating func remove(_ id: FaultID?) {
        rules.removeAll { id == nil || $0.id == id }
    }

    /// Delays add up; of the other faults, the first that matches counts.
    mutating func fate(of request: GateRequest) -> Fate {
        var fate = Fate()
        for index in rules.indices where rules[index].matches(request) && rules[index].count != 0 {
            let rule = rules[index]
            switch rule.fault {
            case .delay(let time): fate.delay += time
            case .slowAnswer(let time): fate.answerDelay += time
            case _ where fate.fault != nil: continue
            case .cut: fate.fault = rule.fault
            default:
                fate.fault = rule.fault
                fate.takesEffect = rule.takesEffect
            }
            fate.name = fate.name ?? rule.fault.name
            if let count = rule.count { rules[index].count = count - 1 }
        }
        rules.removeAll { $0.count == 0 }
        return fate
    }
}
