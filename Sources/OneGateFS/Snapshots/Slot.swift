/// What is known of one thing of the server's, and since when.
struct Slot<Value> {
    /// What is known.
    enum Knowledge {
        case unknown
        case present(Value)
        case absent
    }

    private(set) var knowledge: Knowledge = .unknown
    /// When the request that told so was begun: what was true then is known.
    private(set) var asked: ContinuousClock.Instant?
    /// Answers to requests begun before this say nothing: we changed the thing since.
    private var floor: ContinuousClock.Instant?

    /// The value, however old.
    var value: Value? {
        if case .present(let value) = knowledge { value } else { nil }
    }

    /// Takes in an answer, unless a later request's answer is here already.
    mutating func learn(_ knowledge: Knowledge, asked: ContinuousClock.Instant) -> Bool {
        if let known = self.asked, asked < known { return false }
        if let floor, asked < floor { return false }
        self.knowledge = knowledge
        self.asked = asked
        return true
    }

    /// From now on only answers to new requests count. What is known stays for comparison.
    mutating func expire(at now: ContinuousClock.Instant) {
        asked = nil
        floor = now
    }

    /// Whether what is known was asked for at this moment or later.
    func isKnown(since limit: ContinuousClock.Instant) -> Bool { asked.map { $0 >= limit } ?? false }
}
