/// The parts of a server's URL that matter for reaching it.
struct Endpoint: Hashable {
    /// The whole URL without slashes at its end.
    let url: String
    let isSecure: Bool
    /// The host and, if it is given, the port, as they are spelled in the URL.
    let authority: String
    /// What comes before the path of every request: empty, or a path without a slash at its end.
    let path: String
    /// In lower case, an IPv6 address without its brackets.
    let host: String
    let port: Int

    /// Parses `http[s]://HOST[:PORT][/PATH]`.
    init(parsing text: String) throws(SettingsError) {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last.isBlank || last == UInt8(ascii: "/") { bytes.removeLast() }
        bytes = Array(bytes.drop(while: \.isBlank))
        func refusal(_ reason: String) -> SettingsError {
            let shown = String(decoding: bytes.prefix(200), as: UTF8.self)
            return SettingsError(
                "the endpoint \"\(shown)\" \(reason); it should look like http://169.254.16.9:5030 (ONEGATE_ENDPOINT)"
            )
        }
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw refusal("has characters that a URL cannot have")
        }
        let url = String(decoding: bytes, as: UTF8.self)
        let lowercased = url.lowercased()
        let isSecure = lowercased.hasPrefix("https://")
        guard isSecure || lowercased.hasPrefix("http://") else { throw refusal("is no http or https URL") }
        let rest = url.utf8.dropFirst(isSecure ? 8 : 7)
        guard !rest.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else {
            throw refusal("has a query")
        }
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        guard !authority.contains(UInt8(ascii: "@")) else {
            // And perhaps a password, which is for nobody's eyes.
            bytes = Array(url.utf8.prefix { $0 != UInt8(ascii: ":") }) + Array("://...@".utf8)
            throw refusal("has a user name in it")
        }
        var host = String(Substring(authority))
        var port: Int? = isSecure ? 443 : 80
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { throw refusal("has no host") }
            let after = host[host.index(after: end)...]
            if after.hasPrefix(":") { port = Int(after.dropFirst()) } else if !after.isEmpty { port = nil }
            host = String(host[host.index(after: host.startIndex)..<end])
        } else if let colon = host.firstIndex(of: ":") {
            port = Int(host[host.index(after: colon)...])
            host = String(host[..<colon])
        }
        guard !host.isEmpty else { throw refusal("has no host") }
        guard let port, (1...65535).contains(port) else { throw refusal("has no valid port") }
        self.url = url
        self.isSecure = isSecure
        self.authority = String(Substring(authority))
        self.path = String(Substring(rest.dropFirst(authority.count)))
        self.host = host.lowercased()
        self.port = port
    }
}

extension UInt8 {
    /// A space, a tab, a newline or a carriage return: what the server strips from the ends of values.
    var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
