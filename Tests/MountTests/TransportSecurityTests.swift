import Foundation
import Glibc
import OneGate
import OneGateSimulator
import Testing

/// Who gets to see what is said to the server, the token above all.
@Suite(
    "TLS, proxies and redirects", .needsFUSE, .needs("openssl", "python3"), .onOwnThread,
    .timeLimit(.minutes(5)))
struct TransportSecurityTests {
    private final class Bench: Sendable {
        let gate: MountedGate
        let server: SecureServer
        private let folder: String

        init(
            _ certificate: SecureServer.Certificate, endpoint: ((SecureServer) -> String)? = nil,
            options: (SecureServer) -> [String]
        ) throws {
            folder = try Executables.makeFolder()
            let simulator = try Simulator(cloud: .panacea())
            server = try SecureServer(certificate, before: simulator, in: folder)
            gate = try MountedGate(
                simulator,
                options: ["ttl=0", "watch=0", "endpoint=\(endpoint?(server) ?? server.endpoint)"]
                    + options(server))
        }

        func end() {
            gate.end()
            server.end()
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    @Test("a server whose CA is that of ca_file is trusted, by its name and by its address")
    func good() throws {
        for host in ["localhost", "127.0.0.1"] {
            let bench = try Bench(.good, endpoint: { "https://\(host):\($0.port)" }) {
                ["ca_file=\($0.caFile)"]
            }
            defer { bench.end() }
            #expect(try bench.gate.text("vm/8/STATE") == "RUNNING\n")
            try bench.gate.write("a=\"b\", [c]", to: "vm/8/USER_TEMPLATE/SAFE")
            #expect(bench.gate.cloud.attribute(vm: 8, name: "SAFE") == "a=\"b\", [c]")
            #expect(try bench.gate.errors() == "")
            #expect(!bench.gate.daemon.errorsSoFar.contains("INSECURE"))
        }
    }

    @Test(
        "an expired, a self-signed, an unknown CA's and another name's certificate are EIO, in the errors and in the log",
        arguments: SecureServer.Certificate.allCases)
    func bad(certificate: SecureServer.Certificate) throws {
        // The good one's CA is none of the system's.
        let isKnown = certificate != .good
        let bench = try Bench(certificate) { isKnown ? ["ca_file=\($0.caFile)"] : [] }
        defer { bench.end() }
        #expect(throws: SystemError(what: "", number: EIO)) { try bench.gate.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: EIO)) {
            try bench.gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
        }
        let words =
            "the server's certificate is " + (certificate == .otherName ? "for another name" : "not trusted")
        let errors = try bench.gate.errors()
        #expect(errors.contains(words), "\(errors)")
        #expect(bench.gate.daemon.errorsSoFar.contains(words))
        // It has not been told anything, not even through a connection that was given up later.
        #expect(bench.gate.simulator.requestCount == 0)
    }

    @Test(
        "insecure takes any certificate, and the log says so loudly, once",
        arguments: SecureServer.Certificate.allCases)
    func insecure(certificate: SecureServer.Certificate) throws {
        let bench = try Bench(certificate) { _ in ["insecure"] }
        defer { bench.end() }
        #expect(try bench.gate.text("vm/8/STATE") == "RUNNING\n")
        try bench.gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
        #expect(try bench.gate.text("vm/9/STATE") == "RUNNING\n")
        let log = bench.gate.daemon.errorsSoFar
        #expect(
            log.contains("warning")
                && log.split(separator: "INSECURE", omittingEmptySubsequences: false).count == 2)
    }

    @Test("a server that speaks no TLS is EIO, and is told nothing")
    func plain() throws {
        let simulator = try Simulator(cloud: .panacea())
        let gate = try MountedGate(
            simulator, options: ["ttl=0", "watch=0", "endpoint=https://127.0.0.1:\(simulator.port)"])
        defer { gate.end() }
        #expect(throws: SystemError(what: "", number: EIO)) { try gate.text("vm/8/STATE") }
        let errors = try gate.errors()
        #expect(errors.contains("there is no TLS with the server"), "\(errors)")
        #expect(!simulator.requests.contains { $0.vm != nil })
    }

