import OneGate

extension Cloud {
    /// The cloud of OpenNebula's documentation of OneGate: service 3, "PANACEA service", with VM 8
    /// (role `master`) and VMs 9 and 10 (role `slave`, 1 to 5 VMs); virtual router 0 with its VM 12
    /// on network 0 "private", of which network 2 "reserved" is a reservation; network 1 "foreign",
    /// which the router does not reach; and VM 11, which belongs to nothing.
    public static func panacea() -> Cloud { Cloud(panaceaState()) }

    /// Service 3 with a number of VMs, each with a number of attributes (`ENTRY_0` and on) besides
    /// what a service gives it: VM 0 in role `master`, the others in role `slave`. For measuring.
    public static func service(machines: Int, attributes: Int) -> Cloud {
        var state = CloudState()
        let user = User(id: 2, name: "alice", groupID: 1, groupName: "users", isAdministrator: false)
        state.users[2] = user
        for id in 0..<machines {
            var list: [UserTemplate.Attribute] = [
                .init(name: "ROLE_NAME", value: .single(id == 0 ? "master" : "slave")),
                .init(name: "SERVICE_ID", value: .single("3")),
            ]
            for entry in 0..<attributes {
                list.append(.init(name: "ENTRY_\(entry)", value: .single("value \(entry) of \(id)")))
            }
            let name = id == 0 ? "master_0_(service_3)" : "slave_\(id - 1)_(service_3)"
            var machine = state.newMachine(id: id, name: name, owner: user, userTemplate: UserTemplate(list))
            let address = (IPv4("10.0.0.10") ?? IPv4(bits: 0)).advanced(by: id)
            machine.nics = [
                [
                    "IP": .string(address.description), "MAC": .string(address.mac), "NAME": "NIC0",
                    "NETWORK": "private", "NETWORK_ID": "0", "NIC_ID": "0",
                ]
            ]
            state.insert(machine)
        }
        state.services[3] = Service(
            id: 3, name: "service of \(machines)", owner: user,
            roles: [
                Role(
                    name: "master", cardinality: min(machines, 1), machines: Array((0..<machines).prefix(1)),
                    nextNumber: 1),
                Role(
                    name: "slave", cardinality: max(machines - 1, 0),
                    machines: Array((0..<machines).dropFirst()),
                    nextNumber: max(machines - 1, 0)),
            ])
        return Cloud(state)
    }

    private static let panaceaScenario: JSON = [
        "networks": [
            [
                "id": 0, "name": "private", "first_ip": "192.168.150.100", "size": 100,
                "template": [
                    "NETWORK_ADDRESS": "192.168.150.0", "NETWORK_MASK": "255.255.255.0",
                    "GATEWAY": "192.168.150.1", "DNS": "192.168.150.1 1.1.1.1", "GUEST_MTU": "1500",
                    "SEARCH_DOMAIN": "example.org",
                ],
            ],
            [
                "id": 1, "name": "foreign", "first_ip": "10.9.0.10", "size": 20,
                "template": ["NETWORK_ADDRESS": "10.9.0.0", "NETWORK_MASK": "255.255.255.0"],
            ],
            ["id": 2, "name": "reserved", "first_ip": "192.168.150.190", "size": 10, "parent": 0],
        ],
        "vms": [
            [
                "id": 8, "name": "master_0_(service_3)", "attributes": ["HYPERVISOR": "kvm"],
                "nics": [["network": 0, "ip": "192.168.150.100"]], "backend": true,
            ],
            [
                "id": 9, "name": "slave_0_(service_3)",
                "attributes": [
                    "ACTIVE": "YES", "BACKUP": ["KEY": "secret", "HOST": "backup.example.org"],
                    "HYPERVISOR": "kvm",
                ],
                "nics": [["network": 0, "ip": "192.168.150.101"]],
            ],
            [
                "id": 10, "name": "slave_1_(service_3)", "attributes": ["HYPERVISOR": "kvm"],
                "nics": [["network": 0, "ip": "192.168.150.102"]],
            ],
            [
                "id": 11, "name": "standalone", "attributes": ["HYPERVISOR": "kvm"],
                "nics": [["network": 1, "ip": "10.9.0.10"]],
            ],
            [
                "id": 12, "name": "vr-0", "attributes": ["HYPERVISOR": "kvm"],
                "nics": [["network": 0, "ip": "192.168.150.103"]], "backend": true,
            ],
        ],
        "services": [
            [
                "id": 3, "name": "PANACEA service",
                "roles": [
                    ["name": "master", "vms": [8], "networks": [0], "attributes": ["HYPERVISOR": "kvm"]],
                    [
                        "name": "slave", "vms": [9, 10], "minimum": 1, "maximum": 5, "networks": [0],
                        "attributes": ["HYPERVISOR": "kvm"],
                    ],
                ],
            ]
        ],
        "vrouters": [["id": 0, "name": "vr", "vms": [12], "networks": [0]]],
    ]

    private static func panaceaState() -> CloudState {
        var state = CloudState()
        // The scenario above is known to be one, as a test holds.
        try? ScenarioReader.read(panaceaScenario, into: &state)
        return state
    }
}
