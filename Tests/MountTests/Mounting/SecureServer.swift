import Foundation
import Glibc
import OneGateSimulator
import Testing

/// A TLS server in front of a simulator: Python's ssl module, with certificates that openssl(1) makes for the test.
final class SecureServer: Sendable {
    /// What is right or wrong with the server's certificate.
    enum Certificate: String, CaseIterable, Sendable {
        /// Signed by the CA of `caFile`, for localhost and 127.0.0.1, valid today.
        case good
        /// The same, valid until yesterday.
        case expired
        /// The same, for another name and address.
        case otherName
        /// For localhost and valid today, but signed by nobody.
        case selfSigned
    }

    /// Where it listens.
    let port: Int
    /// The CA that signed the certificates, in PEM format.
    let caFile: String
    private let server: Child

    /// By its name, which the good certificates are for.
    var endpoint: String { "https://localhost:\(port)" }

    /// Made in a folder of the test's.
    init(_ certificate: Certificate, before simulator: Simulator, in folder: String) throws {
        let script = """
            set -e
            new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@"; }
            mkdir -p tls && cd tls
            new -x509 -keyout ca.key -out ca.pem -subj '/CN=a CA of the tests' -days 2
            echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' > good; cp good expired
            echo 'subjectAltName=DNS:gate.example.org,IP:192.0.2.1' > otherName
            if [ \(certificate) = selfSigned ]; then
                new -x509 -keyout server.key -out server.pem -subj /CN=localhost -days 2 -addext "$(cat good)"
            else
                new -keyout server.key -out server.csr -subj /CN=localhost
                days=2; [ \(certificate) != expired ] || days=-1
                openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $days \\
                    -extfile \(certificate) -out server.pem
            fi
            """
        let made = try Child(script: script, in: folder).finish()
        guard made.succeeded else { throw Child.StartError(description: "no certificates: \(made)") }
        caFile = folder + "/tls/ca.pem"
        server = try Child(
            [
                "python3", "-u", "-c",
                """
                import socket, ssl, sys, threading
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain('server.pem', 'server.key')
                listener = socket.create_server(('127.0.0.1', 0))
                print(listener.getsockname()[1], flush=True)
                def pump(source, sink):
                    try:
                        while data := source.recv(65536): sink.sendall(data)
                    except OSError: pass
                    for end in (source, sink):
                        try: end.shutdown(socket.SHUT_RDWR)
                        except OSError: pass
                def serve(client):
                    try: client = context.wrap_socket(client, server_side=True)
                    except OSError as error: return print('refused', error, flush=True)
                    print('accepted', flush=True)
                    server = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
                    threading.Thread(target=pump, args=(server, client), daemon=True).start()
                    pump(client, server)
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
                """, "\(simulator.port)",
            ], in: folder + "/tls")
        let server = server
        eventually("the TLS server listens") { server.outputSoFar.contains("\n") || !server.isRunning }
        guard let port = server.outputSoFar.split(separator: "\n").first.flatMap({ Int($0) }) else {
            throw Child.StartError(description: "no TLS server: \(server.finish())")
        }
        self.port = port
    }

    /// Whether a client has taken its certificate.
    var wasTrusted: Bool { server.outputSoFar.contains("accepted") }

    /// Ends it.
    func end() {
        server.kill(SIGKILL)
        _ = server.wait()
    }
}
