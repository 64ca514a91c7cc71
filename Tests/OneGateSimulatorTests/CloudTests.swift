import Foundation
import OneGate
import Testing

@testable import OneGateSimulator

@Suite("The cloud")
struct CloudTests {
    private func json(_ simulator: Simulator, _ path: String, vm: Int) throws -> JSON {
        let response = try RawHTTPClient(port: simulator.port).send(
            "GET", path,
            headers: [("X-ONEGATE-TOKEN", simulator.cloud.token(vm: vm) ?? ""), ("X-ONEGATE-VMID", "\(vm)")])
        return try JSON(parsing: response.text)
    }

    @Test("the default is the documentation's: service 3, a router, networks, a VM alone")
    func panacea() throws {
        let simulator = try Simulator(cloud: .panacea())
        #expect(simulator.cloud.machines == [8, 9, 10, 11, 12])
        let service = try json(simulator, "/service", vm: 8)["SERVICE"]
        #expect(service?["name"] == "PANACEA service")
        #expect(service?["roles"]?[1]?["cardinality"] == 2)
        #expect(try json(simulator, "/vms/9", vm: 8)["VM"]?["USER_TEMPLATE"]?["ACTIVE"] == "YES")
        #expect(try json(simulator, "/vrouter", vm: 12)["VROUTER"]?["VMS"]?["ID"] == ["12"])
        #expect(try json(simulator, "/vnet/0", vm: 12)["VNET"]?["NAME"] == "private")
        #expect(try json(simulator, "/vnet/2", vm: 12)["VNET"]?["PARENT_NETWORK_ID"] == "0")
    }

    @Test("with extended, a single NIC is an object, several are an array, and none is absent")
    func nics() throws {
        let simulator = try Simulator(cloud: .panacea())
        let cloud = simulator.cloud
        func nic() throws -> JSON? {
            let nodes = try json(simulator, "/service?extended=true", vm: 8)["SERVICE"]?["roles"]?[0]?[
                "nodes"]
            return nodes?[0]?["vm_info"]?["VM"]?["TEMPLATE"]?["NIC"]
        }
        #expect(try nic()?["IP"] == "192.168.150.100")
        cloud.attachNIC(vm: 8, network: 1)
        #expect(try nic()?.elements?.count == 2)
        #expect(cloud.detachNIC(vm: 8, number: 0) && cloud.detachNIC(vm: 8, number: 1))
        #expect(try nic() == nil)
    }

    @Test("scaling up brings VMs with new IDs, scaling down takes the oldest")
    func scaling() {
        let cloud = Cloud.panacea()
        cloud.configure { ($0.scalingTime, $0.cooldownTime) = (.seconds(1000), .seconds(1000)) }
        cloud.scale(service: 3, role: "slave", to: 4)
        #expect(cloud.machines(service: 3, role: "slave") == [9, 10, 13, 14])
        #expect(cloud.state(service: 3) == FlowState.scaling)
        cloud.elapse(.seconds(1001))
        #expect(cloud.state(service: 3) == FlowState.cooldown)
        cloud.elapse(.seconds(1001))
        #expect(cloud.state(service: 3) == FlowState.running)
        cloud.scale(service: 3, role: "slave", to: 2)
        #expect(cloud.machines(service: 3, role: "slave") == [13, 14])
        #expect(cloud.state(vm: 9)?.state == MachineState.done)
        #expect(cloud.attribute(vm: 13, name: "ROLE_NAME") == "slave")
    }

    @Test("a transition goes through its states as time passes, and at once when it takes none")
    func transitions() {
        let cloud = Cloud.panacea()
        cloud.withState { $0.transition(9, through: [(3, 6), (5, 0)]) }
        #expect(cloud.state(vm: 9)?.state == MachineState.suspended)
        cloud.configure { $0.transitionTime = .seconds(1000) }
        cloud.withState { $0.transition(9, through: [(3, 21), (3, 3)]) }
        #expect(cloud.state(vm: 9)?.lcm == 21)
        cloud.elapse(.seconds(1001))
        #expect(cloud.state(vm: 9)?.lcm == MachineState.running)
    }

    @Test("a thousand VMs are there in no time, and one answer shows them all")
    func many() throws {
        let cloud = Cloud.service(machines: 1000, attributes: 30)
        let simulator = try Simulator(cloud: cloud)
        let roles = try json(simulator, "/service?extended=true", vm: 0)["SERVICE"]?["roles"]
        #expect(roles?[1]?["nodes"]?.elements?.count == 999)
        let last = roles?[1]?["nodes"]?[998]?["vm_info"]?["VM"]
        #expect(last?["USER_TEMPLATE"]?["ENTRY_29"] == "value 29 of 999")
        cloud.setAttribute(vm: 999, name: "ENTRY_29", value: "new")
        let again = try json(simulator, "/service?extended=true", vm: 0)["SERVICE"]?["roles"]?[1]?["nodes"]?[
            998]
        #expect(again?["vm_info"]?["VM"]?["USER_TEMPLATE"]?["ENTRY_29"] == "new")
    }

    @Test("environment files are as contextualization writes them, and for their owner only")
    func environment() throws {
        let simulator = try Simulator(cloud: .panacea())
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: directory) }
        try simulator.writeEnvironmentFiles(to: directory.path)
        try simulator.writeEnvironmentFiles(to: directory.path)
        let file = directory.appendingPathComponent("8/one_env")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("export ONEGATE_ENDPOINT=\"\(simulator.endpoint)\"\n"))
        #expect(text.contains("export TOKENTXT=\"\(simulator.cloud.token(vm: 8) ?? "?")\"\n"))
        #expect(text.contains("export VMID=\"8\"\n"))
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o400)
    }

    @Test("what is no scenario is refused with words")
    func scenarios() {
        for (text, word) in [
            ("[]", "object"), ("{", "JSON"), ("{\"vms\":[{}]}", "id"),
            ("{\"vms\":[{\"id\":1,\"state\":\"FLYING\"}]}", "FLYING"),
            ("{\"services\":[{\"id\":1,\"roles\":[{\"name\":\"a\",\"vms\":[5]}]}]}", "no VM 5"),
            ("{\"settings\":{\"permissions\":{\"vm.fly\":true}}}", "vm.fly"),
        ] {
            let error = #expect(throws: Cloud.ScenarioError.self) { try Cloud(scenarioText: text) }
            #expect(error?.description.contains(word) == true)
        }
    }
}
