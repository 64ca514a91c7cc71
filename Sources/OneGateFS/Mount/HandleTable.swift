/// What is open, by the number that the kernel has for it. A number is never given twice, and 0 is none.
struct HandleTable {
    private struct Slot {
        /// How many handles were in the slot before.
        var generation: UInt32 = 0
        var handle: Handle?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    /// How many are open.
    var count: Int { slots.count - free.count }

    /// Those that are open.
    var all: some Sequence<Handle> { slots.lazy.compactMap(\.handle) }

    /// Keeps a handle, and gives its number.
    mutating func add(_ handle: Handle) -> UInt64 {
        let index: UInt32
        if let last = free.popLast() {
            index = last
        } else {
            index = UInt32(slots.count)
            slots.append(Slot())
        }
        slots[Int(index)].handle = handle
        return UInt64(slots[Int(index)].generation) << 32 | UInt64(index + 1)
    }

    /// Takes a handle away.
    mutating func remove(_ number: UInt64) -> Handle? {
        guard let index = index(number), let handle = slots[index].handle.take() else { return nil }
        slots[index].generation &+= 1
        free.append(UInt32(index))
        return handle
    }

    /// The handle of a number, which may be replaced while it is there.
    subscript(number: UInt64) -> Handle? {
        get { index(number).flatMap { slots[$0].handle } }
        set {
            guard let index = index(number), let newValue else { return }
            slots[index].handle = newValue
        }
    }

    /// Whether something is changed through an open: told without a copy of what it holds.
    func isWriting(_ number: UInt64) -> Bool {
        guard let index = index(number), case .writing? = slots[index].handle else { return false }
        return true
    }

    private func index(_ number: UInt64) -> Int? {
        let index = Int(number & 0xFFFF_FFFF) - 1
        guard slots.indices.contains(index), slots[index].generation == UInt32(number >> 32),
            slots[index].handle != nil
        else { return nil }
        return index
    }
}
