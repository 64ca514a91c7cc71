import NIOCore
import OneGate
import OrderedCollections

/// The simulator's own routes, for scripts and demonstrations. No fault touches them, and they
/// are not in the log. Bodies and answers are JSON.
///
/// - `GET /_simulator/requests`: `{"count", "requests": [...]}`; `DELETE` forgets them.
/// - `POST /_simulator/faults`: `{"kind", "seconds", "status", "text", "body", "content_type", "bytes",
///   "path", "method", "vm", "count", "takes_effect"}` begins a fault and answers its `{"id"}`. The kinds are
///   `delay`, `slow_answer`, `status`, `raw`, `hang`, `close`, `reset`, `redirect` (to `text`), `endless`,
///   `cut`. `DELETE` ends all of them,
///   `DELETE /_simulator/faults/ID` one.
/// - `POST /_simulator/settings`: the settings of a scenario, see `Cloud.init(scenario:)`, and
///   `"idle_seconds"`.
/// - `GET /_simulator/vms`, `GET /_simulator/vms/ID`, `POST /_simulator/vms/ID`: `{"attributes": {},
///   "erase": [], "state": "RUNNING", "name", "unreadable", "token"}`; `DELETE` takes it out of its role.
/// - `GET /_simulator/env/ID`: the VM's environment file.
/// - `POST /_simulator/services/ID/roles/ROLE`: `{"cardinality"}` scales without limits, `{"add"}`
///   adds VMs; `DELETE /_simulator/services/ID` deletes a service.
/// - `POST /_simulator/refuse`: `{"seconds"}`, `POST /_simulator/disconnect`, `POST /_simulator/elapse`:
///   `{"seconds"}`.
struct AdminRoutes {
    static let prefix = "/_simulator/"
    let engine: Engine

    private struct Refusal: Error { let text: String }

    func respond(to request: GateRequest) -> GateResponse {
        do throws(Refusal) {
            var body: JSON = .emptyObject
            if !request.body.isEmpty {
                do { body = try JSON(parsing: request.body) } catch {
                    throw Refusal(text: "not JSON: \(error)")
                }
            }
            let parts = Array(PercentEncoding.parts(request.rawPath).dropFirst())
            guard let answer = try route(request.method, parts, body) else {
                return .init(status: 404, text: "no such route")
            }
            if case .string(let text) = answer {
                return .init(status: 200, contentType: "text/plain", text: text)
            }
            return .init(status: 200, text: answer.prettyPrinted + "\n")
        } catch {
            return .init(status: 400, text: error.text)
        }
    }

    private func route(_ method: String, _ parts: [String], _ body: JSON) throws(Refusal) -> JSON? {
        let cloud = engine.cloud
        let number = parts.count > 1 ? Int(parts[1]) : nil
        switch (method, parts.first ?? "", parts.count) {
        case ("GET", "requests", 1):
            return engine.log.withLock { log in
                ["count": .number("\(log.count)"), "requests": .array(log.records.map(\.json))]
            }
        case ("DELETE", "requests", 1): engine.log.withLock { $0.clear() }
        case ("POST", "faults", 1): return ["id": .number("\(try inject(body).number)")]
        case ("DELETE", "faults", _): engine.faults.withLock { $0.remove(number.map { FaultID(number: $0) }) }
        case ("POST", "settings", 1): try configure(body)
        case ("GET", "vms", 1): return .array(cloud.machines.map { .number("\($0)") })
        case ("GET", "vms", 2): return number.flatMap { description(of: $0) }
        case ("POST", "vms", 2):
            guard let number, description(of: number) != nil else { return nil }
            try change(number, body)
            return description(of: number)
        case ("DELETE", "vms", 2): if let number { cloud.removeVM(number) }
        case ("GET", "env", 2):
            return number.map { .string(EnvironmentFile.text(vm: $0, cloud: cloud, endpoint: endpoint)) }
        case ("POST", "services", 4) where parts[2] == "roles":
            guard let number else { return nil }
            if let cardinality = body["cardinality"]?.integer {
                cloud.scale(service: number, role: parts[3], to: cardinality)
            }
            for _ in 0..<max(body["add"]?.integer ?? 0, 0) { cloud.addVM(service: number, role: parts[3]) }
            return .array(cloud.machines(service: number, role: parts[3]).map { .number("\($0)") })
        case ("DELETE", "services", 2): if let number { cloud.removeService(number) }
        case ("POST", "refuse", 1):
            let time = TimeAmount(seconds(body) ?? .seconds(1))
            afterAnswering { $0.refuse(for: time) }
        case ("POST", "disconnect", 1): afterAnswering { _ = $0.closeConnections() }
        case ("POST", "elapse", 1): cloud.elapse(seconds(body) ?? .zero)
        default: return nil
        }
        return .emptyObject
    }

