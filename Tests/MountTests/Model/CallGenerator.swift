import Glibc

/// Random calls, the same ones for the same seed.
struct CallGenerator {
    private var random: PropertyTests.Generator
    private let mounts: Int
    /// Whether somebody else changes the server.
    private let hasOthers: Bool
    /// Whether what is restricted is used, whose name is the same for everybody.
    private let isAlone: Bool

    init(seed: UInt64, mounts: Int, hasOthers: Bool, isAlone: Bool) {
        self.isAlone = isAlone
        random = PropertyTests.Generator(state: seed)
        self.mounts = mounts
        self.hasOthers = hasOthers
    }

    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    private mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    private mutating func one<Element>(of elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    /// Calls as programs make them, more or less: what has been opened is used and closed.
    mutating func next(_ model: Model) -> FileCall {
        let slots = Array(model.opens.keys).sorted()
        if !slots.isEmpty, chance(45) { return onOpen(one(of: slots)) }
        let mount = below(mounts)
        switch below(100) {
        case 0..<16 where slots.count < 4:
            let slot = (0..<4).first { model.opens[$0] == nil } ?? 0
            return .open(slot: slot, mount: mount, place(), flags: flags())
        case 0..<30: return .writeWhole(mount: mount, place(), content())
        case 30..<42: return .readWhole(mount: mount, place())
        case 42..<50: return .status(mount: mount, place())
        case 50..<56:
            return .list(mount: mount, vm: one(of: Model.machines), chance(50) ? nil : name(scratch: 5))
        case 56..<65: return .unlink(mount: mount, place())
        case 65..<71: return .makeFolder(mount: mount, place(keys: 5))
        case 71..<74: return .removeFolder(mount: mount, place(keys: 5))
        case 74..<84: return .rename(mount: mount, place(), to: place(), replaces: chance(85))
        case 84..<88:
            return .truncate(mount: mount, place(), chance(40) ? 0 : below(12))
        case 88..<89: return .changeMode(mount: mount, place(), one(of: [0o644, 0o600, 0o755, 0o400, 0o666]))
        case 89..<90: return .setTimes(mount: mount, place())
        case 90..<93:
            var values = [PlaceName: [UInt8]]()
            for _ in 0...below(3) { values[one(of: PlaceName.attributes)] = value() }
            if isAlone, chance(5) { values[.restricted] = Array("4".utf8) }
            return .update(mount: mount, vm: one(of: Model.machines), values)
        default:
            guard hasOthers else { return .status(mount: mount, place()) }
            let place = Place(vm: one(of: Model.machines), name: one(of: PlaceName.attributes))
            if chance(30) { return .serverErases(place) }
            if chance(60) { return .serverSets(place, .text(value())) }
            var keys = [PlaceName: [UInt8]]()
            for _ in 0...below(3) { keys[one(of: PlaceName.attributes)] = value() }
            return .serverSets(place, .vector(keys))
        }
    }

    private mutating func onOpen(_ slot: Int) -> FileCall {
        switch below(100) {
        case 0..<15: .read(slot: slot, count: one(of: [1, 3, 100, 5000, 100_000]))
        case 15..<25: .readAt(slot: slot, count: one(of: [1, 100, 5000]), offset: below(8))
        case 25..<45: .write(slot: slot, content())
        case 45..<53: .writeAt(slot: slot, content(), offset: chance(50) ? 0 : below(8))
        case 53..<59: .resize(slot: slot, chance(40) ? 0 : below(12))
        case 59..<63: .sync(slot: slot)
        default: .close(slot: slot)
        }
    }

    // MARK: Parts

    private mutating func name(scratch: Int) -> PlaceName {
        if chance(scratch) { return one(of: PlaceName.scratch) }
        if chance(3) { return .lowerCase }
        if isAlone, chance(3) { return .restricted }
        return one(of: PlaceName.attributes)
    }

    private mutating func place(keys: Int = 25) -> Place {
        let vm = one(of: Model.machines)
        guard chance(keys) else { return Place(vm: vm, name: name(scratch: 15)) }
        let key = name(scratch: 10)
        return Place(vm: vm, name: one(of: PlaceName.attributes), key: key == .restricted ? .a : key)
    }

    private mutating func flags() -> Int32 {
        var flags = one(of: [O_RDONLY, O_WRONLY, O_WRONLY, O_RDWR])
        if chance(50) { flags |= O_CREAT }
        if chance(15) { flags |= O_EXCL | O_CREAT }
        if flags & O_ACCMODE != O_RDONLY {
            if chance(40) { flags |= O_TRUNC }
            if chance(30) { flags |= O_APPEND }
        }
        return flags
    }

    private mutating func value() -> [UInt8] {
        Array(
            PropertyTests.value(&random, upTo: chance(2) ? 20_000 : 6_000).utf8.prefix(
                chance(90) ? 60 : 20_000)
        )
        .validPrefix
    }

    /// Mostly a value and a newline.
    private mutating func content() -> [UInt8] {
        switch below(100) {
        case 0..<60: value() + [0x0A]
        case 60..<75: value()
        case 75..<80: Array(one(of: [" x", "x ", "x\\", "a\rb", "x]]>y", "\u{1F600}", "\n\n", "\u{1}"]).utf8)
        case 80..<82: (0..<below(6)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // A piece of a longer value: a whole block, perhaps cut where it is no value.
        case 82..<92:
            Array(
                ([UInt8](repeating: 0x61, count: 509)
                    + Array(one(of: ["abc", "ab ", "a\u{E9}", "ab\n", "b \\"]).utf8)).prefix(512))
        case 92..<95: []
        default: Array("\n".utf8)
        }
    }
}

extension [UInt8] {
    /// As much of it as the server can store.
    fileprivate var validPrefix: [UInt8] {
        var result = self
        while !ModelValue.problems(result).isEmpty, !result.isEmpty { result.removeLast() }
        return result
    }
}
