import Foundation
import OneGate
import OneGateSimulator
import Testing

/// What `onegate ... --json` prints is Ruby's `JSON.pretty_generate` of the answer.
@Suite("The JSON twins", .needsFUSE, .onOwnThread, .timeLimit(.minutes(5)))
struct TwinTests {
    private static let difficult: JSON = [
        "PLAIN": "x", "QUOTES": "\"'\\/", "LINES": "a\nb\tc", "ACCENTS": "žluťoučký é e\u{301} 日本語",
        "SEPARATORS": "\u{2028}\u{2029}\u{7F}", "EMPTY": "", "SERVICE_ID": "3", "ROLE_NAME": "master",
        "VECTOR": ["A": "1", "B": ""], "LIST": ["x", ["A": "b"]], "HTML": "<a href=\"x\">&amp;</a>",
    ]

    /// Answers of the server, pretty-printed by another program.
    private func expected(_ gate: MountedGate, _ path: String, vm: Int, by printer: [String]) throws -> String
    {
        let request = """
            import sys, urllib.request
            handler = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            request = urllib.request.Request(sys.argv[1], headers={
                "X-ONEGATE-TOKEN": sys.argv[2], "X-ONEGATE-VMID": sys.argv[3]})
            sys.stdout.buffer.write(handler.open(request).read())
            """
        let token = try #require(gate.cloud.token(vm: vm))
        let answer = try gate.python(request, gate.simulator.endpoint + path, token, "\(vm)")
        try #require(answer.succeeded, "\(answer)")
        return try Child.run(printer, input: Array(answer.output.utf8)).output
    }

    private static let python = [
        "python3", "-c",
        "import json, sys; print(json.dumps(json.load(sys.stdin.buffer), indent=2, ensure_ascii=False))",
    ]
    /// The json of older Rubies broke the line inside an empty array and an empty object.
    private static let ruby = [
        "ruby", "-r", "json", "-e",
        """
        puts JSON.pretty_generate(JSON.parse(STDIN.read)).gsub(/^(.*)\\[\\n\\n *\\]/, '\\1[]').gsub(/^(.*)\\{\\n *\\}/, '\\1{}')
        """,
    ]

    private func compare(_ printer: [String]) throws {
        let simulator = try Simulator(cloud: .panacea())
        for vm in [8, 9] { simulator.cloud.setUserTemplate(vm: vm, TwinTests.difficult) }
        let gate = try MountedGate(simulator, options: ["ttl=600"])
        defer { gate.end() }
        for (file, request) in [
            ("vm/8/vm.json", "/vm"), ("vm/9/vm.json", "/vms/9"), ("vm/10/vm.json", "/vms/10"),
            ("service/service.json", "/service"), ("service/extended.json", "/service?extended=true"),
        ] {
            #expect(try gate.text(file) == expected(gate, request, vm: 8, by: printer), "\(file)")
        }
        let router = try MountedGate(simulator, vm: 12, options: ["ttl=600"])
        defer { router.end() }
        for (file, request) in [
            ("vrouter/vrouter.json", "/vrouter"), ("vnet/0/vnet.json", "/vnet/0"), ("vm/12/vm.json", "/vm"),
            ("vnet/0/extended.json", "/vnet/0?extended=true"),
        ] {
            #expect(try router.text(file) == expected(router, request, vm: 12, by: printer), "\(file)")
        }
    }

    @Test("are what Python prints with the same indentation", .needs("python3"))
    func python() throws { try compare(TwinTests.python) }

    @Test("are what Ruby's pretty_generate prints", .needs("ruby", "python3"))
    func ruby() throws { try compare(TwinTests.ruby) }
}
