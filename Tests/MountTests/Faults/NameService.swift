import Foundation
import Glibc

/// The host name of the server, in programs that are started with it; and what a name server that is down makes of it.
///
/// Names are looked up by the C library. A library that is loaded before it answers for one name, or fails while a file is
/// there.
final class NameService: Sendable {
    static let host = "onegate.example"

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <netdb.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>

        typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
            if (name != NULL && strcmp(name, "\(host)") == 0) {
                const char *failing = getenv("NAMES_FAIL");
                if (failing != NULL && access(failing, F_OK) == 0) return EAI_AGAIN;
                name = "127.0.0.1";
            }
            return ((lookup *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, result);
        }
        """

    private static let compiler = ["clang", "cc", "gcc"].first(where: Child.exists)
    static var isAvailable: Bool { compiler != nil }

    /// What a program is started with.
    let environment: [String: String]
    private let folder: String
    private let failing: String

    /// - Returns: nil where there is no C compiler.
    init?() throws {
        guard let compiler = Self.compiler else { return nil }
        folder = try Executables.makeFolder()
        failing = folder + "/failing"
        let library = folder + "/names.so"
        try Self.source.write(toFile: folder + "/names.c", atomically: false, encoding: .utf8)
        let outcome = try Child.run([
            compiler, "-shared", "-fPIC", "-o", library, folder + "/names.c", "-ldl",
        ])
        guard outcome.succeeded else { throw Child.StartError(description: "\(outcome)") }
        // Who runs the tests may have something to load, too.
        let others = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { [$0] } ?? []
        environment = ["LD_PRELOAD": (others + [library]).joined(separator: ":"), "NAMES_FAIL": failing]
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// From now on the name is not found.
    func fail() { close(creat(failing, 0o644)) }

    /// From now on it is.
    func recover() { unlink(failing) }
}
