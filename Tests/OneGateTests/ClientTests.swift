import Dispatch
import Logging
import Synchronization
import Testing

@testable import OneGate

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    private static let secret = "s3cret-t0ken"
    private static let vmBody =
        #"{"VM":{"NAME":"a","ID":"1","STATE":"3","LCM_STATE":"3","USER_TEMPLATE":{},"TEMPLATE":{"NIC":[]}}}"#

    private static func settings(_ endpoint: String, token: String = secret, vmID: Int = 1) throws -> Settings
    {
        try Settings(endpoint: endpoint, vmID: vmID, token: Token(token))
    }

    private static var logger: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }

    /// A client with short timeouts and no proxy, shut down after use.
    private func withClient<Result>(
        _ endpoint: String, timeout: Duration = .seconds(20), maximumBody: Int = 1 << 20,
        proxies: Proxies = .none,
        reload: (@Sendable () throws -> Settings)? = nil, logger: Logger = ClientTests.logger,
        observer: (@Sendable (RequestReport) -> Void)? = nil, _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let client = try Client(
            settings: ClientTests.settings(endpoint),
            configuration: .init(timeout: timeout, maximumBody: maximumBody, proxies: proxies),
            reload: reload,
            logger: logger, observer: observer)
        do {
            let result = try await body(client)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private func failure(_ body: () async throws -> Void) async throws -> OneGateError {
        let error = try await #require(throws: OneGateError.self) { try await body() }
        #expect(!"\(error)".contains(ClientTests.secret))
        #expect(!error.words.contains(ClientTests.secret))
        #expect(!"\(error)".contains("\n"))
        #expect(error.words.count <= 500)
        return error
    }

    // MARK: What is sent

    @Test("a read has the token, the VM and nothing of a body")
    func reading() async throws {
        let server = try await ScriptedServer { _ in .answer(200, ClientTests.vmBody) }
        try await withClient(server.endpoint + "/prefix/") { client in
            #expect(try await client.vm().name == "a")
            #expect(try await client.get(.vms(1)) == Array(ClientTests.vmBody.utf8))
            #expect(try await client.json(.vnet(3, extended: true))["VM"]?["ID"] == "1")
            _ = try await client.get(.service(extended: true))
        }
        #expect(
            server.requests.map(\.line) == [
                "GET /prefix/vm HTTP/1.1", "GET /prefix/vms/1 HTTP/1.1",
                "GET /prefix/vnet/3?extended=true HTTP/1.1",
                "GET /prefix/service?extended=true HTTP/1.1",
            ])
        let request = try #require(server.requests.first)
        #expect(request.header("X-ONEGATE-TOKEN") == ClientTests.secret)
        #expect(request.header("X-ONEGATE-VMID") == "1")
        for absent in ["Accept-Encoding", "Expect", "Transfer-Encoding", "Content-Length"] {
            #expect(request.header(absent) == nil)
        }
        // One after the other, they share a connection.
        #expect(Set(server.requests.map(\.connection)) == [1])
    }

    @Test("updates and erasing are forms with a length, to /vm or /vms/ID")
    func changing() async throws {
        let server = try await ScriptedServer { _ in .answer(200, "") }
        try await withClient(server.endpoint) { client in
            try await client.update(vm: nil, [("A", .text("x,y"))])
            try await client.update(vm: 9, [("A", .text("1"))])
            try await client.erase(vm: 9, name: "VEC/KEY")
        }
        #expect(
            server.requests.map(\.line) == [
                "PUT /vm HTTP/1.1", "PUT /vms/9 HTTP/1.1", "PUT /vms/9 HTTP/1.1",
            ])
        #expect(
            server.requests.first?.body
                == "data=%3CTEMPLATE%3E%3C%21--%0AA%3D%0A--%3E%3CA%3Ex%26%2344%3By%3C%2FA%3E%3C%2FTEMPLATE%3E&type=1"
        )
        #expect(server.requests.last?.body == "data=VEC%2FKEY&type=2")
        for request in server.requests {
            #expect(request.header("Content-Type") == "application/x-www-form-urlencoded")
            #expect(request.header("Content-Length") == String(request.body.utf8.count))
            #expect(request.header("Expect") == nil)
            #expect(request.header("Transfer-Encoding") == nil)
        }
    }

    @Test("actions and scaling are JSON")
    func acting() async throws {
        let server = try await ScriptedServer {
            $0.line.hasPrefix("POST") ? .answer(204, "") : .answer(200, "")
        }
        try await withClient(server.endpoint) { client in
            try await client.perform(Action(parsing: "poweroff --hard"), vm: 9)
            try await client.scale(role: "ro le/é", to: 3)
            try await client.scale(role: "..", to: 0)
        }
        let requests = server.requests
        #expect(
            requests.map(\.line) == [
                "POST /vms/9/action HTTP/1.1", "PUT /service/role/ro%20le%2F%C3%A9 HTTP/1.1",
                "PUT /service/role/%2E%2E HTTP/1.1",
            ])
        #expect(
            requests.map(\.body) == [
                #"{"action":{"perform":"poweroff","params":true}}"#, #"{"cardinality":3}"#,
                #"{"cardinality":0}"#,
            ])
        for request in requests { #expect(request.header("Content-Type") == "application/json") }
    }

    @Test("what must not be sent is not sent")
    func nothingSent() async throws {
        let server = try await ScriptedServer { _ in .answer(200, "") }
        try await withClient(server.endpoint) { client in
            await #expect(throws: ValueError.self) { try await client.update(vm: nil, [("A", .text("🚀"))]) }
            await #expect(throws: ValueError.self) { try await client.update(vm: nil, [("a", .text("1"))]) }
            await #expect(throws: ValueError.self) { try await client.erase(vm: nil, name: "*") }
        }
        #expect(server.requests.isEmpty)
    }

    // MARK: What goes wrong

    @Test("the server's errors have their status, kind and words")
    func statuses() async throws {
        let kinds: [Int: OneGateError.Kind] = [
            400: .badRequest, 401: .unauthorized, 403: .forbidden, 404: .notFound, 500: .server, 503: .server,
            302: .unexpected, 304: .unexpected, 418: .unexpected, 429: .unexpected,
        ]
        for (status, kind) in kinds {
            let server = try await ScriptedServer { _ in
                .answer(
                    status, status == 304 ? "" : "Service 3\n not found \(ClientTests.secret)",
                    headers: ["Location: /x"])
            }
            let error = try await withClient(server.endpoint) { client in
                try await failure { _ = try await client.vm(9) }
            }
            #expect(error.kind == kind)
            #expect(error.status == status)
            #expect(error.request == "GET /vms/9")
            if status != 304 { #expect(error.words == "Service 3 not found <token>") }
            // Redirects are not followed, and no answer is asked for twice.
            #expect(server.requests.count == 1)
        }
    }

    @Test("recorded errors of both servers become one line, HTML pages too")
    func recordedErrors() async throws {
        for recording in try Recording.all("errors.jsonl") {
            let server = try await ScriptedServer { _ in .answer(recording.status, recording.body) }
            let error = try await withClient(server.endpoint) { client in
                try await failure { try await client.perform(Action(parsing: "hold"), vm: 1) }
            }
            #expect(error.kind == OneGateError.kind(ofStatus: recording.status))
            #expect(!error.words.lowercased().contains("html"), "\(error)")
            if recording.body.hasPrefix("<!DOCTYPE") {
                #expect(error.words == "NoMethodError at /vms/61/action")
            }
            #expect(!error.words.isEmpty)
        }
    }

    @Test("a success that is no JSON, of the wrong shape, another VM, or a page is unexpected")
    func wrongAnswers() async throws {
        for body in [
            "", "junk", "[1,2", "{}", #"{"VM":{"ID":"2","NAME":"b"}}"#, "<html><title>Log in</title></html>",
        ] {
            let server = try await ScriptedServer { _ in .answer(200, body) }
            let error = try await withClient(server.endpoint) { client in
                try await failure { _ = try await client.vm(1) }
            }
            #expect(error.kind == .unexpected)
            #expect(error.status == 200)
        }
        let portal = try await ScriptedServer { _ in
            .answer(200, "<!DOCTYPE html><html><body>Pay <b>he&amp;re</b> &x; &</body></html>")
        }
        let error = try await withClient(portal.endpoint) { client in
            try await failure { try await client.update(vm: nil, [("A", .text("1"))]) }
        }
        #expect(error.words == "Pay he&re &x; &")
    }

    @Test(
        "an answer that is cut, or no HTTP, is unexpected",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"VM\":{", "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"VM\"",
            "HTTP/1.0 200 OK\r\n\r\n{\"VM\":{",
            "hello\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        ])
    func cut(bytes: String) async throws {
        let server = try await ScriptedServer { _ in .bytesAndClose(bytes) }
        let error = try await withClient(server.endpoint) { client in
            try await failure { _ = try await client.vm() }
        }
        #expect(error.kind == .unexpected)
    }

    @Test("an answer larger than the maximum is unexpected")
    func large() async throws {
        let body = "\"" + String(repeating: "x", count: 5000) + "\""
        let server = try await ScriptedServer { _ in .answer(200, body) }
        let error = try await withClient(server.endpoint, maximumBody: 4096) { client in
            try await failure { _ = try await client.json(.vm) }
        }
        #expect(error.kind == .unexpected)
        #expect(error.words.contains("4096"))
    }

    @Test("nobody there, and no such name, is unreachable")
    func unreachable() async throws {
        for endpoint in [
            try await ScriptedServer.deadEndpoint(), "http://onegate.invalid:5030", "http://[fe80::1]:5030",
        ] {
            let error = try await withClient(endpoint) { client in
                try await failure { _ = try await client.vm() }
            }
            #expect(error.kind == .unreachable)
            #expect(error.status == nil)
        }
    }

    @Test("no answer in time is a timeout, whether nothing or half of it came")
    func timeouts() async throws {
        let silent = try await ScriptedServer { _ in .nothing }
        let slow = try await ScriptedServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{") }
        for server in [silent, slow] {
            let error = try await withClient(server.endpoint, timeout: .milliseconds(200)) { client in
                try await failure { _ = try await client.vm() }
            }
            #expect(error.kind == .timedOut)
        }
    }

    @Test("a cancelled task gets its error while the server hangs")
    func cancelled() async throws {
        let server = try await ScriptedServer { _ in .nothing }
        try await withClient(server.endpoint, timeout: .seconds(50)) { client in
            let task = Task { try await client.vm() }
            try await eventually { server.requests.count == 1 }
            task.cancel()
            let error = try await failure { _ = try await task.value }
            #expect(error.kind == .cancelled)
        }
    }

    // MARK: Connections

    @Test("a read or update over a connection that the server has closed is sent again, an action is not")
    func closedConnections() async throws {
        let server = try await ScriptedServer { request in
            // The second request over a connection finds it closed, as after the server's idle timeout.
            request.earlier > 0
                ? .close : .answer(request.line.hasPrefix("POST") ? 204 : 200, ClientTests.vmBody)
        }
        try await withClient(server.endpoint) { client in
            _ = try await client.vm()
            _ = try await client.vm()
            _ = try await client.vm()
        }
        #expect(server.requests.filter { $0.earlier > 0 }.count >= 1)
        let always = try await ScriptedServer { _ in .close }
        try await withClient(always.endpoint) { client in
            let error = try await failure { _ = try await client.vm() }
            #expect(error.kind == .unexpected)
            #expect(always.requests.count == 2)
            _ = try await failure { try await client.update(vm: nil, [("A", .text("1"))]) }
            #expect(always.requests.count == 4)
            _ = try await failure { try await client.perform(Action(parsing: "hold"), vm: 1) }
            #expect(always.requests.count == 5)
            _ = try await failure { try await client.scale(role: "slave", to: 1) }
            #expect(always.requests.count == 6)
            _ = try await failure { try await client.erase(vm: nil, name: "A") }
            #expect(always.requests.count == 7)
        }
    }

    @Test("an action has a connection of its own, so that none under it can be stale")
    func ownConnection() async throws {
        let server = try await ScriptedServer {
            $0.line.hasPrefix("POST") ? .answer(204, "") : .answer(200, ClientTests.vmBody)
        }
        try await withClient(server.endpoint) { client in
            _ = try await client.vm()
            try await client.perform(Action(parsing: "hold"), vm: 1)
            try await client.perform(Action(parsing: "release"), vm: 1)
            _ = try await client.vm()
        }
        #expect(server.requests.map(\.connection) == [1, 2, 3, 1])
    }

    @Test("no more connections are used than are allowed")
    func connectionLimit() async throws {
        let server = try await ScriptedServer { _ in .answer(200, ClientTests.vmBody) }
        let client = try Client(
            settings: ClientTests.settings(server.endpoint),
            configuration: .init(connections: 3, proxies: .none),
            logger: ClientTests.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<60 { tasks.addTask { _ = try await client.vm() } }
            try await tasks.waitForAll()
        }
        #expect(server.requests.count == 60)
        #expect(Set(server.requests.map(\.connection)).count <= 3)
        await client.shutdown()
        let error = try await failure { _ = try await client.vm() }
        #expect(error.kind == .cancelled)
        try await eventually { server.openConnections == 0 }
    }

    @Test("what a server sends after an answer is not taken for the next answer")
    func unasked() async throws {
        let forged = ClientTests.vmBody.replacing("\"a\"", with: "\"forged\"")
        @Sendable func text(_ body: String) -> String {
            "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
        }
        let server = try await ScriptedServer { request in
            request.connection == 1
                ? .bytes(text(ClientTests.vmBody) + text(forged)) : .answer(200, ClientTests.vmBody)
        }
        // Of one connection at a time, so that the second request waits for the first one's.
        let client = try Client(
            settings: ClientTests.settings(server.endpoint),
            configuration: .init(connections: 1, proxies: .none), logger: ClientTests.logger)
        let names = try await withThrowingTaskGroup(of: String.self) { tasks in
            for _ in 0..<5 { tasks.addTask { try await client.vm().name } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(names == ["a", "a", "a", "a", "a"])
        #expect(server.requests.map(\.connection) == [1, 2, 2, 2, 2])
        await client.shutdown()
    }

    @Test("who waits for a connection can be cancelled, and is told in time that there is none")
    func waiting() async throws {
        let server = try await ScriptedServer { _ in .nothing }
        let client = try Client(
            settings: ClientTests.settings(server.endpoint),
            configuration: .init(timeout: .seconds(3), connections: 1, proxies: .none),
            logger: ClientTests.logger)
        let first = Task { try await client.vm() }
        try await eventually { server.requests.count == 1 }
        let (second, third) = (Task { try await client.vm() }, Task { try await client.vm() })
        second.cancel()
        #expect(try await failure { _ = try await second.value }.kind == .cancelled)
        #expect(try await failure { _ = try await third.value }.kind == .timedOut)
        #expect(try await failure { _ = try await first.value }.kind == .timedOut)
        await client.shutdown()
    }

    @Test("a client that nobody shut down closes its connections when it goes")
    func forgotten() async throws {
        let server = try await ScriptedServer { _ in .answer(200, ClientTests.vmBody) }
        do {
            let client = try Client(
                settings: ClientTests.settings(server.endpoint), configuration: .init(proxies: .none),
                logger: ClientTests.logger)
            _ = try await client.vm()
        }
        try await eventually { server.openConnections == 0 }
    }

    @Test("plain requests go through http_proxy, but not to what no_proxy names")
    func proxy() async throws {
        let proxy = try await ScriptedServer { _ in .answer(200, ClientTests.vmBody) }
        let environment = [
            "http_proxy": "http://u:p%40@127.0.0.1:\(proxy.port)/", "no_proxy": "localhost,10.0.0.0/8",
        ]
        try await withClient("http://onegate.invalid:5030/x", proxies: Proxies(environment: environment)) {
            client in
            _ = try await client.vm()
            try await client.scale(role: "a", to: 1)
        }
        #expect(
            proxy.requests.map(\.line) == [
                "GET http://onegate.invalid:5030/x/vm HTTP/1.1",
                "PUT http://onegate.invalid:5030/x/service/role/a HTTP/1.1",
            ])
        #expect(proxy.requests.first?.header("Host") == "onegate.invalid:5030")
        #expect(proxy.requests.first?.header("Proxy-Authorization") == "Basic dTpwQA==")
    }

    @Test(
        "an https server behind a proxy is asked for by a tunnel",
        arguments: [(403, "the proxy refused"), (407, "the proxy wants a user name and a password")])
    func tunnel(status: Int, words: String) async throws {
        let proxy = try await ScriptedServer { _ in .answer(status, "no") }
        let proxies = Proxies(environment: ["https_proxy": "http://u:p%40@127.0.0.1:\(proxy.port)"])
        try await withClient("https://onegate.invalid", proxies: proxies) { client in
            let error = try await failure { _ = try await client.vm() }
            #expect(error.kind == .unexpected)
            #expect(error.words == words)
        }
        #expect(proxy.requests.map(\.line) == ["CONNECT onegate.invalid:443 HTTP/1.1"])
        #expect(proxy.requests.first?.header("Proxy-Authorization") == "Basic dTpwQA==")
        #expect(proxy.requests.first?.header("X-ONEGATE-TOKEN") == nil)
    }

    @Test("a proxy that says nothing is a timeout, and its connection is closed")
    func silentProxy() async throws {
        let proxy = try await ScriptedServer { _ in .nothing }
        let proxies = Proxies(environment: ["https_proxy": proxy.endpoint])
        try await withClient("https://onegate.invalid", timeout: .milliseconds(200), proxies: proxies) {
            client in
            let error = try await failure { _ = try await client.vm() }
            #expect(error.kind == .timedOut)
            try await eventually { proxy.openConnections == 0 }
        }
    }

    @Test(
        "a proxy that cannot be used is refused, and what is in its URL is not repeated",
        arguments: [
            "https://u:pass@127.0.0.1", "socks5://u:pass@127.0.0.1", "u:pass@127.0.0.1:port", "http://",
        ])
    func unusableProxy(url: String) async throws {
        for (variable, endpoint) in [
            ("http_proxy", "http://h"), ("http_proxy", "https://h"), ("https_proxy", "https://h"),
        ] {
            let proxies = Proxies(environment: [variable: url])
            let error = try await #require(throws: SettingsError.self) {
                try await withClient(endpoint, proxies: proxies) { _ in }
            }
            #expect(error.description.hasPrefix(variable + " "))
            #expect(!error.description.contains("pass"))
            let excepted = Proxies(environment: [variable: url, "no_proxy": "h"])
            try await withClient(endpoint, proxies: excepted) { _ in }
        }
    }

    @Test("no_proxy has names, domains, addresses, networks and ports")
    func exceptions() throws {
        func isProxied(_ endpoint: String, _ exceptions: String) throws -> Bool {
            let proxies = Proxies(environment: [
                "HTTP_PROXY": "http://u:p%40@proxy:3128", "no_proxy": exceptions,
            ])
            let proxy = try proxies.proxy(for: Endpoint(parsing: endpoint))
            #expect(proxy == nil || proxy?.host == "proxy" && proxy?.port == 3128 && proxy?.password == "p@")
            return proxy != nil
        }
        #expect(try isProxied("http://h", ""))
        #expect(try isProxied("https://h", ""))
        #expect(try !isProxied("http://h", "*"))
        #expect(try !isProxied("http://h", "x, h"))
        #expect(try !isProxied("http://H", "h"))
        #expect(try !isProxied("http://a.example.org", ".example.org"))
        #expect(try !isProxied("http://a.example.org", "example.org"))
        #expect(try isProxied("http://anexample.org", "example.org"))
        #expect(try !isProxied("http://169.254.16.9:5030", "169.254.0.0/16"))
        #expect(try isProxied("http://169.253.16.9:5030", "169.254.0.0/16"))
        #expect(try !isProxied("http://h:5030", "h:5030"))
        #expect(try isProxied("http://h:5030", "h:80"))
        #expect(try !isProxied("http://[::1]:5030", "::1"))
    }

    // MARK: Settings

    @Test("after a 401 the settings are read again, once for all, and the request is sent with the new token")
    func renewed() async throws {
        let server = try await ScriptedServer { request in
            request.header("X-ONEGATE-TOKEN") == "new"
                ? .answer(200, ClientTests.vmBody) : .answer(401, "Not authorized")
        }
        let reloads = Mutex(0)
        let endpoint = server.endpoint
        try await withClient(
            endpoint,
            reload: {
                reloads.withLock { $0 += 1 }
                return try ClientTests.settings(endpoint, token: "new")
            }
        ) { client in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<20 { tasks.addTask { _ = try await client.vm() } }
                try await tasks.waitForAll()
            }
            #expect(client.settings.token == Token("new"))
        }
        #expect(reloads.withLock { $0 } == 1)
    }

    @Test("settings whose reading takes longer than the request may leave the 401 as it is")
    func slowReload() async throws {
        let server = try await ScriptedServer { _ in .answer(401, "Not authorized") }
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let endpoint = server.endpoint
        let isReading = DispatchSemaphore(value: 0)
        try await withClient(
            endpoint, timeout: .milliseconds(300),
            reload: {
                isReading.wait()
                end.finish()
                return try ClientTests.settings(endpoint, token: "new")
            }
        ) { client in
            let error = try await failure { _ = try await client.vm() }
            #expect(error.kind == .unauthorized)
            #expect(client.settings.token == Token(ClientTests.secret))
            isReading.signal()
            for await _ in ends {}
            try await eventually { client.settings.token == Token("new") }
        }
    }

    @Test("the same settings again, or none, leave the 401 as it is")
    func notRenewed() async throws {
        struct Gone: Error {}
        let server = try await ScriptedServer { _ in .answer(401, "Not authorized") }
        let endpoint = server.endpoint
        let reloads: [(@Sendable () throws -> Settings)?] = [
            nil, { try ClientTests.settings(endpoint) }, { throw Gone() },
        ]
        for (index, reload) in reloads.enumerated() {
            try await withClient(endpoint, reload: reload) { client in
                let error = try await failure { _ = try await client.vm() }
                #expect(error.kind == .unauthorized)
                #expect(client.settings.token == Token(ClientTests.secret))
            }
            #expect(server.requests.count == index + 1)
        }
    }

    @Test("settings that are read again on demand are used from then on")
    func reloaded() async throws {
        let server = try await ScriptedServer { _ in .answer(200, ClientTests.vmBody) }
        let endpoint = server.endpoint
        try await withClient(endpoint, reload: { try ClientTests.settings(endpoint, token: "new") }) {
            client in
            try client.reloadSettings()
            _ = try await client.vm()
        }
        #expect(server.requests.first?.header("X-ONEGATE-TOKEN") == "new")
        // Those of another VM are not.
        try await withClient(endpoint, reload: { try ClientTests.settings(endpoint, token: "new", vmID: 5) })
        {
            client in
            #expect(throws: SettingsError.self) { try client.reloadSettings() }
            #expect(client.settings.vmID == 1 && client.settings.token == Token(ClientTests.secret))
        }
    }

    // MARK: Reports

    @Test("every request is reported, with its status and size")
    func reports() async throws {
        let server = try await ScriptedServer { request in
            request.line.hasPrefix("POST")
                ? .answer(500, "Internal server error") : .answer(200, ClientTests.vmBody)
        }
        let reports = Mutex<[RequestReport]>([])
        try await withClient(server.endpoint, observer: { report in reports.withLock { $0.append(report) } })
        { client in
            _ = try await client.vm()
            try await client.scale(role: "slave", to: 2)
            _ = try await failure { try await client.perform(Action(parsing: "hold"), vm: 1) }
        }
        let seen = reports.withLock { $0 }
        #expect(seen.map(\.method) == ["GET", "PUT", "POST"])
        #expect(seen.map(\.kind) == ["vm", "scale", "action"])
        #expect(seen.map(\.status) == [200, 200, 500])
        #expect(seen.map(\.error) == [nil, nil, .server])
        #expect(seen.first?.bytes == ClientTests.vmBody.utf8.count)
    }

    @Test("the log has requests, and never the token")
    func logging() async throws {
        struct Handler: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel: Logger.Level = .trace
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) {
                lines.text.withLock { $0 += "\(event.message) \(event.metadata ?? [:])\n" }
            }
        }
        final class Lines: Sendable { let text = Mutex("") }
        let lines = Lines()
        let server = try await ScriptedServer { _ in .answer(500, "your token \(ClientTests.secret) is bad") }
        let logger = Logger(label: "test", factory: { _ in Handler(lines: lines) })
        try await withClient(server.endpoint, logger: logger) { client in
            _ = try await failure { _ = try await client.vm() }
        }
        let text = lines.text.withLock { $0 }
        #expect(text.contains("GET /vm"))
        #expect(!text.contains(ClientTests.secret))
    }

    @Test("a file of CAs that cannot be used is refused at once")
    func badCAFile() throws {
        #expect(throws: SettingsError.self) {
            try Client(
                settings: ClientTests.settings("https://h"),
                configuration: .init(caFile: "/nonexistent/ca.pem"),
                logger: ClientTests.logger)
        }
    }
}