    /// Does something on the event loop once this request's answer, which is written on it, was sent.
    private func afterAnswering(_ body: @escaping @Sendable (Engine) -> Void) {
        engine.group.any().execute { [engine] in body(engine) }
    }

    private var endpoint: String { "http://127.0.0.1:\(engine.port)" }

    private func seconds(_ body: JSON, _ name: String = "seconds") -> Duration? {
        body[name]?.scalar.flatMap { Double($0) }.map { .nanoseconds(Int64($0 * 1e9)) }
    }

    private func inject(_ body: JSON) throws(Refusal) -> FaultID {
        let time = seconds(body) ?? .seconds(1)
        let status = body["status"]?.integer
        let text = body["text"]?.scalar ?? ""
        let fault: Fault
        switch body["kind"]?.scalar {
        case "delay": fault = .delay(time)
        case "slow_answer": fault = .slowAnswer(time)
        case "status": fault = .status(status ?? 500, text)
        case "raw":
            let content = body["body"].map { $0.members == nil ? $0.scalar ?? "" : $0.compact } ?? ""
            fault = .raw(
                status: status ?? 200, contentType: body["content_type"]?.scalar ?? GateResponse.json,
                body: Array(content.utf8))
        case "hang": fault = .hang
        case "close": fault = .close
        case "reset": fault = .reset
        case "redirect": fault = .redirect(text)
        case "endless": fault = .endless
        case "cut": fault = .cut(after: body["bytes"]?.integer ?? 10)
        default:
            throw Refusal(
                text:
                    "kind must be delay, slow_answer, status, raw, hang, close, reset, redirect, endless or cut"
            )
        }
        return engine.faults.withLock { plan in
            plan.add { id in
                .init(
                    id: id, fault: fault, path: body["path"]?.scalar, method: body["method"]?.scalar,
                    vm: body["vm"]?.integer, count: body["count"]?.integer,
                    takesEffect: body["takes_effect"] == .bool(true))
            }
        }
    }

    private func configure(_ body: JSON) throws(Refusal) {
        var settings = engine.cloud.settings
        do {
            try ScenarioReader.apply(settings: body, to: &settings)
        } catch {
            throw Refusal(text: error.description)
        }
        engine.cloud.settings = settings
        if let idle = seconds(body, "idle_seconds") { engine.idleTimeout = idle }
    }

    private func description(of vm: Int) -> JSON? {
        engine.cloud.withState { state in
            guard let machine = state.machines[vm] else { return nil }
            return [
                "id": .number("\(vm)"), "name": .string(machine.name), "state": .string(machine.stateName),
                "unreadable": .bool(machine.isUnreadable), "attributes": machine.userTemplate.json,
            ]
        }
    }

    private func change(_ vm: Int, _ body: JSON) throws(Refusal) {
        let cloud = engine.cloud
        if let name = body["state"]?.scalar {
            guard let numbers = MachineState.numbers(named: name) else {
                throw Refusal(text: "there is no state \(name)")
            }
            cloud.setState(vm: vm, state: numbers.state, lcm: numbers.lifecycle)
        }
        for (name, value) in body["attributes"]?.members ?? [:] {
            cloud.setAttribute(vm: vm, name: name, value: value)
        }
        for name in body["erase"]?.elements?.compactMap(\.scalar) ?? [] {
            cloud.eraseAttribute(vm: vm, name: name)
        }
        if let name = body["name"]?.scalar { cloud.setName(vm: vm, name) }
        if case .bool(let value)? = body["unreadable"] { cloud.setUnreadable(vm: vm, value) }
        if let token = body["token"] { cloud.setToken(vm: vm, token == .null ? nil : token.scalar) }
    }
}
