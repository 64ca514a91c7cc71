import OneGate

/// OneGate's server: routes, permissions, authentication, who may see whom. It answers requests
/// from the state of a cloud, and knows neither sockets nor time.
struct Gate {
    let dialect: Dialect
    let request: GateRequest

    /// Answers the request, with its effects on the cloud.
    static func respond(to request: GateRequest, dialect: Dialect, in state: inout CloudState) -> GateResponse
    {
        let gate = Gate(dialect: dialect, request: request)
        var response: GateResponse
        do throws(GateFailure) {
            response = try gate.route(in: &state)
        } catch {
            response = error.response(in: dialect, path: String(request.rawPath))
        }
        if dialect == .v6_10, response.contentType == nil, response.status == 501 {
            response.contentType = GateResponse.json
        }
        return response
    }

    private func route(in state: inout CloudState) throws(GateFailure) -> GateResponse {
        switch request.method {
        case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH": break
        case "TRACE": throw .notFoundPage
        default: throw .unsupportedMethod(request.method)
        }
        let parameters = try FormParameters(
            query: request.query, contentType: request.contentType, body: request.body)
        let parts = PercentEncoding.parts(request.rawPath)
        let method = request.method == "HEAD" ? "GET" : request.method
        switch (method, parts.count, parts.first ?? "") {
        case ("GET", 0, _): return try root(in: &state)
        case ("GET", 1, "vm"):
            let source = try source("vm", "show", nil, parameters, &state)
            return .init(body: state.plain(source.machine.id))
        case ("PUT", 1, "vm"):
            let source = try source("vm", "update", nil, parameters, &state)
            return try update(source.machine.id, by: source.user, parameters, in: &state)
        case ("GET", 1, "service"): return try service(parameters, in: &state)
        case ("GET", 1, "vrouter"): return try router(parameters, in: &state)
        case ("GET", 2, "vnet") where !parts[1].isEmpty: return try network(parts[1], parameters, in: &state)
        case ("GET", 2, "vms") where !parts[1].isEmpty:
            let source = try source("vm", "show_by_id", parts[1], parameters, &state)
            return .init(body: state.plain(try requested(parts[1], from: source, in: state)))
        case ("PUT", 2, "vms") where !parts[1].isEmpty:
            let source = try source("vm", "update_by_id", parts[1], parameters, &state)
            let id = try requested(parts[1], from: source, in: state)
            return try update(id, by: source.user, parameters, in: &state)
        case ("POST", 3, "vms") where !parts[1].isEmpty && parts[2] == "action":
            let source = try source("vm", "action_by_id", parts[1], parameters, &state)
            let id = try requested(parts[1], from: source, in: state)
            try perform(on: id, by: source.user, in: &state)
            return .init(status: 204, contentType: nil)
        case ("PUT", 3, "service") where parts[1] == "role" && !parts[2].isEmpty:
            return try scale(parts[2], parameters, in: &state)
        default:
            throw .halt(400, "OneGate server doesn't support this feature")
        }
    }

    // MARK: Who asks

    struct Source {
        /// The VM that the request comes from.
        var machine: Machine
        /// Its creator, as whom everything is done.
        var user: User
    }

    /// Checks the permission, then the token, and gives the VM that asks.
    func source(
        _ resource: String, _ action: String, _ pathID: String?, _ parameters: FormParameters,
        _ state: inout CloudState
    ) throws(GateFailure) -> Source {
        guard state.settings.permissions["\(resource).\(action)"] else {
            throw .halt(403, "Action (\(action)) on resource (\(resource)) not supported")
        }
        let user = try authenticate(pathID, parameters, in: state)
        let id = RubyValues.leadingInteger(request.vmid ?? "")
        return Source(machine: try machine(id, for: user, in: state), user: user)
    }

    func authenticate(
        _ pathID: String?, _ parameters: FormParameters?, in state: CloudState
    ) throws(GateFailure) -> User {
        var claimed = request.vmid ?? pathID
        if claimed == nil, case .text(let bytes)? = parameters?["id"] {
            claimed = String(decoding: bytes, as: UTF8.self)
        }
        guard !state.settings.isCoreDown, let token = request.token, let claimed,
            let id = Int(RubyValues.leadingInteger(claimed)), let machine = state.machines[id],
            !machine.isBricked, let expected = machine.token,
            RubyValues.token(token) == RubyValues.token(expected)
        else { throw .halt(401, "Not authorized") }
        return machine.owner
    }

