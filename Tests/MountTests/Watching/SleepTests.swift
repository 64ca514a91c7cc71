import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

/// A machine cannot be put to sleep for a test, and a time namespace's clocks cannot be changed while a process is in it
/// (time_namespaces(7)). So the command is told by a library of the test's own what `CLOCK_BOOTTIME` and
/// `CLOCK_REALTIME` say.
@Suite(
    "A machine that slept", .needsFUSE, .onOwnThread, .needs(PreloadedLibrary.compiler),
    .timeLimit(.minutes(5)))
struct SleepTests {
    private static let library = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static void add(clockid_t clock, const char *name, struct timespec *time) {
            char text[32] = "";
            int file = open(getenv(name), O_RDONLY | O_CLOEXEC);
            if (file < 0) return;
            if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atoll(text);
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int status = (int)syscall(SYS_clock_gettime, clock, time);
            if (clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME) add(clock, "SLEPT", time);
            if (clock == CLOCK_REALTIME) add(clock, "SET_FORWARD", time);
            return status;
        }
        """

    /// A mount whose clocks go forward when a file is written.
    private func mount(_ options: [String]) throws -> (gate: MountedGate, library: PreloadedLibrary) {
        let library = try PreloadedLibrary(Self.library)
        let files = ["SLEPT": library.folder + "/slept", "SET_FORWARD": library.folder + "/forward"]
        return (
            try MountedGate(options: options, environment: library.environment.merging(files) { $1 }), library
        )
    }

    @Test(
        "what was known before is asked anew, by whom the time went on and by whom it stood still",
        arguments: ["slept", "forward"])
    func anew(file: String) throws {
        // What was read may be used for an hour, and the machine sleeps for half of one.
        let (gate, library) = try mount(["ttl=3600", "watch=0.3"])
        defer { gate.end() }
        let path = "vm/8/USER_TEMPLATE/HYPERVISOR"
        let other = try Inotify(gate, "service/STATE")
        #expect(try gate.text(path) == "kvm\n")
        _ = try gate.text("vm/8/ID")
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "another")
        let size = { try FileManager.default.attributesOfItem(atPath: gate.path + "/" + path)[.size] as? Int }
        #expect(try size() == 4)
        #expect(try gate.text(path) == "kvm\n")
        try "1800".write(toFile: "\(library.folder)/\(file)", atomically: true, encoding: .utf8)
        try eventually("it is asked anew") { try size() == 8 }
        #expect(try gate.text(path) == "another\n")
        #expect(other.all == [])
    }

    @Test("a change that was made meanwhile is seen after the sleep")
    func soon() throws {
        let (gate, library) = try mount(["ttl=3600", "watch=0.3"])
        defer { gate.end() }
        let inotify = try Inotify(gate, "vm/8/USER_TEMPLATE")
        gate.simulator.afterRequests(2, of: 8)
        try "86400".write(toFile: library.folder + "/slept", atomically: true, encoding: .utf8)
        gate.cloud.setAttribute(vm: 8, name: "HYPERVISOR", value: "another")
        inotify.wait(for: "vm/8/USER_TEMPLATE/HYPERVISOR CLOSE_WRITE")
        eventually("it is logged") { gate.daemon.errorsSoFar.contains("the machine slept") }
    }
}