    @Test(
        "a redirect is not followed: the token goes to no other host", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) throws {
        let other = try Simulator(cloud: .panacea())
        let gate = try MountedGate(options: ["ttl=0", "watch=0"])
        defer { gate.end() }
        let answer = "HTTP/1.1 \(status) Moved\r\nLocation: \(other.endpoint)/vm\r\nContent-Length: 0\r\n\r\n"
        let redirecting = try Listener(answering: answer)
        defer { redirecting.end() }
        let second = try MountedGate(
            gate.simulator, options: ["ttl=0", "watch=0", "endpoint=http://127.0.0.1:\(redirecting.port)"])
        defer { second.end() }
        #expect(throws: SystemError(what: "", number: EIO)) { try second.text("vm/8/STATE") }
        #expect(throws: SystemError(what: "", number: EIO)) {
            try second.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR")
        }
        #expect(try second.errors().contains("\(status) \"a redirect, which is not followed\""))
        #expect(redirecting.received.contains("X-ONEGATE-TOKEN"))
        #expect(other.requestCount == 0)
    }

    @Test("a proxy is used as the environment says; through one for https it sees no token")
    func proxies() throws {
        let folder = try Executables.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let simulator = try Simulator(cloud: .panacea())
        let token = try #require(simulator.cloud.token(vm: 8))
        let secure = try SecureServer(.good, before: simulator, in: folder)
        defer { secure.end() }
        let proxy = try Listener(tunnelling: true)
        defer { proxy.end() }
        let address = "http://127.0.0.1:\(proxy.port)"
        func read(_ endpoint: String, _ environment: [String: String]) throws -> Child.Outcome {
            try simulator.environmentFile(vm: 8).write(
                toFile: folder + "/env", atomically: true, encoding: .utf8)
            return try Child(
                script: """
                    mkdir -p m && "$ONEGATEFS" -o env_file=env,ca_file=tls/ca.pem,endpoint=\(endpoint),watch=0 m &&
                    { cat m/vm/8/STATE; cat m/.onegatefs/errors >&2; umount m; }
                    """, in: folder,
                environment: environment.merging(["ONEGATEFS": Executables.onegatefs]) { $1 }
            ).finish()
        }
        // The tests' own environment may say that nothing goes through a proxy.
        let all = ["no_proxy": "", "NO_PROXY": ""]
        var outcome = try read(secure.endpoint, all.merging(["https_proxy": address]) { $1 })
        #expect(outcome.output == "RUNNING\n", "\(outcome)")
        #expect(proxy.received.contains("CONNECT localhost:\(secure.port) HTTP/1.1"))
        #expect(!proxy.received.contains(token) && !proxy.received.contains("X-ONEGATE"))

        // What is not encrypted is asked for with its whole URL.
        let before = proxy.received.count
        outcome = try read(simulator.endpoint, all.merging(["http_proxy": address]) { $1 })
        #expect(outcome.output == "RUNNING\n", "\(outcome)")
        #expect(proxy.received.dropFirst(before).contains("GET \(simulator.endpoint)/vm HTTP/1.1"))

        let count = proxy.received.count
        for exception in ["127.0.0.1", "*", "localhost,127.0.0.0/8", "127.0.0.1:\(simulator.port)"] {
            outcome = try read(simulator.endpoint, ["http_proxy": address, "no_proxy": exception])
            #expect(outcome.output == "RUNNING\n", "\(exception): \(outcome)")
        }
        #expect(proxy.received.count == count)
        outcome = try read("http://gate.invalid", all.merging(["http_proxy": "http://127.0.0.1:1"]) { $1 })
        #expect(outcome.errors.contains("No route to host"), "\(outcome)")

        // What cannot be used is refused: a direct connection is not what was meant.
        outcome = try read(
            simulator.endpoint, all.merging(["http_proxy": "socks5://u:secret@127.0.0.1:1"]) { $1 })
        #expect(
            !outcome.succeeded && outcome.errors.contains("http_proxy") && !outcome.errors.contains("secret"))

        // A certificate is compared with the address at the other end, and there is the proxy.
        let asked = proxy.received
        outcome = try read("https://127.0.0.1:\(secure.port)", all.merging(["https_proxy": address]) { $1 })
        #expect(outcome.output == "" && outcome.errors.contains("needs a name"), "\(outcome)")
        #expect(proxy.received == asked)
    }

    @Test(
        "of a name's addresses one that answers is used, though others refuse or say nothing, and none is left open",
        .enabled(if: geteuid() == 0, "needs root"), arguments: [false, true])
    func addresses(isSilent: Bool) throws {
        let folder = try Executables.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let simulator = try Simulator(cloud: .panacea())
        let secure = try SecureServer(.good, before: simulator, in: folder)
        defer { secure.end() }
        let proxy = try Listener(tunnelling: true)
        defer { proxy.end() }
        let ports = [simulator.port, secure.port, proxy.port]
        let silence = isSilent ? try Silence(ports) : nil
        defer { silence?.end() }
        try simulator.environmentFile(vm: 8).write(toFile: folder + "/env", atomically: true, encoding: .utf8)
        func read(_ endpoint: String, _ environment: [String: String] = [:]) throws -> Child.Outcome {
            let script = """
                mount --make-rprivate / && printf '::1 %s\n127.0.0.1 %s\n' gate gate localhost localhost > hosts &&
                mount --bind hosts /etc/hosts && mkdir -p m &&
                { "$ONEGATEFS" -f -o env_file=env,ca_file=tls/ca.pem,endpoint=\(endpoint),ttl=0,watch=0,timeout=20 m & } &&
                until mountpoint -q m; do sleep 0.05; done
                for i in 1 2 3; do cat m/vm/8/STATE; done
                cat m/.onegatefs/errors >&2
                ls -l /proc/$!/fd | grep -c socket:
                umount m; wait
                """
            return try Child(
                ["unshare", "-m", "sh", "-c", script], in: folder,
                environment: [
                    "ONEGATEFS": Executables.onegatefs, "no_proxy": "", "NO_PROXY": "",
                ].merging(environment) { $1 }
            ).finish()
        }
        for (endpoint, environment) in [
            ("http://gate:\(simulator.port)", [:]),
            ("https://localhost:\(secure.port)", [:]),
            ("https://localhost:\(secure.port)", ["https_proxy": "http://gate:\(proxy.port)"]),
        ] {
            let outcome = try read(endpoint, environment)
            #expect(
                outcome.output == "RUNNING\nRUNNING\nRUNNING\n1\n", "\(endpoint) \(environment): \(outcome)")
        }
        // One that is down is an error like any other.
        let down = try read("https://localhost:\(secure.port)", ["https_proxy": "http://gate:1"])
        #expect(down.errors.contains("EHOSTUNREACH"), "\(down)")
    }
}

