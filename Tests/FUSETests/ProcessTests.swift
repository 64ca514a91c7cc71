import Foundation
import Testing

@testable import FUSE

@Suite("A process", .timeLimit(.minutes(2)))
struct ProcessTests {
    @Test("in the background, the command ends with 0 once it is ready")
    func ready() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let report = try Daemon.start(foreground: false, checkingThreads: false)
            // Until then it is in the process group that autofs lets through.
            guard getsid(0) != getpid() else {
                report.fail("it left its process group too early")
                _exit(0)
            }
            report.ready()
            _exit(getsid(0) == getpid() ? 0 : 1)
        }
    }

    @Test("a failure in the background is one line on stderr and an exit status")
    func failure() async throws {
        let result = await #expect(processExitsWith: .exitCode(32), observing: [\.standardErrorContent]) {
            let report = try Daemon.start(foreground: false, checkingThreads: false)
            report.fail("cannot mount: no luck", status: 32)
            report.ready()
            _exit(0)
        }
        let errors = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(errors.hasSuffix("cannot mount: no luck\n"))
    }

    @Test("a background process that dies unready is reported")
    func death() async throws {
        let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            let report = try Daemon.start(foreground: false, checkingThreads: false)
            try withExtendedLifetime(report) {
                _ = kill(getpid(), SIGKILL)
                throw Errno.io
            }
        }
        let errors = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(errors.contains("ended before it was ready (signal 9)"))
    }

    @Test("signals arrive on their thread, after the fork too")
    func signals() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let report = try Daemon.start(foreground: false, checkingThreads: false)
            Signals.block([.terminate, .hangUp])
            try Signals.listen(to: [.terminate, .hangUp]) { signal in
                if signal == .hangUp { return true }
                report.ready()
                _exit(0)
            }
            kill(getpid(), SIGHUP)
            kill(getpid(), SIGTERM)
            while true { pause() }
        }
    }

    @Test("going to the background is refused once there are threads")
    func threads() {
        #expect(throws: DaemonError.self) { _ = try Daemon.start(foreground: false) }
    }

    @Test("systemd is told, through a path or an abstract socket", arguments: [false, true])
    func notification(isAbstract: Bool) throws {
        let name = "\(isAbstract ? "@" : NSTemporaryDirectory())fuse-\(UUID().uuidString)"
        let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer {
            close(receiver)
            if !isAbstract { unlink(name) }
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver, $0, socklen_t(2 + bytes.count))
            }
        }
        try #require(bound == 0)

        for (notification, text) in [
            (ServiceNotification.ready, "READY=1"), (.stopping, "STOPPING=1"),
            (.status("one\ntwo"), "STATUS=one two"),
        ] {
            try notification.send(to: name).get()
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = recv(receiver, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            #expect(String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self) == text)
        }
        #expect(throws: Errno.self) { try ServiceNotification.ready.send(to: "relative").get() }
    }
}
