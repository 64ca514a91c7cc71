#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The shell file with a VM's context variables that OpenNebula's contextualization writes in the
/// guest, `/run/one-context/one_env`.
enum EnvironmentFile {
    /// Why files were not written.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func text(vm: Int, cloud: Cloud, endpoint: String) -> String {
        let facts = cloud.withState { state -> (token: String?, ip: String?, mac: String?) in
            let nic = state.machines[vm]?.nics.first
            return (state.machines[vm]?.token, nic?["IP"]?.scalar, nic?["MAC"]?.scalar)
        }
        var lines: [(String, String)] = [("DISK_ID", "0")]
        if let ip = facts.ip { lines.append(("ETH0_IP", ip)) }
        if let mac = facts.mac { lines.append(("ETH0_MAC", mac)) }
        lines += [("NETWORK", "YES"), ("ONEGATE_ENDPOINT", endpoint), ("TARGET", "hda"), ("TOKEN", "YES")]
        if let token = facts.token { lines.append(("TOKENTXT", token)) }
        lines.append(("VMID", "\(vm)"))
        return lines.map { "export \($0.0)=\"\($0.1)\"\n" }.joined()
    }

    /// Writes a text to `directory/VM/one_env`, readable for its owner only.
    static func write(_ text: String, vm: Int, to directory: String) throws(Failure) {
        let folder = "\(directory)/\(vm)"
        for path in [directory, folder] where mkdir(path, 0o755) != 0 && errno != EEXIST {
            throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        let path = "\(folder)/one_env"
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
        guard descriptor >= 0 else {
            throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { writeBytes(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }
}

private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