/// Listens on ::1 and answers nobody: not even to connect.
private final class Silence: Sendable {
    private let child: Child

    init(_ ports: [Int]) throws {
        let child = try Child(
            [
                "python3", "-u", "-c",
                """
                import socket, sys, time
                kept = []
                for port in sys.argv[1:]:
                    listener = socket.socket(socket.AF_INET6)
                    listener.bind(('::1', int(port)))
                    listener.listen(0)
                    kept.append(listener)
                    # Nobody takes them, and there is no room for more.
                    for _ in range(4):
                        client = socket.socket(socket.AF_INET6)
                        client.setblocking(False)
                        client.connect_ex(('::1', int(port)))
                        kept.append(client)
                time.sleep(0.5)
                print('ready')
                time.sleep(600)
                """,
            ] + ports.map(String.init))
        self.child = child
        eventually("it listens") { child.outputSoFar.contains("ready") || !child.isRunning }
        guard child.isRunning else { throw Child.StartError(description: "no listener: \(child.finish())") }
    }

    func end() {
        child.kill(SIGKILL)
        _ = child.wait()
    }
}

/// A listener in a process of its own that writes down what it gets.
private final class Listener: Sendable {
    let port: Int
    private let child: Child

    /// Gives everybody the same answer; or as a proxy does, connects to what is asked for.
    init(answering answer: String = "", tunnelling: Bool = false) throws {
        let child = try Child([
            "python3", "-u", "-c",
            """
            import socket, sys, threading, urllib.parse
            answer = sys.argv[1].encode()
            listener = socket.create_server(('127.0.0.1', 0))
            print(listener.getsockname()[1], flush=True)
            def pump(source, sink, shown):
                try:
                    while data := source.recv(65536):
                        if shown: print(data.decode('latin-1'), flush=True)
                        sink.sendall(data)
                except OSError: pass
                for end in (source, sink):
                    try: end.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def serve(client):
                head = b''
                while b'\\r\\n\\r\\n' not in head:
                    data = client.recv(65536)
                    if not data: return
                    head += data
                print(head.decode('latin-1'), flush=True)
                if answer: return client.sendall(answer)
                method, target = head.split(b' ')[:2]
                if method == b'CONNECT':
                    host, port = target.decode().rsplit(':', 1)
                else:
                    host, port = urllib.parse.urlsplit(target.decode()).netloc.rsplit(':', 1)
                server = socket.create_connection((host, int(port)))
                if method == b'CONNECT': client.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
                else: server.sendall(head.replace(b'http://' + host.encode() + b':' + port.encode(), b'', 1))
                threading.Thread(target=pump, args=(server, client, False), daemon=True).start()
                pump(client, server, True)
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            """, answer,
        ])
        eventually("it listens") { child.outputSoFar.contains("\n") || !child.isRunning }
        guard let port = child.outputSoFar.split(separator: "\n").first.flatMap({ Int($0) }) else {
            throw Child.StartError(description: "no listener: \(child.finish())")
        }
        self.port = port
        self.child = child
    }

    var received: String { child.outputSoFar }

    func end() {
        child.kill(SIGKILL)
        _ = child.wait()
    }
}
