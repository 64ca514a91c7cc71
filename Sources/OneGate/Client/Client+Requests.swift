extension Client {
    // MARK: Reading

    /// The bytes of a resource's answer, as they came.
    ///
    /// - Throws: `OneGateError`, also for a success that is an HTML page.
    public func get(_ resource: Resource) async throws(OneGateError) -> [UInt8] {
        try await send(reading(resource)).body
    }

    /// A resource's answer.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that is no JSON.
    public func json(_ resource: Resource) async throws(OneGateError) -> JSON {
        try await read(resource) { json throws(OneGateError) in json }
    }

    /// The VM that asks.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that shows no VM.
    public func vm() async throws(OneGateError) -> VirtualMachine {
        try await read(.vm, VirtualMachine.init(answer:))
    }

    /// A VM of the same service or virtual router, or the asking one.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that shows no VM, or another one.
    public func vm(_ id: Int) async throws(OneGateError) -> VirtualMachine {
        try await read(.vms(id)) { json throws(OneGateError) in
            let vm = try VirtualMachine(answer: json)
            guard vm.id == id else { throw .wrongShape("the answer shows VM \(vm.id)") }
            return vm
        }
    }

    /// The service of the VM.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that shows no service.
    public func service(extended: Bool) async throws(OneGateError) -> Service {
        try await read(.service(extended: extended), Service.init(answer:))
    }

    /// The virtual router that the VM is part of.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that shows no virtual router.
    public func vrouter() async throws(OneGateError) -> VirtualRouter {
        try await read(.vrouter, VirtualRouter.init(answer:))
    }

    /// A virtual network of the virtual router.
    ///
    /// - Throws: `OneGateError`, of kind `unexpected` for an answer that shows no virtual network.
    public func vnet(_ id: Int, extended: Bool) async throws(OneGateError) -> VirtualNetwork {
        try await read(.vnet(id, extended: extended), VirtualNetwork.init(answer:))
    }

    private func reading(_ resource: Resource) -> Transport.Request {
        Transport.Request(method: .GET, path: resource.path, kind: resource.kind, isRepeatable: true)
    }

    private func read<Model>(
        _ resource: Resource, _ make: (JSON) throws(OneGateError) -> Model
    ) async throws(OneGateError) -> Model {
        let request = reading(resource)
        let answer = try await send(request)
        let json: JSON
        do { json = try JSON(parsing: answer.body) } catch {
            let words = "the answer is no JSON: \(error)"
            throw OneGateError(kind: .unexpected, status: answer.status, words: words, request: request.line)
        }
        do { return try make(json) } catch { throw error.with(request: request.line, status: answer.status) }
    }

    // MARK: Changing

    /// Stores attributes in a VM's user template, together or not at all.
    ///
    /// - Parameters:
    ///   - id: The VM; nil for the one that asks, which has a permission of its own on the server.
    ///   - attributes: The attributes with their whole new values; see `UserTemplate.encode`.
    /// - Throws: `ValueError` before anything is sent, when the attributes cannot be stored as they are; else
    ///   `OneGateError`. A success should be read back: the server may still have stored something else.
    public func update(vm id: Int?, _ attributes: [(name: String, value: AttributeValue)]) async throws {
        try await change(vm: id, UserTemplate.updateBody(attributes), isRepeatable: true)
    }

    /// Erases an attribute, or with `NAME/KEY` a key of a vector, from a VM's user template.
    ///
    /// - Parameters:
    ///   - id: The VM; nil for the one that asks.
    ///   - name: `[A-Z_][A-Z0-9_]*`, or two such with a slash.
    /// - Throws: `ValueError` before anything is sent, for any other name; else `OneGateError`, of kind `server` for an
    ///   attribute that does not exist.
    public func erase(vm id: Int?, name: String) async throws {
        // Done a second time it would fail, for the attribute is gone.
        try await change(vm: id, UserTemplate.eraseBody(name), isRepeatable: false)
    }

    private func change(vm id: Int?, _ body: [UInt8], isRepeatable: Bool) async throws(OneGateError) {
        let resource = id.map(Resource.vms) ?? .vm
        _ = try await send(
            Transport.Request(
                method: .PUT, path: resource.path, kind: resource.kind, body: body,
                contentType: "application/x-www-form-urlencoded", isRepeatable: isRepeatable))
    }

    /// Does an action on a VM. It is sent at most once, unless the server said 401 and the token has changed.
    ///
    /// - Throws: `OneGateError`; when its kind is `timedOut`, `unexpected` or `cancelled` the action may have been done.
    public func perform(_ action: Action, vm id: Int) async throws(OneGateError) {
        _ = try await send(
            Transport.Request(
                method: .POST, path: Resource.vms(id).path + "/action", kind: "action", body: action.body,
                contentType: "application/json", isRepeatable: false))
    }

    /// Asks for another number of VMs in a role of the VM's service. Sent at most once, as actions are.
    ///
    /// - Throws: `OneGateError`, of kind `badRequest` when the service refuses.
    public func scale(role: String, to cardinality: Int) async throws(OneGateError) {
        let body: JSON = ["cardinality": .number(String(cardinality))]
        _ = try await send(
            Transport.Request(
                method: .PUT, path: "/service/role/" + Client.percentEncoded(role), kind: "scale",
                body: Array(body.compact.utf8), contentType: "application/json", isRepeatable: false))
    }

    /// A text as one segment of a path.
    static func percentEncoded(_ segment: String) -> String {
        // Dots alone would be taken for a way up.
        let isDots = segment.utf8.allSatisfy { $0 == UInt8(ascii: ".") }
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in segment.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.append(byte)
            case UInt8(ascii: ".") where !isDots: output.append(byte)
            default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
