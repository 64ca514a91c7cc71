import Glibc

/// What the contract's sections 2 to 5 say about files that several mounts of one server show: as small as it can be,
/// with no idea of requests, caches and kernels.
struct Model: Sendable {
    /// An attribute on the server.
    enum Value: Hashable, Sendable {
        case text([UInt8])
        case vector([PlaceName: [UInt8]])
    }

    /// What a path is for a mount.
    enum Node: Hashable, Sendable {
        case none
        case file([UInt8])
        case scratch([UInt8])
        case folder([PlaceName: [UInt8]])
    }

    /// What a mount shows that the server does not have.
    struct Mount: Hashable, Sendable {
        var scratch: [Place: [UInt8]] = [:]
        /// Vector attributes without keys.
        var begun: Set<Place> = []
        /// Files that an open made which did not store anything yet.
        var created: [Place: Int] = [:]
        /// The bits that the mount shows nobody (`umask`).
        let umask: UInt32
    }

    /// An open file.
    struct Open: Hashable, Sendable {
        enum Kind: Hashable, Sendable {
            case reading([UInt8])
            case scratch
            case attribute(ModelSession)
        }

        let mount: Int
        let place: Place
        let flags: Int32
        var kind: Kind
        var position = 0
        /// Somebody truncated the file on the same mount: what is read next may be cut, as on any file system.
        var mayBeCut = false

        var mode: Int32 { flags & O_ACCMODE }
        var appends: Bool { flags & O_APPEND != 0 }
    }

    /// The call makes no sense now, or nothing is said about it.
    struct NotSaid: Error {}

    /// What a call comes to.
    struct Expectation: Sendable {
        var outcomes: Set<CallOutcome>
        /// The server may get to know of it only after the call.
        var isLate = false

        static func failed(_ number: Int32) -> Expectation { Expectation(outcomes: [.failed(number)]) }
        static func one(_ outcome: CallOutcome) -> Expectation { Expectation(outcomes: [outcome]) }
        static func refused(_ numbers: Set<Int32>) -> Expectation {
            Expectation(outcomes: Set(numbers.map { .failed($0) }))
        }
    }

    static let machines = [8, 9]

    var server: [Place: Value] = [:]
    var mounts: [Mount]
    var opens: [Int: Open] = [:]
    /// Tells apart the names of those who use the mounts at the same time.
    let prefix: String

    init(umasks: [UInt32], prefix: String) {
        mounts = umasks.map { Mount(umask: $0) }
        self.prefix = prefix
        for vm in Model.machines { server[Place(vm: vm, name: .restricted)] = .text(Array("3".utf8)) }
    }

    // MARK: What is there

    func node(_ place: Place, _ mount: Int) -> Node {
        if place.key != nil {
            guard case .folder(let keys) = node(place.folder, mount) else { return .none }
            return leaf(place, mount, keys[place.leaf])
        }
        switch server[place] {
        case .vector(let keys) where mounts[mount].scratch[place] == nil: return .folder(keys)
        case .text(let value): return leaf(place, mount, value)
        default: return leaf(place, mount, nil)
        }
    }

    private func leaf(_ place: Place, _ mount: Int, _ value: [UInt8]?) -> Node {
        if let bytes = mounts[mount].scratch[place] { return .scratch(bytes) }
        if let value { return .file(value + [0x0A]) }
        if mounts[mount].begun.contains(place) { return .folder([:]) }
        return mounts[mount].created[place] == nil ? .none : .file([])
    }

    /// Why a path's folder cannot be entered, if so.
    func missingFolder(_ place: Place, _ mount: Int) -> Int32? {
        guard place.key != nil else { return nil }
        switch node(place.folder, mount) {
        case .folder: return nil
        case .none: return ENOENT
        case .file, .scratch: return ENOTDIR
        }
    }

    func names(in vm: Int, _ name: PlaceName?, _ mount: Int) -> [String] {
        let all = PlaceName.allCases.filter { $0 != .restricted }
        return all.map { name == nil ? Place(vm: vm, name: $0) : Place(vm: vm, name: name ?? .a, key: $0) }
            .filter { node($0, mount) != .none }.map { $0.leaf.text(prefix) }.sorted()
    }

