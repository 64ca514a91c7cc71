@testable import OneGate
@testable import OneGateFS

extension FuzzTarget {
    /// Any env file is read, and a value without a newline is read as contextualization wrote it.
    static let envFile = FuzzTarget(name: "env-file") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        for name in EnvFile.parse(text).keys {
            try claim(!name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a name: \(name)")
        }
        var input = FuzzInput(bytes)
        var file = ""
        var expected: [(name: String, value: String)] = []
        while !input.isEmpty, expected.count < 8 {
            let value = String(decoding: input.field().filter { $0 != 0x0A }, as: UTF8.self)
            expected.append(("V\(expected.count)", value))
            file += "export V\(expected.count - 1)=\"\(value)\"\n"
        }
        let variables = EnvFile.parse(file)
        for (name, value) in expected {
            let read = variables[name] ?? "nothing"
            try claim(read.utf8.elementsEqual(value.utf8), "\(name) is \(read.debugDescription) in \(file)")
        }
    }

    /// Whatever the variables say, there are usable settings or a refusal of one line without the token; a proxy is
    /// found or not.
    static let settings = FuzzTarget(name: "settings") { bytes in
        var input = FuzzInput(bytes)
        let environment = [
            "ONEGATE_ENDPOINT": input.text(), "VMID": input.text(), "TOKENTXT": input.text(),
            "http_proxy": input.text(), "https_proxy": input.text(), "no_proxy": input.text(),
        ]
        let proxies = Proxies(environment: environment)
        let source = SettingsSource(environment: environment, usualEnvFiles: [])
        do {
            let settings = try source.resolve()
            let endpoint = try Endpoint(parsing: settings.endpoint)
            try claim(settings.endpoint.utf8.last != UInt8(ascii: "/"), "a slash: \(settings.endpoint)")
            try claim(settings.vmID >= 0 && (1...65535).contains(endpoint.port), "\(settings)")
            try claim(
                settings.token.headerValue.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a blank in the token")
            _ = try proxies.proxy(for: endpoint)
            let again = try Endpoint(parsing: endpoint.url)
            try claim(again == endpoint, "\(endpoint.url) is \(again.url)")
        } catch let refusal as SettingsError {
            let token = (environment["TOKENTXT"] ?? "").trimmingBlanks
            let others = environment.filter { $0.key != "TOKENTXT" }.values.joined()
            // A short token may be a word of the refusal.
            if token.utf8.count > 40, !others.utf8.contains(token.utf8) {
                try claim(!refusal.description.utf8.contains(token.utf8), "the token: \(refusal)")
            }
        }
    }

    /// Options that are joined with their commas escaped come apart again; whatever a list says, there is a configuration
    /// or a refusal.
    static let mountOptions = FuzzTarget(name: "mount-options") { bytes in
        let text = String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
        _ = try? MountConfiguration(lists: [text], flags: [], environment: [:], user: (0, 0))
        var input = FuzzInput(bytes)
        var options: [(name: String, value: String?)] = []
        while !input.isEmpty, options.count < 8 {
            let hasValue = input.byte() % 2 == 0
            let name = String(decoding: input.field().filter { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            let value = hasValue ? input.text() : nil
            if !name.isEmpty { options.append((name, value)) }
        }
        let list = options.map { option in
            (option.value.map { "\(option.name)=\($0)" } ?? option.name)
                .unicodeScalars.reduce(into: "") { text, scalar in
                    if scalar == "," || scalar == "\\" { text.unicodeScalars.append("\\") }
                    text.unicodeScalars.append(scalar)
                }
        }
        let parsed = OptionList([list.joined(separator: ",")]).options
        try claim(parsed.count == options.count, "\(options) became \(parsed)")
        for (option, read) in zip(options, parsed) {
            try claim(
                read.name.utf8.elementsEqual(option.name.utf8)
                    && (read.value.map { Array($0.utf8) } == option.value.map { Array($0.utf8) }),
                "\(option) became \(read)")
        }
    }
}
