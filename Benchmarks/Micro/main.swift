// Usage: microbenchmarks [ROUNDS]
//
// What the pure parts cost: parsing an answer, building a tree, finding differences, encoding values.

import FUSE
import OneGate
import OneGateFS

let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 21
let machines = 1000

/// A VM as the server sends it within a service (`extended`).
func text(machine id: Int, attribute: String = "YES") -> String {
    let permissions = [
        "OWNER_U", "OWNER_M", "OWNER_A", "GROUP_U", "GROUP_M", "GROUP_A", "OTHER_U", "OTHER_M",
    ]
    .map { "\"\($0)\":\"0\"" }.joined(separator: ",")
    let attributes = (0..<10).map { "\"ENTRY_\($0)\":\"value \($0) of \(id)\"" }.joined(separator: ",")
    return """
        {"VM":{"ID":"\(id)","UID":"2","GID":"1","UNAME":"alice","GNAME":"users","NAME":"slave_\(id)_(service_3)",\
        "PERMISSIONS":{\(permissions)},"LAST_POLL":"0","STATE":"3","LCM_STATE":"3","PREV_STATE":"3","PREV_LCM_STATE":"3",\
        "RESCHED":"0","STIME":"1795335080","ETIME":"0","DEPLOY_ID":"node1:slave:dummy","MONITORING":{},"SCHED_ACTIONS":{},\
        "TEMPLATE":{"AUTOMATIC_REQUIREMENTS":"!(PIN_POLICY = PINNED)","CPU":"0.1","CREATED_BY":"2","MEMORY":"128",\
        "NIC":{"AR_ID":"0","BRIDGE":"br0","CLUSTER_ID":"0","DNS":"192.168.150.1 1.1.1.1","GATEWAY":"192.168.150.1",\
        "IP":"192.168.150.\(id % 256)","MAC":"02:00:c0:a8:96:64","NAME":"NIC0","NETWORK":"private","NETWORK_ID":"0",\
        "NIC_ID":"0","SECURITY_GROUPS":"0","TARGET":"one-\(id)-0"},"TEMPLATE_ID":"0","VCPU":"1","VMID":"\(id)"},\
        "USER_TEMPLATE":{"ACTIVE":"\(attribute)",\(attributes),"HYPERVISOR":"kvm","ROLE_NAME":"slave","SERVICE_ID":"3"},\
        "HISTORY_RECORDS":{"HISTORY":{"OID":"\(id)","SEQ":"0","HOSTNAME":"node1","HID":"0","STIME":"1795335085"}}}}
        """
}

func build(_ machine: VirtualMachine, previous: Directory?, _ version: UInt64) -> Directory {
    VirtualMachineTree.build(
        machine, previous: previous,
        stamp: Stamp(version: version, time: Timestamp(seconds: 0, nanoseconds: 0)),
        restricted: ["SERVICE_ID"])
}

let bodies = (1...machines).map { Array(text(machine: $0).utf8) }
let parsed = try bodies.map { try VirtualMachine(extended: JSON(parsing: $0)) }
let trees = parsed.map { build($0, previous: nil, 1) }
let changed = try (1...machines).map {
    try VirtualMachine(extended: JSON(parsing: Array(text(machine: $0, attribute: "NO").utf8)))
}
let changedTrees = zip(changed, trees).map { build($0, previous: $1, 2) }
let value = String(repeating: "a value, with = \"quotes\" and [brackets] é 中,\n", count: 20) + "its end"
let lines = (0..<100).map { "KEY_\($0)=\"value \($0)\"" }.joined(separator: "\n")

let benchmarks = [
    Benchmark(name: "parse the JSON of a VM (\(bodies[0].count) bytes)", unit: "VM", count: machines) {
        try bodies.reduce(0) { $0 + (try VirtualMachine(extended: JSON(parsing: $1)).id) }
    },
    Benchmark(name: "build the tree of a VM", unit: "VM", count: machines) {
        parsed.reduce(0) { $0 + build($1, previous: nil, 1).items.count }
    },
    Benchmark(name: "build it again, nothing changed", unit: "VM", count: machines) {
        zip(parsed, trees).reduce(0) { $0 + build($1.0, previous: $1.1, 2).items.count }
    },
    Benchmark(name: "build it again, one attribute changed", unit: "VM", count: machines) {
        zip(changed, trees).reduce(0) { $0 + build($1.0, previous: $1.1, 2).items.count }
    },
    Benchmark(name: "find no difference", unit: "VM", count: machines) {
        trees.reduce(0) { $0 + TreeChange.between($1, $1, at: ["vm", "8"]).count }
    },
    Benchmark(name: "find what changed", unit: "VM", count: machines) {
        zip(trees, changedTrees).reduce(0) { $0 + TreeChange.between($1.0, $1.1, at: ["vm", "8"]).count }
    },
    Benchmark(name: "encode a value (\(value.utf8.count) bytes)", unit: "value", count: 100) {
        try (0..<100).reduce(0) { sum, _ in
            sum + (try UserTemplate.encode([(name: "KEY", value: .text(value))]).utf8.count)
        }
    },
    Benchmark(name: "parse KEY=VALUE lines", unit: "line", count: 100) {
        try UpdateLines.parse(lines).count
    },
]

print("| what | us |\n|---|---|")
for benchmark in benchmarks {
    let time = try benchmark.measure(rounds: rounds)
    let tenths = Int((time * 100).rounded())
    print(
        "| \(benchmark.name) | \(tenths / 100).\(tenths % 100 < 10 ? "0" : "")\(tenths % 100) a \(benchmark.unit) |"
    )
}
