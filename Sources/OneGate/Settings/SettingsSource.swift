/// What was given where: options, environment, and the file that contextualization writes.
///
/// For each setting the first of these counts: a given value, the environment (`ONEGATE_ENDPOINT`, `VMID`,
/// `TOKENTXT`), the env file. An empty text is as good as none.
public struct SettingsSource: Sendable {
    /// The server's URL, if one was given.
    public var endpoint: String?
    /// The VM's ID in digits, if it was given.
    public var vmID: String?
    /// The path of a file that has the token and nothing else.
    public var tokenFile: String?
    /// The path of the env file to use instead of the usual ones; it has to be readable then.
    public var envFile: String?
    /// The process's environment.
    public var environment: [String: String]
    /// Where contextualization leaves its env file; the first that exists is read.
    public var usualEnvFiles: [String]

    /// The paths that OpenNebula's contextualization uses.
    public static let usualEnvFiles = ["/run/one-context/one_env", "/var/run/one-context/one_env"]

    /// A source of settings; nothing is read before `resolve()`.
    public init(
        endpoint: String? = nil, vmID: String? = nil, tokenFile: String? = nil, envFile: String? = nil,
        environment: [String: String], usualEnvFiles: [String] = SettingsSource.usualEnvFiles
    ) {
        self.endpoint = endpoint
        self.vmID = vmID
        self.tokenFile = tokenFile
        self.envFile = envFile
        self.environment = environment
        self.usualEnvFiles = usualEnvFiles
    }

    /// Reads the files, again on each call, and puts the settings together.
    ///
    /// It blocks while files are read.
    ///
    /// - Throws: `SettingsError` when something is missing, unreadable or malformed.
    public func resolve() throws(SettingsError) -> Settings {
        let file = try envFileContent()
        func value(_ given: String?, _ name: String) -> String? {
            for candidate in [given, environment[name], file.variables[name]] {
                if let candidate, !candidate.utf8.allSatisfy(\.isBlank) { return candidate }
            }
            return nil
        }
        func missing(_ what: String, _ flag: String, _ name: String) -> SettingsError {
            SettingsError("no \(what): give \(flag), set \(name), or \(file.hint)")
        }

        guard let endpoint = value(endpoint, "ONEGATE_ENDPOINT") else {
            throw missing("OneGate endpoint", "--endpoint", "ONEGATE_ENDPOINT")
        }
        guard let digits = value(vmID, "VMID") else { throw missing("VM ID", "--vmid", "VMID") }
        let trimmed = digits.trimmingBlanks
        guard let vmID = Int(trimmed), vmID >= 0, trimmed.utf8.elementsEqual(String(vmID).utf8) else {
            throw SettingsError("the VM ID \"\(trimmed.prefix(40))\" is no number; see --vmid and VMID")
        }
        guard let token = try value(tokenFileContent(), "TOKENTXT") else {
            throw missing("token", "--token-file", "TOKENTXT")
        }
        return try Settings(endpoint: endpoint, vmID: vmID, token: Token(token.trimmingBlanks))
    }

    private func tokenFileContent() throws(SettingsError) -> String? {
        guard let tokenFile else { return nil }
        let content: String
        do { content = try FileContent.text(at: tokenFile, limit: 1 << 16) } catch {
            throw SettingsError("the token file \(tokenFile) cannot be read: \(error)")
        }
        guard !content.trimmingBlanks.isEmpty else {
            throw SettingsError("the token file \(tokenFile) is empty")
        }
        return content
    }

    /// The env file's variables, and what to say when one is missing.
    private func envFileContent() throws(SettingsError) -> (variables: [String: String], hint: String) {
        if let envFile {
            do {
                let text = try FileContent.text(at: envFile, limit: FileContent.envFileLimit)
                return (EnvFile.parse(text), "add it to the env file \(envFile)")
            } catch {
                throw SettingsError("the env file \(envFile) cannot be read: \(error)")
            }
        }
        for path in usualEnvFiles {
            do {
                let text = try FileContent.text(at: path, limit: FileContent.envFileLimit)
                return (
                    EnvFile.parse(text),
                    "add TOKEN=\"YES\" to CONTEXT in the VM's template (\(path) does not have it)"
                )
            } catch {
                // Only what is missing may be passed over in silence: a file that root alone may read is
                // the likeliest reason for missing settings.
                if !error.isMissing { return ([:], "make \(path) readable (\(error))") }
            }
        }
        let usual = usualEnvFiles.first ?? "an env file"
        return (
            [:],
            "add TOKEN=\"YES\" to CONTEXT in the VM's template, "
                + "so that contextualization (the package one-context) writes \(usual)"
        )
    }
}

extension String {
    /// Without spaces, tabs, newlines and carriage returns at either end.
    var trimmingBlanks: String {
        let bytes = utf8.drop(while: \.isBlank)
        let kept = bytes.count - bytes.reversed().prefix(while: \.isBlank).count
        return String(Substring(bytes.prefix(kept)))
    }
}
