import Glibc
import OneGate
import OneGateSimulator
import Testing

@Suite("A server that answers anything", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct HostileServerTests {
    private static let everything =
        "ls -lR vm service vnet vrouter; cat vm/self/*/* vm/9/* service/* vnet/0/*; stat vm/8 vm/9 service"

    private static let answers: [String] = [
        "", " ", "{", "[]", "null", "true", "3", "\"VM\"", "{}", "<html><body>Bad gateway</body></html>",
        "{\"VM\":null}",
        "{\"VM\":[]}", "{\"VM\":{}}", "{\"VM\":\"x\"}", "{\"VM\":{\"ID\":[],\"NAME\":{},\"STATE\":null}}",
        "{\"VM\":{\"ID\":\"8\"}}",
        "{\"VM\":{\"ID\":\"99\",\"NAME\":\"other\",\"STATE\":\"3\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":{},\"TEMPLATE\":{}}}",
        "{\"VM\":{\"ID\":\"8\",\"NAME\":\"n\",\"STATE\":\"x\",\"LCM_STATE\":-1,\"USER_TEMPLATE\":[],\"TEMPLATE\":\"t\"}}",
        "{\"VM\":{\"ID\":8,\"NAME\":8,\"STATE\":3.5,\"LCM_STATE\":1e99,\"USER_TEMPLATE\":\"\",\"TEMPLATE\":{\"NIC\":{\"IP\":[[]]}}}}",
        "{\"VM\":{\"ID\":\"8\",\"NAME\":\"a\\nb/c\",\"STATE\":\"3\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":"
            + "{\"../x\":\"1\",\"a/b\":\"2\",\"..\":\"3\",\".\":\"4\",\"\":\"5\",\"\\u0000\":\"6\",\"../../../../tmp/escaped\":\"7\"},"
            + "\"TEMPLATE\":{\"NIC\":[{\"../y\":\"1\"}],\"../z\":[1,2]}}}",
        "{\"VM\":{\"ID\":\"8\",\"NAME\":\"n\",\"STATE\":\"3\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":{\""
            + String(repeating: "N", count: 400) + "\":\"1\"},\"TEMPLATE\":{}}}",
        "{\"VM\":{\"ID\":\"8\",\"NAME\":\"n\",\"STATE\":\"3\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":{\"DEEP\":"
            + String(repeating: "{\"A\":", count: 100) + "1" + String(repeating: "}", count: 100)
            + "},\"TEMPLATE\":{}}}",
        "{\"VM\":{\"ID\":\"8\",\"USER_TEMPLATE\":{\"DEEP\":" + String(repeating: "[", count: 100_000),
        String(repeating: "{\"VM\":", count: 50_000) + "1" + String(repeating: "}", count: 50_000),
        "{\"VM\":{\"ID\":\"8\",\"NAME\":\"\\ud800\",\"STATE\":\"3\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":{\"X\":\"\\udfff\"},\"TEMPLATE\":{}}}",
        "{\"VM\":{\"ID\":\"-1\",\"NAME\":\"n\",\"STATE\":\"99999999999999999999\",\"LCM_STATE\":\"3\",\"USER_TEMPLATE\":{},\"TEMPLATE\":{}}}",
        "{\"SERVICE\":{\"name\":\"../s\",\"id\":\"3\",\"state\":\"x\",\"roles\":[{\"name\":\"../r\",\"cardinality\":\"many\",\"state\":-5,"
            + "\"nodes\":[{\"deploy_id\":9,\"vm_info\":{\"VM\":{\"ID\":\"9\"}}},{\"deploy_id\":\"../9\"},{}]},{\"name\":\"..\"},{\"name\":\"\"},3]}}",
        "{\"SERVICE\":{\"name\":\"s\",\"id\":\"3\",\"state\":2,\"roles\":{}}}",
        "{\"SERVICE\":{\"roles\":[{\"name\":\"a\"},{\"name\":\"a\"}]}}",
        "{\"VROUTER\":{\"NAME\":\"../v\",\"ID\":\"0\",\"VMS\":{\"ID\":[\"../1\",9,\"9\",-3]},\"TEMPLATE\":{\"NIC\":[{\"NETWORK_ID\":\"../0\"}]}}}",
        "{\"VNET\":{\"ID\":\"0\",\"NAME\":\"..\",\"AR_POOL\":{\"AR\":{\"..\":\"x\"}},\"TEMPLATE\":{}}}",
    ]

    @Test("is an error or an encoded name, never a crash or a file outside its place", arguments: [8, 12])
    func answers(vm: Int) throws {
        let gate = try MountedGate(vm: vm, options: ["ttl=0"])
        defer { gate.end() }
        for answer in Self.answers {
            // To everything, or only to what is asked after this VM was seen to be well.
            for path in [nil, "/\(vm == 8 ? "service" : "v")", "/vnet"] {
                if path == "/vnet", vm == 8 { continue }
                gate.simulator.inject(.body(answer), path: path, method: "GET")
                let outcome = try gate.shell(Self.everything)
                #expect(outcome.status < 128, "\(answer.prefix(80)): \(outcome.status)")
                #expect(
                    !outcome.errors.contains("not connected") && !outcome.errors.contains("connection abort"),
                    "\(answer.prefix(80))")
                gate.simulator.clearFaults()
                try #require(
                    gate.daemon.isRunning, "\(answer.prefix(80)): \(gate.daemon.errorsSoFar.suffix(2000))")
            }
        }
        // A name never leads anywhere else, and all is well afterwards.
        #expect(access(gate.folder + "/x", F_OK) != 0 && access("/tmp/escaped", F_OK) != 0)
        #expect(try gate.text("vm/self/STATE") == "RUNNING\n")
        #expect(try gate.shell("find . -name '*/*' -o -name ..").output == "")
    }

    @Test("and closes connections, cuts answers, or sends them with another status")
    func faults() throws {
        let gate = try MountedGate(options: ["ttl=0", "timeout=20"])
        defer { gate.end() }
        let faults: [Fault] = [
            .close, .cut(after: 0), .cut(after: 1), .cut(after: 100), .status(200, ""), .status(204, ""),
            .status(301, ""),
            .status(404, "Not found"), .status(418, "I'm a teapot"),
            .status(500, String(repeating: "x", count: 100_000)),
            .raw(status: 200, contentType: "text/html", body: Array("<html></html>".utf8)),
            .raw(status: 200, contentType: "application/json", body: [0xFF, 0xFE, 0x00, 0x80]),
            .raw(status: 500, contentType: "text/plain", body: [0xFF, 0x0A, 0x1B, 0x22]),
        ]
        for fault in faults {
            gate.simulator.inject(fault)
            #expect(throws: SystemError.self, "\(fault)") { try gate.text("vm/8/STATE") }
            let write = try SystemError.number { try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR") }
            #expect(write != 0 && write != ENOTCONN, "\(fault): \(write)")
            let outcome = try gate.shell(Self.everything)
            #expect(outcome.status < 128, "\(fault)")
            gate.simulator.clearFaults()
            try #require(gate.daemon.isRunning, "\(fault): \(gate.daemon.errorsSoFar.suffix(2000))")
            #expect(try gate.text("vm/8/STATE") == "RUNNING\n", "\(fault)")
        }
        // A line is a line, whatever the server says.
        let lines = try gate.errors().split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("20") })
    }

    @Test("and is asked once more, no oftener, when it closes a connection before it answers")
    func retries() throws {
        let gate = try MountedGate(options: ["ttl=0"])
        defer { gate.end() }
        _ = try gate.text("vm/8/STATE")
        gate.simulator.inject(.close, method: "PUT")
        let requests = try gate.requests {
            let error = try SystemError.number { try gate.write("x", to: "vm/8/USER_TEMPLATE/HYPERVISOR") }
            #expect(error != 0)
        }
        #expect((1...2).contains(requests.changes.count), "\(requests.lines)")
    }
}
