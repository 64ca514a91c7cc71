import OneGate
import Testing

@testable import OneGateSimulator

@Suite("Faults")
struct FaultTests {
    private let simulator: Simulator
    private let client: RawHTTPClient

    init() throws {
        simulator = try Simulator(cloud: .panacea())
        client = RawHTTPClient(port: simulator.port)
    }

    private func get(_ path: String, vm: Int = 8, client other: RawHTTPClient? = nil) throws
        -> RawHTTPClient.Response
    {
        try (other ?? client).send("GET", path, headers: headers(vm))
    }

    private func headers(_ vm: Int) -> [(String, String)] {
        [("X-ONEGATE-TOKEN", simulator.cloud.token(vm: vm) ?? ""), ("X-ONEGATE-VMID", "\(vm)")]
    }

    @Test("a status befalls so many requests of a path, and no others")
    func status() throws {
        simulator.inject(.status(503, "busy"), path: "/service", count: 2)
        #expect(try get("/vm").status == 200)
        #expect(try get("/service").status == 503)
        #expect(try get("/service?extended=true").text == "busy")
        #expect(try get("/service").status == 200)
    }

    @Test("an answer is replaced byte for byte")
    func raw() throws {
        let fault = simulator.inject(.body("{\"VM\": 5"), path: "/vm", method: "GET", vm: 8)
        #expect(try get("/vm").text == "{\"VM\": 5")
        #expect(try get("/vm", vm: 9).status == 200)
        simulator.clear(fault)
        #expect(try get("/vm").text.hasPrefix("{\"VM\":{"))
    }

    @Test("an answer is cut off in its middle")
    func cut() throws {
        simulator.inject(.cut(after: 20), count: 1)
        #expect(throws: RawHTTPClient.Failure.self) { try get("/vm") }
        #expect(try get("/vm").status == 200)
    }

    @Test("a request that is not answered takes effect only when that is asked for")
    func close() throws {
        let form = [("Content-Type", "application/x-www-form-urlencoded")]
        for takesEffect in [false, true] {
            simulator.inject(.close, count: 1, takesEffect: takesEffect)
            #expect(throws: RawHTTPClient.Failure.self) {
                try client.send(
                    "PUT", "/vm", headers: headers(8) + form, body: Array("data=K%3D\(takesEffect)".utf8))
            }
            #expect(simulator.cloud.attribute(vm: 8, name: "K") == (takesEffect ? "true" : nil))
        }
    }

    @Test("a delayed request is answered, later")
    func delay() throws {
        simulator.inject(.delay(.milliseconds(30)), count: 1)
        simulator.inject(.slowAnswer(.milliseconds(30)), count: 1)
        let start = ContinuousClock.now
        #expect(try get("/vm").status == 200)
        #expect(ContinuousClock.now - start >= .milliseconds(60))
    }

    @Test("a hanging request gets no answer, and other connections do", .timeLimit(.minutes(1)))
    func hang() throws {
        simulator.inject(.hang, path: "/service", count: 1)
        let hanging = RawHTTPClient(port: simulator.port)
        try hanging.connect()
        try hanging.write(Array("GET /service HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        while simulator.requests.isEmpty { try #require(get("/vm").status == 200) }
        #expect(try get("/service").status == 200)
        #expect(simulator.requests.first { $0.path == "/service" && $0.vm == nil }?.status == nil)
        simulator.closeConnections()
        #expect(throws: RawHTTPClient.Failure.self) { try hanging.response(to: "GET") }
    }

    @Test("a stopped server refuses, and comes back on its port")
    func stop() throws {
        #expect(try get("/vm").status == 200)
        simulator.stop()
        #expect(throws: RawHTTPClient.Failure.self) { try get("/vm") }
        try simulator.restart()
        #expect(try get("/vm", client: RawHTTPClient(port: simulator.port)).status == 200)
    }

    @Test("an idle connection is closed")
    func idle() throws {
        simulator.idleTimeout = .milliseconds(50)
        let idle = RawHTTPClient(port: simulator.port)
        try idle.connect()
        #expect(throws: RawHTTPClient.Failure.self) { try idle.response(to: "GET") }
    }

    @Test("OneFlow down, the core down, and a VM that cannot be read answer as recorded")
    func down() throws {
        let cloud = simulator.cloud
        cloud.isOneFlowDown = true
        #expect(try get("/service").text == "Service 3 not found")
        #expect(try get("/vms/9").status == 404)
        #expect(try get("/vm").status == 200)
        cloud.isOneFlowDown = false
        cloud.isCoreDown = true
        #expect(try get("/vm").status == 401)
        cloud.isCoreDown = false
        cloud.setUnreadable(vm: 10)
        #expect(try get("/vms/9").status == 200)
        #expect(
            try get("/service?extended=true").text
                == "[one.vm.info] User [2] : Not authorized to perform USE VM [10].")
    }

    @Test("requests are noted with what was answered, without the token")
    func log() throws {
        _ = try get("/vms/9")
        _ = try get("/nope")
        let requests = simulator.requests
        #expect(requests.map(\.path) == ["/vms/9", "/nope"])
        #expect(requests.map(\.status) == [200, 400])
        #expect(requests.map(\.vm) == [8, 8])
        #expect(!"\(requests)".contains(try #require(simulator.cloud.token(vm: 8))))
        simulator.clearRequests()
        #expect(simulator.requests.isEmpty)
        #expect(simulator.requestCount == 2)
    }
}
