import OneGate

extension Gate {
    /// An update (`type=1`, or no type) or an erase (`type=2`) of a VM's user template. Any other type
    /// is looked at like an erase, and changes nothing.
    func update(
        _ id: Int, by user: User, _ parameters: FormParameters, in state: inout CloudState
    ) throws(GateFailure) -> GateResponse {
        var type = "1"
        if case .text(let bytes)? = parameters["type"] {
            type = RubyValues.leadingInteger(String(decoding: bytes, as: UTF8.self))
        }
        let isUpdate = type == "1"
        var data = request.body
        switch parameters["data"] {
        case .text(let bytes)?:
            data = bytes
            guard String(validating: bytes, as: UTF8.self) != nil else {
                throw .exception("ArgumentError", "invalid byte sequence in UTF-8")
            }
        case .collection(let kind)?:
            throw .exception("NoMethodError", "undefined method `split' for an instance of \(kind)")
        default: break
        }
        let escaped = AttributeEscaping.escape(data)
        if let name = AttributeEscaping.restricted(in: escaped, names: state.settings.restrictedAttributes) {
            throw .halt(403, "Attribute (\(name)) cannot be \(isUpdate ? "modified" : "deleted")")
        }
        if isUpdate {
            try store(escaped, in: id, by: user, replacing: false, &state)
        } else {
            try erase(escaped, in: id, by: user, storing: type == "2", &state)
        }
        return .init()
    }

    private func erase(
        _ data: [UInt8], in id: Int, by user: User, storing: Bool, _ state: inout CloudState
    ) throws(GateFailure) {
        guard let machine = state.machines[id] else { return }
        let outcome: ErasePath.Outcome
        do throws(ErasePath.Failure) {
            outcome = try ErasePath(String(decoding: data, as: UTF8.self)).apply(to: machine.userTemplate)
        } catch {
            switch error {
            case .invalidExpression(let text):
                throw .exception("Nokogiri::XML::XPath::SyntaxError", "Invalid expression: \(text)")
            case .undefinedPrefix(let text):
                throw .exception("Nokogiri::XML::XPath::SyntaxError", "Undefined namespace prefix: \(text)")
            case .notNodes: throw .exception("ArgumentError", "node_set must be a Nokogiri::XML::NodeSet")
            }
        }
        switch outcome {
        case .nothing where storing: throw .halt(500, "attribute not found")
        case .everything where storing:
            throw .exception("NoMethodError", "undefined method `elements' for nil")
        case .rest(let rest) where storing: try store(rest, in: id, by: user, replacing: true, &state)
        default: break
        }
    }

    /// What the core does with template data: it adds to the user template, or replaces it.
    private func store(
        _ data: [UInt8], in id: Int, by user: User, replacing: Bool, _ state: inout CloudState
    ) throws(GateFailure) {
        guard let machine = state.machines[id] else { return }
        guard user.isAdministrator || machine.mode[0] & 2 != 0 else {
            throw .halt(
                500, "[one.vm.update] User [\(user.id)] : Not authorized to perform MANAGE VM [\(id)].")
        }
        try Gate.checkCallText(data)
        let template: UserTemplate
        do throws(TemplateParser.Failure) {
            // The core's XML parser makes line feeds of the call's carriage returns.
            template = try TemplateParser.parse(data.withLineFeedsOnly)
        } catch {
            throw .halt(500, "[one.vm.update] \(error.message)")
        }
        let restricted = user.isAdministrator ? [] : state.settings.coreRestrictedAttributes
        if let name = Gate.changed(restricted, in: template, from: machine.userTemplate) {
            throw .halt(
                500,
                "[one.vm.update] Cannot update template. User Template includes a restricted attribute \(name)"
            )
        }
        // The core answers that all is well, but cannot read what it stored, and so nothing changes.
        if Gate.isUnreadable(template) { return }
        state.change(id) { machine in
            var result = replacing ? template : machine.userTemplate
            if replacing {
                for name in restricted where !name.contains("/") && result.values(name).isEmpty {
                    if let kept = machine.userTemplate.json(name) { result.set(name, to: kept) }
                }
            } else {
                result.merge(template)
            }
            machine.userTemplate = result
        }
        state.noticeAttributes(of: id)
    }