    func isOpen(scratch place: Place, _ mount: Int) -> Bool {
        opens.values.contains { $0.kind == .scratch && $0.place == place && $0.mount == mount }
    }

    // MARK: Storing

    /// Stores a value; nil when it was stored, or with which errnos it may be refused.
    mutating func store(
        _ content: [UInt8], _ edits: [ModelSession.Edit]? = nil, base: [UInt8] = [], at place: Place,
        by mount: Int
    ) throws(NotSaid) -> (stored: [UInt8], problems: Set<Int32>) {
        for other in mounts.indices where other != mount {
            // Two mounts have different ideas of a vector attribute that one began.
            if mounts[other].begun.contains(place.folder) { throw NotSaid() }
        }
        if place.key != nil, server[place.folder] == nil { try becomesFolder(place.folder, mount) }
        var whole = content
        if let edits {
            var before: [UInt8]?
            switch server[place.folder] {
            case .text(let value) where place.key == nil: before = value + [0x0A]
            case .vector(let keys): before = place.key.flatMap { keys[$0] }.map { $0 + [0x0A] }
            default: break
            }
            let onlyAppends = !edits.contains { if case .append = $0 { false } else { true } }
            if onlyAppends { before = before ?? [] }
            if let before, ModelValue.value(of: before) != ModelValue.value(of: base) {
                whole = edits.reduce(onlyAppends && before == [0x0A] ? [] : before) { $1.made(of: $0) }
            }
        }
        let value = ModelValue.value(of: whole)
        let problems = ModelValue.problems(value)
        if !problems.isEmpty { return (whole, problems) }
        if place.name == .restricted { return (whole, [EPERM]) }
        if let key = place.key {
            switch server[place.folder] {
            case .text: return (whole, [ENOTDIR])
            case .vector(let keys):
                server[place.folder] = .vector(keys.merging([key: value]) { $1 })
            case nil: server[place.folder] = .vector([key: value])
            }
        } else {
            server[place] = .text(value)
        }
        mounts[mount].begun.remove(place.folder)
        mounts[mount].created[place] = nil
        return (whole, [])
    }

    /// Nothing is said about a name that becomes a folder for one while another made it as a file and did not write yet, or has
    /// scratch files of a folder that went.
    func becomesFolder(_ place: Place, _ mount: Int?) throws(NotSaid) {
        for other in mounts.indices where other != mount {
            if mounts[other].created[place] != nil { throw NotSaid() }
            if case .folder = node(place, other) { continue }
            try hasNoOldScratch(place, other)
        }
    }

    func hasNoOldScratch(_ place: Place, _ mount: Int) throws(NotSaid) {
        if mounts[mount].scratch.keys.contains(where: { $0.key != nil && $0.folder == place }) {
            throw NotSaid()
        }
    }

    /// Erases an attribute or a key; the errno with which it fails.
    mutating func erase(_ place: Place, by mount: Int) -> Int32? {
        if place.name == .restricted { return EPERM }
        guard let key = place.key, case .vector(var keys)? = server[place.folder] else {
            server[place.folder] = nil
            return nil
        }
        keys[key] = nil
        server[place.folder] = keys.isEmpty ? nil : .vector(keys)
        if keys.isEmpty { mounts[mount].begun.insert(place.folder) }
        return nil
    }

    /// Does what a session says.
    mutating func carryOut(
        _ step: ModelSession.Step, _ session: inout ModelSession, _ open: Open, otherwise: CallOutcome
    ) throws(NotSaid) -> Expectation {
        switch step {
        case .nothing: return .one(otherwise)
        case .refuse(let problems): return .refused(problems)
        case .store(let content, let edits, let base):
            let (stored, problems) = try store(content, edits, base: base, at: open.place, by: open.mount)
            guard problems.isEmpty else { return .refused(problems) }
            session.stored(stored)
            return .one(otherwise)
        }
    }
}
