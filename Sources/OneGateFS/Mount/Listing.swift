import FUSE

/// Listing folders.
extension OneGateFileSystem {
    func openDirectory(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        guard !opensAreLeft else {
            request.answer(.error(.noSystemCall))
            return
        }
        serve(request, .opendir) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            switch names(in: node, &state, query) {
            case .known(let names, _): return opened(names, of: node, query, &state)
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    /// Opens one version of a folder's names.
    ///
    /// They are read through the page cache, which belongs to the inode and not to the open. So it holds one
    /// version as long as anybody reads that version through it; who opens another one meanwhile reads from us.
    private func opened(
        _ names: Names, of node: Node, _ query: Cache.Query, _ state: inout MountState
    ) -> Outcome {
        var reply = OpenReply()
        let signature = names.signature
        let isSame = node.cachedNames == signature
        let cached = !names.arePassing && (node.cachedListings == 0 || isSame)
        reply.cacheReaddir = cached
        // What the names mean is told with a listing, all at once: cheaper than to be asked for each of them.
        let areKnown = node.listedUntil.map { $0 > query.arrival } ?? false
        reply.keepCache = cached && isSame && areKnown && node.children * 2 >= names.count
        if cached {
            node.cachedNames = signature
            node.cachedListings += 1
        } else {
            // The kernel drops the pages of what is opened without them.
            node.cachedNames = nil
        }
        reply.handle = state.handles.add(
            .listing(Handle.Listing(inode: node.inode, names: names, cached: cached)))
        return .reply(.open(reply), handle: reply.handle)
    }

    /// The names in a folder.
    private func names(
        in node: Node, _ state: inout MountState, _ query: Cache.Query
    ) -> Cache.Answer<Names> {
        switch node.kind {
        case .root:
            var names: [(FileName, FileKind)] = [("vm", .directory), (".onegatefs", .directory)]
            switch state.cache.hasService(query) {
            case .known: names.append(("service", .directory))
            case .absent: break
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
            switch state.cache.hasRouter(query) {
            case .known: names += [("vrouter", .directory), ("vnet", .directory)]
            case .absent: break
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
            return .known(Names(others: names), until: nil)
        case .machines:
            return state.cache.machineIDs(query).map { ids in
                Names(
                    others: [("self", .symbolicLink)] + ids.map { (Name.file(for: String($0)), .directory) })
            }
        case .networks:
            return state.cache.networkIDs(query).map { ids in
                Names(others: ids.map { (Name.file(for: String($0)), .directory) })
            }
        case .revisions: return .absent
        case .about:
            return .known(Names(others: AboutFile.allCases.map { ($0.name, .regular) }), until: nil)
        default:
            switch resolve(node, &state, query) {
            case .known(.directory(let directory), let until):
                var names = Names(directory: directory)
                if case .network = node.kind { names.others.append(("extended.json", .regular)) }
                for overlay in state.overlays.values
                where overlay.parent == node.inode && directory[overlay.name] == nil {
                    names.others.append((overlay.name, overlay.item.kind))
                    names.arePassing = true
                }
                return .known(names, until: until)
            case .known: return .absent
            case .absent: return .absent
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
        }
    }

    /// What a folder lists.
    private func entries(_ names: Names, of node: Node, _ state: MountState) -> [Handle.Listing.Entry] {
        var entries: [Handle.Listing.Entry] = []
        entries.reserveCapacity(names.count + 2)
        entries.append((".", .directory, node.inode))
        entries.append(("..", .directory, node.parent?.inode ?? node.inode))
        names.forEach { name, kind in
            entries.append((name, kind, state.inodes.number(name, of: node)))
        }
        return entries
    }

    func readDirectory(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        list(request, inode, file, from: offset) { entries, _, _, _ in
            var buffer = DirectoryBuffer(capacity: count)
            for (index, entry) in entries.enumerated().dropFirst(Int(offset)) {
                let fits = buffer.append(
                    name: entry.name, inode: entry.inode, kind: entry.kind, nextOffset: Int64(index + 1))
                guard fits else { break }
            }
            return (buffer.bytes, [])
        }
    }

    func readDirectoryPlus(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        list(request, inode, file, from: offset) { [self] entries, folder, state, query in
            var buffer = DirectoryBuffer(capacity: count)
            var lookups: [Inode] = []
            if offset == 0 { folder.listedUntil = query.arrival + .seconds(86_400) }
            for (index, item) in entries.enumerated().dropFirst(Int(offset)) {
                // What a name means may have to be asked for again by now: then only the name is given, and the
                // kernel looks it up if somebody wants to know.
                var entry = Entry(
                    inode: Inode(rawValue: 0),
                    attributes: FileAttributes(inode: item.inode, kind: item.kind, permissions: 0))
                var node: Node?
                if index > 1, case .known(let found, let until) = child(item.name, of: folder, &state, query),
                    case let known = state.inodes.node(
                        item.name, of: folder, kind: found.kind, isFolder: found.item.kind == .directory),
                    !isRead(known, otherThan: found.item, query)
                {
                    entry = self.entry(known, found.item, until: until, query, &state)
                    if let until, let listed = folder.listedUntil { folder.listedUntil = min(listed, until) }
                    node = known
                }
                guard buffer.appendPlus(name: item.name, entry: entry, nextOffset: Int64(index + 1)) else {
                    if node != nil { forget(entry.inode, count: 1, &state) }
                    break
                }
                if node != nil { lookups.append(entry.inode) }
            }
            return (buffer.bytes, lookups)
        }
    }

    /// Puts entries into an answer, and says which inodes it makes known.
    private typealias Answering =
        @Sendable ([Handle.Listing.Entry], Node, inout MountState, Cache.Query) -> ([UInt8], [Inode])

    /// Answers with what an open folder lists from an offset on.
    private func list(
        _ request: consuming Request, _ inode: Inode, _ file: OpenFile, from offset: Int64,
        _ answer: @escaping Answering
    ) {
        guard offset >= 0 else {
            request.answer(.error(.invalid))
            return
        }
        serve(request, .readdir) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            if opensAreLeft { return listUnopened(node, from: offset, &state, query, answer) }
            guard case .listing(var listing)? = state.handles[file.handle] else {
                return .error(.badDescriptor)
            }
            if listing.entries.isEmpty {
                listing.entries = entries(listing.names, of: node, state)
                state.handles[file.handle] = .listing(listing)
            }
            let (bytes, lookups) = answer(listing.entries, node, &state, query)
            return .reply(.directory(bytes), lookups: lookups)
        }
    }

    /// Where the kernel opens alone, the names are those that the folder has when its beginning is read.
    ///
    /// The kernel reads what it listed before while the folder's time is the same. Only folders inside a resource have a
    /// time that is sure to change with their names; of the others it has to forget what it listed.
    private func listUnopened(
        _ node: Node, from offset: Int64, _ state: inout MountState, _ query: Cache.Query,
        _ answer: Answering
    ) -> Outcome {
        if offset == 0 || node.listing.isEmpty {
            switch names(in: node, &state, query) {
            case .known(let names, _): node.listing = entries(names, of: node, state)
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, node.inode)
            }
        }
        let (bytes, lookups) = answer(node.listing, node, &state, query)
        if Int(offset) >= node.listing.count {
            node.listing = []
            if node.kind != .inner {
                let inode = node.inode
                invalidator.perform { _ = $0.invalidate(inode: inode) }
            }
        }
        return .reply(.directory(bytes), lookups: lookups)
    }

    func releaseDirectory(_ request: consuming Request, inode: Inode, file: OpenFile) {
        state.withLock { close(file.handle, &$0) }
        request.answer(.ok)
    }
}
