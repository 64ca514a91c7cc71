import OneGate
import Testing

@testable import OneGateSimulator

@Suite("The routes for scripts")
struct AdminRouteTests {
    private let simulator: Simulator
    private let client: RawHTTPClient

    init() throws {
        simulator = try Simulator(cloud: .panacea())
        client = RawHTTPClient(port: simulator.port)
    }

    @discardableResult
    private func send(_ method: String, _ path: String, _ body: JSON? = nil) throws -> RawHTTPClient.Response
    {
        try client.send(method, "/_simulator/" + path, body: body.map { Array($0.compact.utf8) })
    }

    private func status(_ path: String) throws -> Int {
        try client.send(
            "GET", path,
            headers: [("X-ONEGATE-TOKEN", simulator.cloud.token(vm: 8) ?? ""), ("X-ONEGATE-VMID", "8")]
        ).status
    }

    @Test("a VM is shown and changed")
    func machines() throws {
        #expect(try JSON(parsing: send("GET", "vms").text) == [8, 9, 10, 11, 12])
        try send(
            "POST", "vms/9",
            ["attributes": ["NEW": "a, b", "VEC": ["K": "v"]], "erase": ["ACTIVE"], "state": "POWEROFF"])
        let shown = try JSON(parsing: send("GET", "vms/9").text)
        #expect(shown["attributes"]?["NEW"] == "a, b")
        #expect(shown["attributes"]?["ACTIVE"] == nil)
        #expect(shown["state"] == "POWEROFF")
        #expect(try send("GET", "vms/77").status == 404)
        #expect(try send("POST", "vms/9", ["state": "FLYING"]).status == 400)
    }

    @Test("faults begin and end, and touch only what they should")
    func faults() throws {
        let answer = try send(
            "POST", "faults", ["kind": "status", "status": 502, "text": "no", "path": "/vm"])
        let id = try JSON(parsing: answer.text)["id"]?.integer
        #expect(try status("/vm") == 502)
        try send("DELETE", "faults/\(try #require(id))")
        #expect(try status("/vm") == 200)
        #expect(try send("POST", "faults", ["kind": "typo"]).status == 400)
    }

    @Test("the cloud's settings are changed, and it is scaled")
    func cloud() throws {
        try send("POST", "settings", ["oneflow_down": true, "permissions": ["vm.show": false]])
        #expect(try status("/service") == 404)
        #expect(try status("/vm") == 403)
        try send("POST", "settings", ["oneflow_down": false])
        let machines = try JSON(parsing: send("POST", "services/3/roles/slave", ["cardinality": 3]).text)
        #expect(machines == [9, 10, 13])
        #expect(try status("/vms/13") == 200)
    }

    @Test("requests are listed")
    func requests() throws {
        _ = try status("/vms/9")
        let list = try JSON(parsing: send("GET", "requests").text)
        #expect(list["count"] == 1)
        #expect(list["requests"]?[0]?["path"] == "/vms/9")
        #expect(list["requests"]?[0]?["status"] == 200)
    }

    @Test("a server that refuses for a while comes back", .timeLimit(.minutes(1)))
    func refuse() throws {
        try send("POST", "refuse", ["seconds": .number("0.05")])
        client.disconnect()
        var code = 0
        while code == 0 { code = (try? status("/vm")) ?? 0 }
        #expect(code == 200)
    }
}
