import Testing

@testable import OneGate

@Suite struct ModelTests {
    @Test("a VM has its ID, name, states and templates")
    func vm() throws {
        let vm = try VirtualMachine(answer: Recording.json("new: master: GET /vm"))
        #expect(vm.id == 1)
        #expect(vm.name == "master_0_(service_3)")
        #expect(vm.state == 3)
        #expect(vm.stateName == "RUNNING")
        #expect(vm.lcmStateName == "RUNNING")
        #expect(vm.serviceID == "3")
        #expect(vm.userTemplate["ROLE_NAME"] == "master")
        #expect(vm.template["NIC"]?[0]?["IP"] == "192.168.150.110")
        #expect(vm.template["NIC_ALIAS"] == [])
    }

    @Test("vectors, repeated attributes and aliases are kept")
    func multi() throws {
        let vm = try VirtualMachine(answer: Recording.json("new: VM with two NICs"))
        #expect(vm.userTemplate["PORTS"] == ["HTTP": "80", "SSH": "22"])
        #expect(
            AttributeValue(json: try #require(vm.userTemplate["TAG"])) == .list([.text("one"), .text("two")]))
        #expect(vm.template["NIC"]?.elements?.count == 2)
        #expect(vm.template["NIC_ALIAS"]?[0]?["PARENT"] == "front")
        #expect(vm.serviceID == nil)
    }

    @Test("a VM of the extended service is what /vms/ID shows, key for key")
    func extended() throws {
        var compared = 0
        for (extended, single) in [
            ("new: master: GET /service?extended=true", "new: master: GET /vms/1 (own)"),
            ("new: master: GET /service?extended=true", "new: master: GET /vms/2"),
            ("new: gated: GET /service?extended=true", "new: gated: GET /vms/6"),
        ] {
            let expected = try VirtualMachine(answer: Recording.json(single))
            let service = try Service(answer: Recording.json(extended))
            for member in service.roles.flatMap(\.members) where member.vmID == expected.id {
                let vm = try VirtualMachine(extended: #require(member.vmInfo))
                #expect(vm == expected)
                #expect(vm.json.compact == expected.json.compact)
                compared += 1
            }
        }
        #expect(compared == 3)
    }

    @Test("SCHED_MESSAGE is dropped, several NICs and addresses found by monitoring are shown")
    func extendedDetails() throws {
        let whole = try JSON(
            parsing: """
                {"VM":{"ID":"7","NAME":"x","STATE":"3","LCM_STATE":"3","MONITORING":{"GUEST_IP":"10.0.0.9","CPU":"1"},
                "USER_TEMPLATE":{"A":"1","SCHED_MESSAGE":"no host"},
                "TEMPLATE":{"NIC":[{"AR_ID":"0","NETWORK":"n","IP":"10.0.0.1"},{"MAC":"m","NIC_ID":"1"}],
                "NIC_ALIAS":{"PARENT":"NIC0","IP":"10.0.0.2","NIC_ID":"2"},"CONTEXT":{"SECRET":"1"}}}}
                """)
        let expected =
            #"{"VM":{"NAME":"x","ID":"7","STATE":"3","LCM_STATE":"3","USER_TEMPLATE":{"A":"1"},"TEMPLATE":{"#
            + #""NIC":[{"NETWORK":"n","IP":"10.0.0.1"},{"MAC":"m"},{"IP":"10.0.0.9"}],"#
            + #""NIC_ALIAS":[{"PARENT":"NIC0","IP":"10.0.0.2"}]}}}"#
        #expect(try VirtualMachine(extended: whole).json.compact == expected)
    }

    @Test("states are named as onegate vm show names them, and numbered where they have no name")
    func states() throws {
        func vm(_ state: Int, _ lcm: Int) throws -> VirtualMachine {
            try VirtualMachine(
                answer: [
                    "VM": [
                        "ID": "1", "NAME": "x", "STATE": .string("\(state)"), "LCM_STATE": .string("\(lcm)"),
                    ]
                ])
        }
        #expect(try vm(1, 0).stateName == "PENDING")
        #expect(try vm(8, 0).stateName == "POWEROFF")
        #expect(try vm(11, 0).stateName == "CLONING_FAILURE")
        #expect(try vm(3, 3).stateName == "RUNNING")
        #expect(try vm(3, 36).stateName == "BOOT_FAILURE")
        #expect(try vm(3, 68).stateName == "HOTPLUG_SAVEAS_STOPPED")
        #expect(try vm(3, 71).stateName == "RESTORE")
        #expect(try vm(3, 99).stateName == "99")
        #expect(try vm(42, 3).stateName == "42")
        #expect(try vm(8, 0).lcmStateName == "LCM_INIT")
        #expect(try VirtualMachine(answer: Recording.json("new: PENDING VM")).stateName == "PENDING")
    }

    @Test("a service has roles with members")
    func service() throws {
        let service = try Service(answer: Recording.json("new: master: GET /service"))
        #expect(service.id == "3")
        #expect(service.name == "PANACEA service")
        #expect(service.stateName == "RUNNING")
        #expect(service.roles.map(\.name) == ["master", "slave"])
        #expect(service.roles[1].cardinality == 2)
        #expect(service.roles[1].stateName == "RUNNING")
        #expect(service.roles[1].members.map(\.vmID) == [2, 3])
        let gated = try Service(answer: Recording.json("new: gated: GET /service"))
        #expect(gated.stateName == "DEPLOYING")
        #expect(gated.roles[1].members.isEmpty)
    }

    @Test("the summary of the extended answer is the answer without extended")
    func summary() throws {
        for scene in ["master", "gated"] {
            let short = try Recording.json("new: \(scene): GET /service")
            let long = try Service(answer: Recording.json("new: \(scene): GET /service?extended=true"))
            #expect(long.summary.compact == short.compact)
            #expect(try Service(answer: short).summary == short)
        }
    }

    @Test("services of both servers are read, in all their states")
    func serviceStates() throws {
        var names: Set<String> = []
        for recording in try Recording.all("services.jsonl") {
            let service = try Service(answer: JSON(parsing: recording.body))
            names.insert(service.stateName)
            #expect(service.roles.count == 2)
            #expect(service.summary.compact == recording.body)
        }
        #expect(names.isSuperset(of: ["RUNNING", "SCALING"]))
    }

    @Test("a virtual router knows its VMs and networks, whether IDs are texts or numbers")
    func vrouter() throws {
        let one = try VirtualRouter(answer: Recording.json("new: vr: GET /vrouter"))
        #expect(one.id == "0")
        #expect(one.name == "vr")
        #expect(one.vmIDs == [9])
        #expect(one.networkIDs == [0])
        let two = try VirtualRouter(answer: Recording.json("new: vrouter with two NICs"))
        #expect(two.vmIDs == [87, 88])
        #expect(two.networkIDs == [0, 1])
    }

    @Test("a virtual network has an ID and a name")
    func vnet() throws {
        let network = try VirtualNetwork(answer: Recording.json("new: vr: GET /vnet/0 "))
        #expect(network.id == 0)
        #expect(network.name == "private")
        #expect(try VirtualNetwork(answer: Recording.json("new: vr2: /vnet/1 (two ARs")).name == "foreign")
    }

    @Test(
        "an answer of another shape is unexpected",
        arguments: [
            "[]", "null", "{}", #"{"VM":1}"#, #"{"VM":{}}"#, #"{"VM":{"ID":"x","NAME":"a"}}"#,
            #"{"VM":{"ID":"-1"}}"#,
            #"{"VM":{"ID":"1","NAME":"a","USER_TEMPLATE":[1]}}"#, #"{"SERVICE":{"id":"1"}}"#,
            #"{"SERVICE":{"id":"1","name":"x","roles":{}}}"#,
            #"{"SERVICE":{"id":"1","name":"x","roles":[{}]}}"#,
            #"{"SERVICE":{"id":"1","name":"x","roles":[{"name":"r","nodes":[{}]}]}}"#, #"{"VROUTER":[]}"#,
            #"{"VNET":{"ID":"x","NAME":"n"}}"#,
        ])
    func shapes(text: String) throws {
        let json = try JSON(parsing: text)
        for make: (JSON) throws -> Void in [
            { _ = try VirtualMachine(answer: $0) }, { _ = try Service(answer: $0) },
            { _ = try VirtualRouter(answer: $0) }, { _ = try VirtualNetwork(answer: $0) },
            { _ = try VirtualMachine(extended: $0) },
        ] {
            let error = #expect(throws: OneGateError.self) { try make(json) }
            #expect(error?.kind == .unexpected)
        }
    }
}