    /// What can be the text of a call to the core: XML's characters within the Basic Multilingual Plane.
    static func checkCallText(_ data: [UInt8]) throws(GateFailure) {
        let prefix = "Call XML not a proper XML-RPC call.  "
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .halt(500, prefix + "Call is not valid XML.  Invalid XML \"content\".")
        }
        for scalar in text.unicodeScalars {
            if scalar.value > 0xFFFF {
                throw .halt(
                    500,
                    prefix
                        + "\(data.count)-byte supposed UTF-8 string is not valid UTF-8.  UTF-8 string contains "
                        + "a character not in the Basic Multilingual Plane (first byte 0xfffffff0)")
            }
            if !XMLCharacters.allows(scalar) {
                throw .halt(500, prefix + "Call is not valid XML.  Invalid XML \"content\".")
            }
        }
    }

    private static func changed(
        _ restricted: [String], in template: UserTemplate, from old: UserTemplate
    ) -> String? {
        for entry in restricted {
            let parts = entry.split(separator: "/", maxSplits: 1).map(String.init)
            guard let new = template.json(parts[0]) else { continue }
            if parts.count == 1, new != old.json(parts[0]) { return parts[0] }
            if parts.count == 2, let value = new[parts[1]], value != old.json(parts[0])?[parts[1]] {
                return parts[0]
            }
        }
        return nil
    }

    private static func isUnreadable(_ template: UserTemplate) -> Bool {
        template.attributes.contains { attribute in
            switch attribute.value {
            case .single(let text): text.utf8.hasCDATAEnd
            case .vector(let pairs):
                pairs.contains { $0.value.utf8.hasCDATAEnd || !XMLCharacters.isName($0.key) }
            }
        }
    }

    /// Scaling a role of the service, which OneFlow does when it is allowed.
    func scale(
        _ role: String, _ parameters: FormParameters, in state: inout CloudState
    ) throws(GateFailure) -> GateResponse {
        let source = try source("service", "change_cardinality", nil, parameters, &state)
        let service = try checkedService(
            source.machine.userTemplate.text("SERVICE_ID"), contains: "\(source.machine.id)", extended: false,
            for: source.user, in: state)
        let body = try jsonBody { message throws(GateFailure) in
            throw .exception("JSON::ParserError", message)
        }
        let cardinality: JSON
        switch body {
        case .object(let members): cardinality = members["cardinality"] ?? .null
        case .array, .number:
            throw .exception("TypeError", "no implicit conversion of String into Integer")
        case .string(let text): cardinality = text.contains("cardinality") ? "cardinality" : .null
        case .null: throw .exception("NoMethodError", "undefined method `[]' for nil")
        case .bool(let value): throw .exception("NoMethodError", "undefined method `[]' for \(value)")
        }
        let refusal = GateFailure.halt(400, "Error performing action on service \(service.id) role \(role)")
        let wanted: Int?
        switch cardinality {
        case .number(let text): wanted = Int(text)
        case .string(let text): wanted = Int(RubyValues.leadingInteger(text))
        default: wanted = nil
        }
        guard let wanted, let known = service.roles.first(where: { $0.name == role }),
            service.state == FlowState.running || service.state == FlowState.warning,
            wanted != known.cardinality, wanted >= known.minimum ?? 0, wanted <= known.maximum ?? 10_000
        else { throw refusal }
        state.scale(service: service.id, role: role, to: wanted)
        return .init()
    }

    /// The body as JSON. Where a form was parsed, the current server has nothing left to read.
    func jsonBody(failure: (String) throws(GateFailure) -> Never) throws(GateFailure) -> JSON {
        let isConsumed =
            dialect == .current
            && (FormParameters.isForm(request.contentType)
                || request.method == "POST" && request.contentType == nil)
        let body = isConsumed ? [] : request.body
        if body.starts(with: [0xEF, 0xBB, 0xBF]) {
            try failure("unexpected token at '\(String(decoding: body, as: UTF8.self))'")
        }
        do {
            return try JSON(parsing: body)
        } catch {
            let text = String(decoding: body, as: UTF8.self)
            if error.reason.contains("nested") { try failure("nesting of 101 is too deep") }
            let rest = error.reason.hasPrefix("text after") ? Array(body[error.offset...]) : Array(body)
            if error.reason.contains("UTF-8") {
                throw .exception("JSON::ParserError", "input string invalid")
            }
            try failure("unexpected token at '\(text.isEmpty ? "" : String(decoding: rest, as: UTF8.self))'")
        }
    }
}
