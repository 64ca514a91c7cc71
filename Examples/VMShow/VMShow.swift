import Foundation
import Logging
import OneGate

/// Shows this VM, and first tells its service that it is ready if asked to: `vm-show [--ready]`.
///
/// Where to ask is what contextualization wrote, or the variables ONEGATE_ENDPOINT, VMID and TOKENTXT.
@main
enum VMShow {
    static func main() async {
        do {
            try await show(isReady: CommandLine.arguments.contains("--ready"))
        } catch {
            // What was asked, the HTTP status, the server's own words.
            print("vm-show: \(error)")
            exit(1)
        }
    }

    static func show(isReady: Bool) async throws {
        let source = SettingsSource(environment: ProcessInfo.processInfo.environment)
        // Reads the settings again when the server says 401, because tokens change.
        let client = try Client(
            settings: source.resolve(), reload: { try source.resolve() }, logger: Logger(label: "vm-show"))
        if isReady {
            // nil: this VM. The value arrives byte for byte, or this throws.
            try await client.update(vm: nil, [(name: "READY", value: .text("YES"))])
        }
        let vm = try await client.vm()
        print("VM \(vm.id): \(vm.name), \(vm.stateName)")
        for (name, value) in vm.userTemplate {
            print("  \(name) = \(value.scalar ?? value.compact)")
        }
        await client.shutdown()
    }
}
