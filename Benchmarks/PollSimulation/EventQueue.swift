/// What happens next: a binary heap of guests by time.
struct EventQueue {
    struct Event {
        let time: Int64
        let guest: Int32
    }

    private var events: [Event] = []

    var first: Event? { events.first }

    mutating func insert(_ event: Event) {
        events.append(event)
        var child = events.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if events[parent].time <= events[child].time { break }
            events.swapAt(parent, child)
            child = parent
        }
    }

    mutating func removeFirst() -> Event? {
        guard let first = events.first, let last = events.popLast() else { return nil }
        if events.isEmpty { return first }
        events[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= events.count { break }
            if child + 1 < events.count, events[child + 1].time < events[child].time { child += 1 }
            if events[parent].time <= events[child].time { break }
            events.swapAt(parent, child)
            parent = child
        }
        return first
    }
}
