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

    static let isAvailable = Child.exists(PreloadedLibrary.compiler)

    /// What a program is started with.
    let environment: [String: String]
    private let library: PreloadedLibrary
    private let failing: String

    /// - Returns: nil where there is no C compiler.
    init?() throws {
        guard Self.isAvailable else { return nil }
        library = try PreloadedLibrary(Self.source)
        failing = library.folder + "/failing"
        environment = library.environment.merging(["NAMES_FAIL": failing]) { $1 }
    }

    /// From now on the name is not found.
    func fail() { close(creat(failing, 0o644)) }

    /// From now on it is.
    func recover() { unlink(failing) }
}
