/// Which requests go through an HTTP proxy, as the environment says.
///
/// The `onegate` command sends everything through `http_proxy` when it is set. So does this, with two additions that
/// other programs make: `https_proxy` goes before it for https, and `no_proxy` names what is reached directly.
public struct Proxies: Sendable, Hashable {
    /// A proxy's address and, if needed, who may use it.
    struct Proxy: Sendable, Hashable {
        let host: String
        let port: Int
        let user: String?
        let password: String?

        /// What tells the proxy who asks (RFC 7617), if that is needed.
        var credentials: String? {
            user.map { "Basic " + Base64.encoded(Array("\($0):\(password ?? "")".utf8)) }
        }

        /// Parses `[http://][USER[:PASSWORD]@]HOST[:PORT][/]`; nil for what is no such URL.
        init?(parsing text: String) {
            var rest = text.trimmingBlanks
            if rest.lowercased().hasPrefix("http://") { rest = String(rest.dropFirst("http://".count)) }
            // Others are spoken to in other ways.
            guard !rest.contains("://") else { return nil }
            if let at = rest.lastIndex(of: "@") {
                let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                user = parts.first.map { Proxies.percentDecoded($0) }
                password = parts.count > 1 ? Proxies.percentDecoded(parts[1]) : ""
                rest = String(rest[rest.index(after: at)...])
            } else {
                user = nil
                password = nil
            }
            guard !rest.isEmpty, let endpoint = try? Endpoint(parsing: "http://" + rest) else { return nil }
            host = endpoint.host
            port = endpoint.port
        }
    }

    /// What a variable says.
    private enum Choice: Sendable, Hashable {
        case direct
        case through(Proxy)
        case unusable(variable: String)
    }

    private let plain: Choice
    private let secure: Choice
    private let exceptions: [String]

    /// No proxy for anything.
    public static let none = Proxies(environment: [:])

    /// What these variables say: `http_proxy`, `https_proxy`, `no_proxy`, or the same in upper case.
    public init(environment: [String: String]) {
        func variable(_ name: String) -> String? {
            let value = environment[name] ?? environment[name.uppercased()]
            return value?.trimmingBlanks.isEmpty == false ? value : nil
        }
        func choice(_ name: String) -> Choice? {
            variable(name).map { Proxy(parsing: $0).map { .through($0) } ?? .unusable(variable: name) }
        }
        plain = choice("http_proxy") ?? .direct
        secure = choice("https_proxy") ?? plain
        exceptions = (variable("no_proxy") ?? "").lowercased()
            .split(whereSeparator: { $0 == "," || $0.isWhitespace }).map(String.init)
    }

    /// What the environment of this process says.
    public static func ofProcess() -> Proxies {
        var environment: [String: String] = [:]
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            for spelling in [name, name.uppercased()] {
                environment[spelling] = FileContent.environmentVariable(spelling)
            }
        }
        return Proxies(environment: environment)
    }

    /// The proxy for a server, nil for a direct connection.
    ///
    /// - Throws: `SettingsError` if what the environment says cannot be done: a direct connection is not what was meant.
    func proxy(for endpoint: Endpoint) throws(SettingsError) -> Proxy? {
        guard !exceptions.contains(where: { Proxies.matches($0, endpoint) }) else { return nil }
        switch endpoint.isSecure ? secure : plain {
        case .direct: return nil
        case .through(let proxy): return proxy
        case .unusable(let variable):
            // There may be a password in it.
            throw SettingsError(
                "\(variable) names no proxy that can be used: it should look like http://HOST:PORT")
        }
    }

    /// An exception is `*`, a name with everything below it, an address or an IPv4 network, and may have a port.
    private static func matches(_ exception: String, _ endpoint: Endpoint) -> Bool {
        var name = Substring(exception)
        if name == "*" { return true }
        if name.hasPrefix("[") {
            name = name.dropFirst().prefix { $0 != "]" }
        } else if let colon = name.firstIndex(of: ":"), name.lastIndex(of: ":") == colon {
            guard Int(name[name.index(after: colon)...]) == endpoint.port else { return false }
            name = name[..<colon]
        }
        if let slash = name.firstIndex(of: "/") {
            guard let network = address(name[..<slash]), let host = address(Substring(endpoint.host)),
                let length = Int(name[name.index(after: slash)...]), (0...32).contains(length)
            else { return false }
            return length == 0 || (network ^ host) >> (32 - UInt32(length)) == 0
        }
        if name.hasPrefix("*.") { name = name.dropFirst() }
        if name.hasPrefix(".") { return endpoint.host.hasSuffix(name) || endpoint.host == name.dropFirst() }
        return !name.isEmpty && (endpoint.host == name || endpoint.host.hasSuffix("." + name))
    }

    private static func address(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let part else { return nil }
            address = address << 8 | UInt32(part)
        }
        return address
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var output: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let code = String(Substring(rest.prefix(2)))
            if byte == UInt8(ascii: "%"), code.utf8.count == 2, let value = UInt8(code, radix: 16) {
                output.append(value)
                rest = rest.dropFirst(2)
            } else {
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
