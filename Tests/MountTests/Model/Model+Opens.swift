import Glibc

/// Open files in the model.
extension Model {
    mutating func open(_ slot: Int, _ mount: Int, _ place: Place, _ flags: Int32) throws(NotSaid)
        -> Expectation
    {
        let mode = flags & O_ACCMODE
        // What O_RDONLY|O_TRUNC does is unspecified (POSIX).
        guard opens[slot] == nil, mode != O_RDONLY || flags & O_TRUNC == 0 else { throw NotSaid() }
        if let number = missingFolder(place, mount) { return .failed(number) }
        let found = node(place, mount)
        let creates = flags & O_CREAT != 0
        let truncates = flags & O_TRUNC != 0
        if creates, flags & O_EXCL != 0, found != .none { return .failed(EEXIST) }
        let kind: Open.Kind
        switch found {
        case .folder:
            guard mode != O_RDONLY || creates else { throw NotSaid() }
            return .failed(EISDIR)
        case .file(let bytes):
            if truncates { cutReaders(of: place, mount) }
            kind =
                mode == O_RDONLY
                ? .reading(bytes)
                : .attribute(
                    ModelSession(
                        content: truncates ? [] : bytes, appends: flags & O_APPEND != 0,
                        isEmptied: truncates, isNew: false))
        case .scratch(let bytes):
            if truncates { mounts[mount].scratch[place] = [] }
            kind = mode == O_RDONLY ? .reading(bytes) : .scratch
        case .none:
            guard creates else { return .failed(ENOENT) }
            if place.leaf.isScratch {
                mounts[mount].scratch[place] = []
                kind = .scratch
            } else if place.leaf.isAttribute {
                // What is made with O_EXCL has nothing to be truncated: Linux drops the flag (fs/namei.c).
                let truncates = truncates && flags & O_EXCL == 0
                mounts[mount].created[place] = slot
                kind = .attribute(
                    ModelSession(
                        content: [], appends: flags & O_APPEND != 0, isEmptied: truncates, isNew: !truncates))
            } else {
                return .failed(EINVAL)
            }
        }
        opens[slot] = Open(mount: mount, place: place, flags: flags, kind: kind)
        return .one(.done)
    }

    /// Says that somebody truncates a file.
    mutating func cutReaders(of place: Place, _ mount: Int) {
        for (slot, open) in opens where open.place == place && open.mount == mount {
            if case .reading = open.kind { opens[slot]?.mayBeCut = true }
        }
    }

    mutating func read(_ slot: Int, _ count: Int, at offset: Int?) throws(NotSaid) -> Expectation {
        guard var open = opens[slot] else { throw NotSaid() }
        if open.mode == O_WRONLY { return .failed(EBADF) }
        // Where an appending open is after it wrote is known only to the kernel.
        if offset == nil, open.appends { throw NotSaid() }
        let content: [UInt8]
        switch open.kind {
        case .reading(let bytes): content = bytes
        case .scratch: content = mounts[open.mount].scratch[open.place] ?? []
        case .attribute(let session): content = session.content
        }
        // Nobody can say where it is after that.
        if offset == nil, open.mayBeCut { throw NotSaid() }
        let bytes = Array(content.dropFirst(offset ?? open.position).prefix(count))
        if open.mayBeCut {
            opens[slot]?.mayBeCut = false
            return Expectation(outcomes: Set((0...bytes.count).map { .bytes(Array(bytes.prefix($0))) }))
        }
        if offset == nil { open.position += bytes.count }
        opens[slot] = open
        return .one(.bytes(bytes))
    }

    mutating func write(_ slot: Int, _ data: [UInt8], at offset: Int?) throws(NotSaid) -> Expectation {
        guard var open = opens[slot] else { throw NotSaid() }
        if open.mode == O_RDONLY { return .failed(EBADF) }
        if data.isEmpty { return .one(.count(0)) }
        let position = offset ?? open.position
        let expected: Expectation
        switch open.kind {
        case .reading: throw NotSaid()
        case .scratch:
            let bytes = mounts[open.mount].scratch[open.place] ?? []
            mounts[open.mount].scratch[open.place] =
                open.appends ? bytes + data : bytes.overwritten(data, at: position)
            expected = .one(.count(data.count))
        case .attribute(var session):
            let step = session.write(data, at: position)
            expected = try carryOut(step, &session, open, otherwise: .count(data.count))
            open.kind = .attribute(session)
        }
        if offset == nil, expected.outcomes == [.count(data.count)] { open.position += data.count }
        opens[slot] = open
        return expected
    }

    mutating func resize(_ slot: Int, _ size: Int) throws(NotSaid) -> Expectation {
        guard var open = opens[slot] else { throw NotSaid() }
        if open.mode == O_RDONLY { return .failed(EINVAL) }
        switch open.kind {
        case .reading: throw NotSaid()
        case .scratch:
            mounts[open.mount].scratch[open.place] =
                (mounts[open.mount].scratch[open.place] ?? []).resized(to: size)
            return .one(.done)
        case .attribute(var session):
            cutReaders(of: open.place, open.mount)
            let expected = try carryOut(session.resize(to: size), &session, open, otherwise: .done)
            open.kind = .attribute(session)
            opens[slot] = open
            return expected
        }
    }

    mutating func sync(_ slot: Int) throws(NotSaid) -> Expectation {
        guard var open = opens[slot] else { throw NotSaid() }
        guard case .attribute(var session) = open.kind else { return .one(.done) }
        let expected = try carryOut(session.flush(), &session, open, otherwise: .done)
        open.kind = .attribute(session)
        opens[slot] = open
        return expected
    }

    mutating func close(_ slot: Int) throws(NotSaid) -> Expectation {
        var expected = try sync(slot)
        guard let open = opens.removeValue(forKey: slot) else { throw NotSaid() }
        if mounts[open.mount].created[open.place] == slot { mounts[open.mount].created[open.place] = nil }
        guard case .attribute(let session) = open.kind else { return expected }
        if session.isEmptied || session.isNew && isMissing(open.place) {
            _ = try store([], at: open.place, by: open.mount)
            expected.isLate = true
        } else if session.isNew {
            expected.isLate = true
        }
        return expected
    }

    private func isMissing(_ place: Place) -> Bool {
        switch server[place.folder] {
        case nil: true
        case .text: false
        case .vector(let keys): place.key.map { keys[$0] == nil } ?? false
        }
    }
}
