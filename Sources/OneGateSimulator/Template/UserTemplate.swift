import OneGate
import OrderedCollections

/// The user template of a VM, as the core keeps it: attributes in the order of their names' bytes,
/// those of one name in the order in which they were added.
struct UserTemplate: Hashable, Sendable {
    /// A pair of a vector attribute.
    struct Pair: Hashable, Sendable {
        var key: String
        var value: String
    }

    enum Value: Hashable, Sendable {
        case single(String)
        /// In the order of the keys' bytes.
        case vector([Pair])
    }

    struct Attribute: Hashable, Sendable {
        var name: String
        var value: Value
    }

    private(set) var attributes: [Attribute] = []

    init() {}

    /// A template of attributes in any order.
    init(_ attributes: [Attribute]) {
        for attribute in attributes { add(attribute) }
    }

    /// A template from what a server shows of one: strings, objects of strings, and arrays of both.
    init(_ json: JSON) {
        for (name, value) in json.members ?? [:] { set(name, to: value) }
    }

    /// Adds an attribute after those with its name.
    mutating func add(_ attribute: Attribute) {
        var low = attributes.startIndex
        var high = attributes.endIndex
        while low < high {
            let middle = (low + high) / 2
            if UserTemplate.precedes(attribute.name, attributes[middle].name) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        attributes.insert(attribute, at: low)
    }

    /// Replaces all attributes of a name by what `value` stands for.
    mutating func set(_ name: String, to value: JSON) {
        erase(name)
        for element in value.elements ?? [value] {
            add(Attribute(name: name, value: UserTemplate.value(element)))
        }
    }

    /// Erases the attributes of a name, and tells whether there were any.
    @discardableResult
    mutating func erase(_ name: String) -> Bool {
        let count = attributes.count
        attributes.removeAll { UserTemplate.same($0.name, name) }
        return attributes.count < count
    }

    /// Replaces, for every name that `other` has, all attributes of that name. A vector without
    /// keys only erases.
    mutating func merge(_ other: UserTemplate) {
        let names = Set(other.attributes.map { Array($0.name.utf8) })
        attributes.removeAll { names.contains(Array($0.name.utf8)) }
        for attribute in other.attributes where attribute.value != .vector([]) { add(attribute) }
    }

    func values(_ name: String) -> [Value] {
        attributes.compactMap { UserTemplate.same($0.name, name) ? $0.value : nil }
    }

    /// The text of all attributes of a name, one after the other, as the server's XPath lookups see it.
    func text(_ name: String) -> String? {
        let values = values(name)
        return values.isEmpty ? nil : values.map(\.text).joined()
    }

    /// What the server shows: a string, an object for a vector, an array when a name is repeated.
    var json: JSON {
        var members: OrderedDictionary<String, JSON> = [:]
        for attribute in attributes {
            let value = attribute.value.json
            switch members[attribute.name] {
            case nil: members[attribute.name] = value
            case .array(let elements): members[attribute.name] = .array(elements + [value])
            case .some(let first): members[attribute.name] = .array([first, value])
            }
        }
        return .object(members)
    }

    /// The attributes of a name as `json` shows them, or nil.
    func json(_ name: String) -> JSON? {
        let values = values(name).map(\.json)
        return values.count > 1 ? .array(values) : values.first
    }

    /// Whether a value or a key holds a character outside the Basic Multilingual Plane, which
    /// makes every call about the VM fail.
    var isOutsideBMP: Bool {
        attributes.contains { attribute in
            switch attribute.value {
            case .single(let text): text.isOutsideBMP
            case .vector(let pairs): pairs.contains { $0.value.isOutsideBMP || $0.key.isOutsideBMP }
            }
        }
    }

    static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    static func same(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

    private static func value(_ json: JSON) -> Value {
        if let members = json.members {
            return .vector(
                members.map { Pair(key: $0.key, value: $0.value.scalar ?? "") }
                    .sorted { precedes($0.key, $1.key) })
        }
        return .single(json.scalar ?? "")
    }
}

extension UserTemplate.Value {
    var json: JSON {
        switch self {
        case .single(let text): .string(text)
        case .vector(let pairs):
            .object(OrderedDictionary(pairs.map { ($0.key, JSON.string($0.value)) }) { _, last in last })
        }
    }

    var text: String {
        switch self {
        case .single(let text): text
        case .vector(let pairs): pairs.map(\.value).joined()
        }
    }
}

extension String {
    /// Whether there is a character outside the Basic Multilingual Plane.
    var isOutsideBMP: Bool { utf8.contains { $0 >= 0xF0 } }

    /// Upper case as the core makes it: ASCII letters only.
    var asciiUppercased: String {
        String(
            decoding: utf8.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 32 : $0 },
            as: UTF8.self)
    }
}

extension Sequence<UInt8> {
    /// Whether the bytes of `]]>` appear in a row.
    var hasCDATAEnd: Bool {
        var brackets = 0
        for byte in self {
            if byte == UInt8(ascii: "]") {
                brackets += 1
            } else {
                if byte == UInt8(ascii: ">"), brackets >= 2 { return true }
                brackets = 0
            }
        }
        return false
    }
}
