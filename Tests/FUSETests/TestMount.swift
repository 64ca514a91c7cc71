import Foundation
import Synchronization
import Testing

@testable import FUSE

/// A file system mounted for one test.
final class TestMount: Sendable {
    let path: String
    let session: Session
    private let result: Mutex<Errno??> = Mutex(nil)

    /// Tried once for the whole run: a container may have the device and not the right to mount.
    static let isPossible: Bool = {
        guard let mount = try? TestMount(TestFileSystem()) else { return false }
        mount.session.exit()
        mount.waitUntilEnded()
        mount.remove()
        return true
    }()

    static func makeFolder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "fuse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        return try SystemCalls.resolve(folder.path).get()
    }

    init(
        _ fileSystem: some FileSystem, options: MountOptions = MountOptions(source: "test"),
        at path: String? = nil
    )
        throws
    {
        self.path = try path ?? Self.makeFolder()
        session = try Session(fileSystem: fileSystem, options: options)
        try session.mount(at: self.path)
        let thread = Thread { [self] in
            let error = session.run(threads: 3)
            result.withLock { $0 = .some(error) }
        }
        thread.start()
    }

    var hasEnded: Bool { result.withLock { $0 != nil } }
    var error: Errno? { result.withLock { $0 ?? nil } }

    private func waitUntilEnded() {
        let deadline = Date(timeIntervalSinceNow: 30)
        while !hasEnded, Date() < deadline { usleep(5000) }
    }

    private func remove() {
        _ = SystemCalls.detach(path)
        rmdir(path)
    }

    /// Mounts, uses, and unmounts whatever happens.
    static func with(
        _ fileSystem: TestFileSystem = TestFileSystem(), options: MountOptions = MountOptions(source: "test"),
        _ body: (TestMount, TestFileSystem) async throws -> Void
    ) async throws {
        let mount = try TestMount(fileSystem, options: options)
        do {
            try await body(mount, fileSystem)
        } catch {
            mount.session.exit()
            mount.remove()
            throw error
        }
        mount.session.exit()
        await eventually("run() returns") { mount.hasEnded }
        #expect(!MountPoint.isMounted(mount.path))
        mount.remove()
    }
}

/// Waits for a condition, for as long as a busy machine may need.
func eventually(
    _ what: Comment, _ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async {
    for _ in 0..<3000 {
        if condition() { return }
        try? await Task.sleep(nanoseconds: 10_000_000)
    }
    Issue.record("did not happen: \(what)", sourceLocation: sourceLocation)
}

/// A shell in a child process. If a bug in the file system makes it hang, only the child hangs, until it is killed.
final class Shell: Sendable {
    struct Outcome: Equatable {
        let status: Int32
        let output: String
        let errors: String
    }

    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()

    init(_ script: String, in folder: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "timeout", "-s", "KILL", "60", "sh", "-c", "cd \"$0\" || exit 99; \(script)", folder,
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        // The threads of Swift's pool block all signals, and a child inherits that.
        var all = sigset_t()
        var previous = sigset_t()
        sigemptyset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func finish() -> Outcome {
        let output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errors = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: output, errors: errors)
    }

    static func run(_ script: String, in folder: String) throws -> Outcome {
        try Shell(script, in: folder).finish()
    }
}
