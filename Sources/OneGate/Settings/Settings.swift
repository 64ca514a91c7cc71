/// What is needed to talk to OneGate: where it is, and who is asking.
public struct Settings: Sendable, Hashable {
    /// The server's base URL, `http://` or `https://`, without a slash at its end.
    public let endpoint: String
    /// The ID of the VM that is asking.
    public let vmID: Int
    /// The VM's token.
    public let token: Token

    /// Settings that have been checked.
    ///
    /// - Throws: `SettingsError` for a URL that is not plain http or https with a host, a negative VM ID, and a
    ///   token that cannot be sent in a header.
    public init(endpoint: String, vmID: Int, token: Token) throws(SettingsError) {
        self.endpoint = try Endpoint(parsing: endpoint).url
        guard vmID >= 0 else { throw SettingsError("the VM's ID is \(vmID), but IDs are 0 and above") }
        guard token.isSendable else {
            throw SettingsError(
                "the token is empty or has blanks or unprintable characters in it; see TOKENTXT")
        }
        self.vmID = vmID
        self.token = token
    }
}

/// Why there are no usable settings: one clear line that says what to do. It never contains the token.
public struct SettingsError: Error, Hashable, CustomStringConvertible {
    /// The line.
    public let description: String

    init(_ description: String) { self.description = description }
}
