/// What follows `-o`: options by name, with or without a value, separated by commas. A backslash takes
/// the meaning from a comma or a backslash that follows it, as mount(8) and libfuse have it.
public struct OptionList: Sendable, Equatable {
    /// One option.
    public struct Option: Sendable, Equatable {
        /// The name.
        public let name: String
        /// What follows the equals sign, if there is one.
        public let value: String?
    }

    /// The options in their order.
    public private(set) var options: [Option] = []

    /// The options of several `-o`, in their order.
    public init(_ lists: [String]) {
        for list in lists {
            var item = ""
            var escaped = false
            for scalar in list.unicodeScalars {
                if escaped {
                    item.unicodeScalars.append(scalar)
                    escaped = false
                } else if scalar == "\\" {
                    escaped = true
                } else if scalar == "," {
                    add(item)
                    item = ""
                } else {
                    item.unicodeScalars.append(scalar)
                }
            }
            add(item)
        }
    }

    private mutating func add(_ item: String) {
        guard !item.isEmpty else { return }
        // Not by characters: an equals sign and an accent that follows it are one.
        let scalars = item.unicodeScalars
        guard let equals = scalars.firstIndex(of: "=") else {
            options.append(Option(name: item, value: nil))
            return
        }
        let value = String(scalars[scalars.index(after: equals)...])
        options.append(Option(name: String(scalars[..<equals]), value: value))
    }
}
