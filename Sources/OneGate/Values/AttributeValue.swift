import OrderedCollections

/// The value of an attribute of a user template.
///
/// Values are compared byte for byte: an accented letter in one piece is not the same as the letter and an accent.
public enum AttributeValue: Sendable {
    /// A single value.
    case text(String)
    /// A vector attribute: keys with a value each, in their order.
    case vector(OrderedDictionary<String, String>)
    /// An attribute that is there several times; its elements are texts and vectors.
    case list([AttributeValue])
}

extension AttributeValue: Hashable {
    /// Whether the values are the same bytes, in the same order.
    public static func == (one: AttributeValue, other: AttributeValue) -> Bool {
        switch (one, other) {
        case (.text(let one), .text(let other)): one.utf8.elementsEqual(other.utf8)
        case (.vector(let one), .vector(let other)):
            one.count == other.count
                && zip(one, other).allSatisfy { first, second in
                    first.key.utf8.elementsEqual(second.key.utf8)
                        && first.value.utf8.elementsEqual(second.value.utf8)
                }
        case (.list(let one), .list(let other)): one == other
        default: false
        }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .text(let text):
            hasher.combine(0)
            hasher.combine(bytesOf: text)
        case .vector(let keys):
            hasher.combine(1)
            hasher.combine(keys.count)
            for (key, value) in keys {
                hasher.combine(bytesOf: key)
                hasher.combine(bytesOf: value)
            }
        case .list(let elements):
            hasher.combine(2)
            hasher.combine(elements)
        }
    }

    /// The value as the server shows it in a VM's `USER_TEMPLATE`; nil for what is no attribute's value.
    ///
    /// A text is a text, an object a vector (an empty one is an empty text), an array a repeated attribute.
    public init?(json: JSON) {
        switch json {
        case .object(let members) where members.isEmpty: self = .text("")
        case .object(let members):
            var keys: OrderedDictionary<String, String> = [:]
            for (key, value) in members {
                guard let text = value.scalar ?? (value.members?.isEmpty == true ? "" : nil) else {
                    return nil
                }
                keys[key] = text
            }
            self = .vector(keys)
        case .array(let elements):
            var values: [AttributeValue] = []
            for element in elements {
                guard let value = AttributeValue(json: element) else { return nil }
                if case .list = value { return nil }
                values.append(value)
            }
            self = .list(values)
        default:
            guard let text = json.scalar else { return nil }
            self = .text(text)
        }
    }
}

extension Hasher {
    /// Hashes a text's bytes; `combine` of the text would hash what it looks like.
    mutating func combine(bytesOf text: String) {
        var text = text
        text.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
        combine(UInt8(0xFF))
    }
}
