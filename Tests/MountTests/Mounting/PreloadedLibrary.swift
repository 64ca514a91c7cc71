import Foundation

/// A library in C that a program loads before all others: its functions are called instead of theirs.
final class PreloadedLibrary: Sendable {
    static let compiler = "gcc"

    /// Where it is, for whatever else belongs to it.
    let folder: String
    /// What a program is started with.
    let environment: [String: String]

    init(_ source: String) throws {
        folder = try Executables.makeFolder()
        let library = folder + "/library.so"
        try source.write(toFile: folder + "/library.c", atomically: false, encoding: .utf8)
        let compiled = try Child.run(
            [Self.compiler, "-shared", "-fPIC", "-o", library, folder + "/library.c", "-ldl"])
        guard compiled.succeeded else { throw Child.StartError(description: "\(compiled)") }
        // Who runs the tests may have something to load, too.
        let others = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { [$0] } ?? []
        environment = ["LD_PRELOAD": (others + [library]).joined(separator: ":")]
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
}
