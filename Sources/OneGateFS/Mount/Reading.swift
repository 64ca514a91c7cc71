import FUSE

/// Looking up, reading, listing.
extension OneGateFileSystem {
    /// Values up to this size live in the kernel's page cache; what is longer is read from us.
    static let cachedSizeLimit = 4096

    func lookup(_ request: consuming Request, parent: Inode, name: FileName) {
        // The kernel leaves this to us up to 1024 bytes, and looks up what is to be made, too.
        guard name.bytes.count <= Name.lengthLimit else {
            request.answer(.error(.nameTooLong))
            return
        }
        if opensAreLeft, let entry = revision(parent, name) {
            if !request.answer(.entry(entry)) { takeBack([entry.inode], nil) }
            return
        }
        serve(request, .lookup) { [self] state, query in
            guard let folder = state.inodes[parent] else { return .error(.noEntry) }
            switch child(name, of: folder, &state, query) {
            case .known(let found, let until):
                // Our own thread makes an event of what was there before, and is not to change what is there now.
                if query.isOurs, let node = state.inodes.child(name, of: folder),
                    state.inodes.isOther(node, isFolder: found.item.kind == .directory)
                {
                    return .error(.noEntry)
                }
                let node = state.inodes.node(
                    name, of: folder, kind: found.kind, isFolder: found.item.kind == .directory)
                if isRead(node, otherThan: found.item, query) { return .waits(node.inode) }
                let entry = entry(node, found.item, until: until, query, &state)
                return .reply(.entry(entry), lookups: [entry.inode])
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, parent, name)
            }
        }
    }

    func forget(_ inode: Inode, count: UInt64) {
        state.withLock { forget(inode, count: count, &$0) }
    }

    func forget(_ inode: Inode, count: UInt64, _ state: inout MountState) {
        let node = state.inodes[inode] ?? state.revisions[inode]?.node
        state.revisions.forget(inode, count: count)
        guard let known = node?.inode else { return }
        _ = state.inodes.forget(known, count: count)
        guard let node else { return }
        let wasHeld = state.interest.forget(node, at: .now)
        if wasHeld { forgotten() }
    }

    func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?) {
        serve(request, .getattr) { [self] state, query in
            if let revision = state.revisions[inode] {
                let entry = entry(revision, until: nil, query)
                return .reply(.attributes(entry.attributes, timeout: entry.attributeTimeout))
            }
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            // The kernel asks with the open file when that is what it reads: it gets the open's own version.
            if let file, case .reading(let reading)? = state.handles[file.handle] {
                if isRead(node, otherThan: .file(reading.file), query) { return .waits(inode) }
                let current = currentVersion(node, &state, query)
                let limit = node.tellSize(of: reading.file.version, at: query.arrival)
                let attributes = attributes(of: .file(reading.file), inode: inode)
                let until = current?.version == reading.file.version ? current?.until : query.arrival
                let longest = until.map { timeout(until: $0, query) } ?? 0
                return .reply(.attributes(attributes, timeout: min(longest, limit ?? .infinity)))
            }
            switch presence(node, &state, query) {
            case .known(let item, let until):
                // The name is of the other kind now: whoever asks by it looks it up again.
                if node !== state.inodes.root, (item.kind == .directory) != node.isFolder {
                    return .error(.stale)
                }
                if isRead(node, otherThan: item, query) { return .waits(inode) }
                let (attributes, timeout) = attributes(
                    of: item, inode: inode, timeout: told(node, item, until: until, query), query)
                return .reply(.attributes(attributes, timeout: timeout))
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    /// The version that a node has now as far as it is known without asking, and until when.
    private func currentVersion(
        _ node: Node, _ state: inout MountState, _ query: Cache.Query
    ) -> (version: UInt64, until: ContinuousClock.Instant?)? {
        guard case .known(.file(let file), let until) = resolve(node, &state, query) else { return nil }
        return (file.version, until)
    }

    /// What a node is, without what a folder of the server's holds: whether it is there is often
    /// cheaper to know.
    func presence(_ node: Node, _ state: inout MountState, _ query: Cache.Query) -> Cache.Answer<Item> {
        switch node.kind {
        case .machine, .service, .router:
            guard let parent = node.parent else { return .absent }
            return child(node.name, of: parent, &state, query).map { $0.item }
        default: return resolve(node, &state, query)
        }
    }

    func readLink(_ request: consuming Request, inode: Inode) {
        serve(request, .readlink) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            switch resolve(node, &state, query) {
            case .known(.link(let link), _): return .reply(.link(Array(link.target.utf8)))
            case .known: return .error(.invalid)
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    func open(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        guard !opensAreLeft else {
            request.answer(.error(.noSystemCall))
            return
        }
        guard flags.accessMode == .readOnly else {
            return openForWriting(request, inode: inode, flags: flags)
        }
        serve(request, .open) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            switch resolve(node, &state, query) {
            case .known(.file(let file), _):
                if case .deferred(let text) = file.content, text.madeText == nil, !query.isOurs {
                    return .needs(.serviceText)
                }
                return openForReading(node, file, &state)
            case .known(.directory, _): return .error(.isDirectory)
            case .known(.link, _): return .error(.tooManyLinks)
            // The kernel looks the name up again then (ESTALE in path_openat, fs/namei.c), and makes it if it is to.
            case .absent: return .error(.stale)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    /// Opens one version of a file.
    ///
    /// A short value that is opened again is read through the page cache, which belongs to the inode and not to the open. So
    /// it holds one version as long as anybody reads that version through it; who opens another version
    /// meanwhile, or before the kernel knows the new size, reads from us directly. So does who opens what is waited for with
    /// poll(2): such an open reads one version after the other, each at the moment in which the kernel forgets the one before.
    private func openForReading(_ node: Node, _ file: File, _ state: inout MountState) -> Outcome {
        var text: DeferredText.Text?
        if case .deferred(let deferred) = file.content { text = deferred.text }
        var reply = OpenReply()
        reply.noFlush = true
        let short = text == nil && file.size <= OneGateFileSystem.cachedSizeLimit && file.purpose != .update
        let isAbout = if case .aboutFile = node.kind { true } else { false }
        let sameVersion = node.cachedVersion == file.version
        let isOpenedAgain = node.openedVersion == file.version
        node.openedVersion = file.version
        let cached =
            short && !isAbout && node.toldVersion == file.version && (node.cachedOpens == 0 || sameVersion)
            // Who writes makes the kernel cut what it holds.
            && node.writers == 0 && isOpenedAgain && !node.isPolled
        if cached {
            reply.keepCache = sameVersion
            node.cachedVersion = file.version
            node.cachedOpens += 1
        } else {
            reply.directIO = true
            if node.believesOther(than: file.version), short, !isAbout { forget(node) }
        }
        reply.handle = state.handles.add(
            .reading(
                Handle.Reading(
                    node: node, file: file, text: text, cached: cached,
                    live: isAbout ? liveLog(node) : nil)))
        return .reply(.open(reply), handle: reply.handle)
    }

    func read(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int) {
        let bytes: [UInt8]? = state.withLock { state in
            if opensAreLeft { return unopened(inode, until: Int(offset) + count, &state) }
            switch state.handles[file.handle] {
            case .reading(var reading):
                if reading.isNews, offset == 0 {
                    reading.isNews = false
                    state.handles[file.handle] = .reading(reading)
                }
                return reading.live.map { live($0) } ?? reading.bytes
            case .writing(let writing): return readable(writing, state)
            default: return nil
            }
        }
        guard let bytes else {
            request.answer(.error(.badDescriptor))
            return
        }
        let start = min(max(0, Int(offset)), bytes.count)
        request.answer(.slice(bytes[start..<min(bytes.count, start + count)]))
    }

    /// What an open for reading and writing reads: what it wrote, or the file as it was opened.
    private func readable(_ writing: Handle.Writing, _ state: MountState) -> [UInt8] {
        switch writing.target {
        case .attribute: return writing.session.content
        case .scratch:
            if case .scratch(let bytes)? = state.overlays[writing.inode]?.content { return bytes }
            return []
        default: return writing.readable?.bytes ?? []
        }
    }

    /// The log that a node shows, if it shows one.
    private func liveLog(_ node: Node) -> AboutFile? {
        guard case .aboutFile(let file) = node.kind, file == .errors || file == .events else { return nil }
        return file
    }

    /// What a log says now.
    private func live(_ file: AboutFile) -> [UInt8] { file == .errors ? errors.bytes : events.bytes }

    func release(_ request: consuming Request, inode: Inode, file: OpenFile) {
        let pending: PendingStore? = state.withLock { state in
            let pending = storeAtRelease(file.handle, &state)
            // Until it is stored it is as if it were still open.
            if let inode = pending?.inode { state.inodes[inode]?.writers += 1 }
            close(file.handle, &state)
            return pending
        }
        request.answer(.ok)
        if let pending { store(pending) }
    }

    /// Forgets a handle.
    func close(_ number: UInt64, _ state: inout MountState) {
        guard let handle = state.handles.remove(number) else { return }
        switch handle {
        case .reading(let reading):
            if reading.cached {
                reading.node.cachedOpens -= 1
                if reading.node.cachedOpens == 0 { endReading(reading.node) }
            }
        case .writing(let writing):
            if let node = state.inodes[writing.inode] { node.writers = max(0, node.writers - 1) }
            if case .created(let owner)? = state.overlays[writing.inode]?.content, owner == number {
                state.overlays[writing.inode] = nil
            }
        case .listing(let listing):
            if listing.cached, let node = state.inodes[listing.inode] { node.cachedListings -= 1 }
        }
    }

    func statistics(_ request: consuming Request, inode: Inode) {
        // Like sysfs: nothing that could run out, so nothing that a monitor could find full.
        var statistics = FileSystemStatistics()
        statistics.longestName = UInt64(Name.lengthLimit)
        request.answer(.statistics(statistics))
    }
}
