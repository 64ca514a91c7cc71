import OneGate
import OneGateSimulator
import Testing

/// What goes wrong between a mount and its server.
enum Trouble: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case down, disconnected, slow, slowAnswers, hanging, hangingWithEffect, closing, closingWithEffect,
        resetting
    case cutting, failing, failingWithEffect, badGateway, junk, wrongTypes, empty, redirecting, endless, huge
    case unauthorized, otherToken, oneFlowDown, nameless

    /// Those that can be made on this machine.
    static var possible: [Trouble] { allCases.filter { $0 != .nameless || NameService.isAvailable } }

    var testDescription: String { rawValue }

    /// Begins it, and gives what ends it.
    ///
    /// - Parameters:
    ///   - timeout: the longest that a request may take.
    ///   - names: what the server's name is looked up by.
    ///   - elsewhere: the address of another server, to which nothing may be sent.
    ///   - renew: writes the mounts' env files again.
    func begin(
        _ simulator: Simulator, timeout: Double, names: NameService?, elsewhere: String,
        renew: @escaping () -> Void,
        using random: inout PropertyTests.Generator
    ) -> () -> Void {
        func fault(_ fault: Fault, takesEffect: Bool = false, method: String? = nil) -> () -> Void {
            let id = simulator.inject(fault, method: method, takesEffect: takesEffect)
            return { simulator.clear(id) }
        }
        let cloud = simulator.cloud
        let part = Double.random(in: 0.05...0.8, using: &random)
        switch self {
        case .down:
            simulator.stop()
            return { try? simulator.restart() }
        case .disconnected:
            simulator.closeConnections()
            return {}
        case .slow: return fault(.delay(.seconds(part * timeout)))
        case .slowAnswers: return fault(.slowAnswer(.seconds(part * timeout)))
        case .hanging: return fault(.hang)
        case .hangingWithEffect: return fault(.hang, takesEffect: true)
        case .closing: return fault(.close)
        case .closingWithEffect: return fault(.close, takesEffect: true)
        case .resetting: return fault(.reset)
        case .cutting: return fault(.cut(after: Int.random(in: 0...300, using: &random)))
        case .failing: return fault(.status(500, "Internal server error"))
        case .failingWithEffect: return fault(.status(500, "Internal server error"), takesEffect: true)
        case .badGateway:
            return fault(
                .raw(status: 502, contentType: "text/html", body: Array("<html>Bad gateway</html>".utf8)))
        case .junk:
            return fault(
                .body(
                    ["{", "[]", "{\"VM\":3}", "\u{0}", "{\"SERVICE\":[]}"].randomElement(using: &random) ?? ""
                ))
        case .wrongTypes:
            return fault(.raw(status: 200, contentType: "text/html", body: Array("<p>log in</p>".utf8)))
        case .empty: return fault(.status(200, ""))
        case .redirecting: return fault(.redirect(elsewhere + "/vm"))
        case .endless: return fault(.endless)
        case .huge: return fault(.body(String(repeating: "[", count: 8 << 20)))
        case .unauthorized:
            cloud.isCoreDown = true
            return { cloud.isCoreDown = false }
        case .otherToken:
            cloud.setToken(vm: 8, "another-token-\(part)")
            cloud.setToken(vm: 9, "another-token-of-9-\(part)")
            return renew
        case .nameless:
            names?.fail()
            simulator.closeConnections()
            return { names?.recover() }
        case .oneFlowDown:
            cloud.isOneFlowDown = true
            return { cloud.isOneFlowDown = false }
        }
    }
}
