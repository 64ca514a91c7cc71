import OneGate
import OrderedCollections

/// A virtual network with its address ranges.
struct VirtualNetwork: Sendable {
    enum Holder: Hashable, Sendable {
        case machine(Int)
        case network(Int)
        case router(Int)
    }

    struct Lease: Sendable {
        var ip: String
        var mac: String
        var holder: Holder
    }

    struct AddressRange: Sendable {
        /// What the server shows before USED_LEASES.
        var members: Members
        var leases: [Lease] = []
    }

    let id: Int
    var name: String
    var ownerName = "oneadmin"
    var parent: Int?
    var ranges: [AddressRange]
    /// All of its TEMPLATE; the server shows what its configuration lists.
    var template: Members

    var usedLeases: Int { ranges.reduce(0) { $0 + $1.leases.count } }

    /// Takes the first free address of the first range that has one.
    mutating func takeAddress(for holder: Holder) -> Lease? {
        for index in ranges.indices {
            guard let first = IPv4(ranges[index].members["IP"]?.scalar ?? ""),
                let size = ranges[index].members["SIZE"]?.integer
            else { continue }
            let taken = Set(ranges[index].leases.map(\.ip))
            let start = ranges[index].members["NEXT_INDEX"]?.integer ?? 0
            for offset in (0..<size).map({ ($0 + start) % size }) {
                let address = first.advanced(by: offset)
                guard !taken.contains(address.description) else { continue }
                let lease = Lease(ip: address.description, mac: address.mac, holder: holder)
                ranges[index].leases.append(lease)
                ranges[index].members["NEXT_INDEX"] = .string("\(offset + 1)")
                return lease
            }
        }
        return nil
    }

    mutating func release(_ ip: String) {
        for index in ranges.indices { ranges[index].leases.removeAll { $0.ip == ip } }
    }

    /// An address range of IPv4 addresses.
    static func range(id: Int, first: String, size: Int) -> AddressRange {
        let start = IPv4(first) ?? IPv4(bits: 0)
        let last = start.advanced(by: size - 1)
        return AddressRange(members: [
            "AR_ID": .string("\(id)"), "IP": .string(first), "MAC": .string(start.mac), "NEXT_INDEX": "0",
            "SHARED": "NO", "SIZE": .string("\(size)"), "TYPE": "IP4", "MAC_END": .string(last.mac),
            "IP_END": .string(last.description),
        ])
    }
}

/// An IPv4 address, and the MAC address that OpenNebula makes of it.
struct IPv4: CustomStringConvertible {
    var bits: UInt32

    init(bits: UInt32) { self.bits = bits }

    init?(_ text: String) {
        let parts = text.split(separator: ".").compactMap { UInt32($0) }
        guard parts.count == 4, parts.allSatisfy({ $0 < 256 }) else { return nil }
        bits = parts.reduce(0) { $0 << 8 | $1 }
    }

    func advanced(by count: Int) -> IPv4 { IPv4(bits: bits &+ UInt32(truncatingIfNeeded: count)) }

    private var bytes: [UInt32] { [24, 16, 8, 0].map { bits >> $0 & 0xFF } }

    var description: String { bytes.map(String.init).joined(separator: ".") }

    var mac: String {
        "02:00:"
            + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