    /// A VM, when a user may read it.
    func machine(_ id: String, for user: User, in state: CloudState) throws(GateFailure) -> Machine {
        guard let machine = Int(id).flatMap({ state.machines[$0] }) else {
            throw .halt(404, "[one.vm.info] Error getting virtual machine [\(id)].")
        }
        guard user.isAdministrator || Gate.mayUse(machine, user) else {
            throw .halt(404, "[one.vm.info] User [\(user.id)] : Not authorized to perform USE VM [\(id)].")
        }
        if machine.isBricked { throw .halt(404, Gate.brickedText) }
        return machine
    }

    static func mayUse(_ machine: Machine, _ user: User) -> Bool {
        !machine.isUnreadable
            && (user.isAdministrator || machine.owner.id == user.id && machine.mode[0] & 4 != 0)
    }

    static let brickedText =
        "Unexpected error executing code for particular method, detected by Xmlrpc-c method registry code.  "
        + "Method did not fail; rather, it did not complete at all.  4449-byte supposed UTF-8 string is not "
        + "valid UTF-8.  UTF-8 string contains a character not in the Basic Multilingual Plane "
        + "(first byte 0xfffffff0)"

    /// The ID of the VM that a path names, when the asking VM may see it.
    func requested(_ text: String, from source: Source, in state: CloudState) throws(GateFailure) -> Int {
        let id = RubyValues.leadingInteger(text)
        if Int(id) == source.machine.id { return source.machine.id }
        if let serviceID = source.machine.userTemplate.text("SERVICE_ID") {
            _ = try checkedService(serviceID, contains: id, extended: false, for: source.user, in: state)
        } else if let routerID = source.machine.virtualRouter {
            _ = try checkedRouter(routerID, contains: id, source, in: state)
        } else {
            throw .halt(
                400,
                "This VM does not belong to any Virtual Router or Service, so it cannot retrieve information "
                    + "from other VMs")
        }
        return try machine(id, for: source.user, in: state).id
    }

    /// The service that a SERVICE_ID names, when it has the VM.
    func checkedService(
        _ serviceID: String?, contains machine: String, extended: Bool, for user: User, in state: CloudState
    ) throws(GateFailure) -> Service {
        let isNumber = { (line: Substring) in
            !line.isEmpty && line.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard let serviceID, serviceID.split(separator: "\n").contains(where: isNumber) else {
            throw .halt(400, "Empty or invalid SERVICE_ID")
        }
        let found = Int(serviceID).flatMap { state.services[$0] }
        guard !state.settings.isOneFlowDown, let found,
            user.isAdministrator || found.owner.id == user.id
        else { throw .halt(404, "Service \(serviceID) not found") }
        if extended {
            for id in found.roles.flatMap(\.machines) { _ = try self.machine("\(id)", for: user, in: state) }
        }
        guard let id = Int(machine), found.roles.contains(where: { $0.machines.contains(id) }) else {
            throw .halt(400, "Service \(serviceID) does not contain VM \(machine).")
        }
        return found
    }

    func checkedRouter(
        _ routerID: Int, contains machine: String, _ source: Source, in state: CloudState
    ) throws(GateFailure) -> VirtualRouter {
        guard let router = state.routers[routerID] else {
            throw .halt(404, "Virtual router \(routerID) not found")
        }
        guard let id = Int(machine), router.machines.contains(id), router.machines.contains(source.machine.id)
        else {
            throw .halt(400, "Virtual Router \(routerID) does not contain VM \(machine).")
        }
        return router
    }

    private func root(in state: inout CloudState) throws(GateFailure) -> GateResponse {
        _ = try authenticate(nil, nil, in: state)
        let scheme = request.forwardedProtocol ?? "http"
        let base = state.settings.publicURL ?? "\(scheme)://\(request.host ?? "127.0.0.1")"
        let json: JSON = ["vm_info": .string("\(base)/vm"), "service_info": .string("\(base)/service")]
        return .init(status: 200, text: json.compact)
    }
}
