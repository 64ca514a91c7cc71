import OneGate
import OrderedCollections

@testable import OneGateSimulator

/// The cloud that the exchanges were recorded in.
enum RecordedScene {
    private static let privateTemplate: JSON = [
        "NETWORK_ADDRESS": "192.168.150.0", "NETWORK_MASK": "255.255.255.0", "GATEWAY": "192.168.150.1",
        "DNS": "192.168.150.1 1.1.1.1", "GUEST_MTU": "1500", "SEARCH_DOMAIN": "example.org",
    ]

    private static func machine(
        _ id: Int, _ name: String, owner: Int = 2, ip: String? = nil, _ more: JSON = .emptyObject
    ) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "id": .number("\(id)"), "name": .string(name), "owner": .number("\(owner)"),
            "attributes": ["HYPERVISOR": "dummy"],
        ]
        if let ip { members["nics"] = [["network": 0, "ip": .string("192.168.150." + ip)]] }
        for (key, value) in more.members ?? [:] { members[key] = value }
        return .object(members)
    }

    /// The scene.
    ///
    /// - Parameters:
    ///   - whole: VMs as a recorded answer with `extended` shows them, for what only they have.
    ///   - isLate: whether VMs 78 to 88 are there already, as they were when the later files were made.
    ///   - service: the roles of service 5.
    ///   - more: further VMs.
    static func make(
        whole: [JSON] = [], isLate: Bool = false, service: JSON? = nil, more: [JSON] = []
    ) throws -> Cloud {
        var machines: [JSON] = [
            machine(1, "master_0_(service_3)", ip: "110", ["token": "NYRLCT95+8wHXN6yU1Fr0w=="]),
            machine(2, "slave_0_(service_3)", ip: "111", ["token": "igHfQ9tQ8EoaDJKxuCwGxw=="]),
            machine(3, "slave_1_(service_3)", ip: "112"),
            machine(4, "standalone", ip: "113"),
            machine(5, "lab"),
            machine(6, "first_0_(service_4)"),
            machine(7, "bobvm", owner: 3, ["token": "UbDSmzNKD5+LjUxtOuyQJA=="]),
            machine(8, "adminvm", owner: 0, ip: "114"),
            machine(9, "vr-0", ip: "115", ["backend": true]),
            machine(10, "no-token", ip: "116", ["token": .null]),
        ]
        for (index, json) in machines.enumerated() {
            guard let known = whole.first(where: { $0["ID"]?.scalar == json["id"]?.scalar }) else { continue }
            var template = known["TEMPLATE"]?.members ?? [:]
            template["NIC"] = nil
            let kept = ["STIME", "HISTORY_RECORDS"]
            machines[index] = .object(
                (json.members ?? [:]).merging(
                    [
                        "template": .object(template),
                        "facts": .object((known.members ?? [:]).filter { kept.contains($0.key) }),
                    ], uniquingKeysWith: { $1 }))
        }
        var routers: [JSON] = [["id": 0, "name": "vr", "vms": [9], "networks": [0]]]
        var foreignRanges: [JSON] = []
        if isLate {
            machines += [
                machine(78, "master_1_(service_5)", ip: "121"), machine(84, "slave_7_(service_5)", ip: "128"),
                machine(85, "slave_8_(service_5)", ip: "129"),
                machine(
                    86, "multi",
                    [
                        "backend": true,
                        "attributes": [
                            "HYPERVISOR": "dummy", "LABELS": "x,y", "NOTE": "hello world",
                            "PORTS": ["HTTP": "80", "SSH": "22"], "TAG": ["one", "two"],
                        ],
                        "nics": [
                            ["network": 0, "ip": "192.168.150.130", "name": "front"],
                            ["network": 1, "ip": "10.9.0.10"],
                            ["network": 0, "ip": "192.168.150.131", "parent": "front"],
                        ],
                    ]),
                machine(
                    87, "vr2-0",
                    [
                        "backend": true,
                        "nics": [
                            ["network": 0, "ip": "192.168.150.133"], ["network": 1, "ip": "10.9.0.11"],
                        ],
                    ]),
                machine(
                    88, "vr2-1",
                    [
                        "backend": true,
                        "nics": [
                            ["network": 0, "ip": "192.168.150.134"], ["network": 1, "ip": "10.9.0.12"],
                        ],
                    ]),
            ]
            routers.append([
                "id": 1, "name": "vr2", "vms": [87, 88],
                "nics": [
                    [
                        "AR_ID": "0", "FLOATING_IP": "YES", "NETWORK": "private", "NETWORK_ID": "0",
                        "NETWORK_UNAME": "oneadmin", "NIC_ID": "0", "VROUTER_IP": "192.168.150.132",
                        "VROUTER_MAC": "02:00:c0:a8:96:84",
                    ],
                    ["NETWORK": "foreign", "NETWORK_ID": "1", "NETWORK_UNAME": "oneadmin", "NIC_ID": "1"],
                ],
            ])
            foreignRanges = [
                [
                    "AR_ID": "0", "IP": "10.9.0.10", "MAC": "02:00:0a:09:00:0a", "NEXT_INDEX": "3",
                    "SHARED": "NO",
                    "SIZE": "20", "TYPE": "IP4", "MAC_END": "02:00:0a:09:00:1d", "IP_END": "10.9.0.29",
                ],
                [
                    "AR_ID": "1", "GLOBAL_PREFIX": "2001:db8:a::", "IP": "10.9.0.40",
                    "MAC": "02:00:0a:09:00:28",
                    "NEXT_INDEX": "0", "SHARED": "NO", "SIZE": "5", "TYPE": "IP4_6", "ULA_PREFIX": "fd00:a::",
                    "MAC_END": "02:00:0a:09:00:2c", "IP_END": "10.9.0.44", "IP6_ULA": "fd00:a::aff:fe09:28",
                    "IP6_ULA_END": "fd00:a::aff:fe09:2c", "IP6_GLOBAL": "2001:db8:a::aff:fe09:28",
                    "IP6_GLOBAL_END": "2001:db8:a::aff:fe09:2c",
                ],
            ]
        }
        var networks: [JSON] = [
            [
                "id": 0, "name": "private", "first_ip": "192.168.150.100", "size": 100,
                "next_index": isLate ? 35 : 17, "template": privateTemplate,
            ],
            [
                "id": 2, "name": "reserved", "parent": 0, "template": privateTemplate,
                "ranges": [
                    [
                        "AR_ID": "0", "IP": "192.168.150.100", "MAC": "02:00:c0:a8:96:64", "NEXT_INDEX": "0",
                        "PARENT_NETWORK_AR_ID": "0", "SHARED": "NO", "SIZE": "10", "TYPE": "IP4",
                        "MAC_END": "02:00:c0:a8:96:6d", "IP_END": "192.168.150.109",
                    ]
                ],
            ],
        ]
        var foreign: OrderedDictionary<String, JSON> = [
            "id": 1, "name": "foreign", "first_ip": "10.9.0.10", "size": 20,
            "template": ["NETWORK_ADDRESS": "10.9.0.0", "NETWORK_MASK": "255.255.255.0"],
        ]
        if isLate { foreign["ranges"] = .array(foreignRanges) }
        networks.append(.object(foreign))
        var services: [JSON] = [
            [
                "id": 3, "name": "PANACEA service",
                "roles": [
                    ["name": "master", "vms": [1], "minimum": 1],
                    ["name": "slave", "vms": [2, 3], "minimum": 1, "maximum": 4],
                ],
            ],
            [
                "id": 4, "name": "gated", "gated": true, "state": 1,
                "roles": [
                    ["name": "first", "vms": [6], "state": 1],
                    ["name": "second", "vms": [], "cardinality": 1, "state": 0, "vm_owner": 1],
                ],
            ],
        ]
        if let service { services.append(service) }
        return try Cloud(scenario: [
            "users": [
                [
                    "id": 1, "name": "serveradmin", "group_id": 0, "group_name": "oneadmin",
                    "administrator": true,
                ],
                ["id": 3, "name": "bob"],
            ],
            "networks": .array(networks), "vms": .array(machines + more), "services": .array(services),
            "vrouters": .array(routers),
            "settings": [
                "scheduler": false, "transition_seconds": 1000, "scaling_seconds": 1000,
                "cooldown_seconds": 1000,
                "ready_seconds": 1000,
            ],
        ])
    }

    /// A VM for actions.
    static func acting(_ id: Int, _ name: String, owner: Int = 2, pending: Bool = false) -> JSON {
        machine(
            id, name, owner: owner,
            pending
                ? [
                    "state": "PENDING",
                    "attributes": ["HYPERVISOR": "dummy", "SCHED_REQUIREMENTS": "NAME=\"nowhere\""],
                ] : .emptyObject)
    }

    /// Service 5 as scaling found it.
    static func scaled(master: Int, slaves: [Int], nextSlave: Int) -> (service: JSON, machines: [JSON]) {
        let roles: JSON = [
            ["name": "master", "vms": [.number("\(master)")], "minimum": 1, "next_number": 1],
            [
                "name": "slave", "vms": .array(slaves.map { .number("\($0)") }), "minimum": 1, "maximum": 4,
                "next_number": .number("\(nextSlave)"),
            ],
        ]
        let names = slaves.enumerated().map { ($1, "slave_\(nextSlave - slaves.count + $0)_(service_5)") }
        let masterName = master == 74 ? "master_0_(service_5)" : "master_1_(service_5)"
        return (
            ["id": 5, "name": "PANACEA service", "roles": roles],
            ([(master, masterName)] + names).map { machine($0, $1) }
        )
    }
}
