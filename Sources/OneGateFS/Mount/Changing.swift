import FUSE
import OneGate

/// Opening for writing, writing, truncating, closing.
extension OneGateFileSystem {
    /// What writing to a file of a node means, or why it cannot be written.
    func target(_ node: Node, _ file: File) -> Result<Handle.Writing.Target, Failure> {
        let (resource, path) = node.resource
        let names = path.map { Name.decoded($0) }
        switch (resource.kind, file.purpose) {
        case (.machine(let id), .attribute):
            guard let place = AttributePlace(machine: id, path: path) else {
                return .failure(Failure(.notPermitted, "the server could not be told this name"))
            }
            return .success(.attribute(place))
        case (.machine(let id), .update): return .success(.update(machine: id))
        case (.machine(let id), .control): return .success(.control(machine: id))
        case (.service, .control):
            if names.count == 1 { return .success(.serviceControl) }
            if names.count == 3, let role = names[1] { return .success(.roleControl(role: role)) }
        case (.service, .cardinality):
            if names.count == 3, let role = names[1] { return .success(.cardinality(role: role)) }
        default: break
        }
        return .failure(Failure(.notPermitted, "OneGate only shows this; it cannot be changed"))
    }

    func openForWriting(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        if isOurs(request.context) {
            // Without FLUSH: killed just then, the process would ask itself at its end and never be answered, because the
            // connection ends only after its files have been flushed (exit_files in Linux's kernel/exit.c).
            request.answer(.open(OpenReply(handle: 0, directIO: true, noFlush: true)))
            return
        }
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        serve(request, .open) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            if let overlay = state.overlays[inode], overlay.isScratch {
                if flags.contains(.truncate) { state.setScratch(inode, []) }
                return opened(.scratch, node, nil, content: [], flags, &state)
            }
            // What is about to be replaced need not be fresh.
            let replaces = flags.contains(.truncate) || flags.contains(.append)
            let known =
                replaces ? Cache.Query(arrival: .now - .seconds(86_400), failures: query.failures) : query
            switch resolve(node, &state, known) {
            case .known(.file(let file), _):
                switch target(node, file) {
                case .success(let target):
                    return opened(target, node, file, content: file.bytes, flags, &state)
                case .failure(let failure): return .failed(failure, inode)
                }
            case .known(.directory, _): return .error(.isDirectory)
            case .known(.link, _): return .error(.tooManyLinks)
            // The kernel looks the name up again then, and makes it if it is to.
            case .absent: return .error(.stale)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    private func opened(
        _ target: Handle.Writing.Target, _ node: Node, _ file: File?, content: [UInt8], _ flags: OpenFlags,
        _ state: inout MountState
    ) -> Outcome {
        let truncated = flags.contains(.truncate)
        let session = WriteSession(
            content: truncated ? [] : content, truncated: truncated, appends: flags.contains(.append))
        let handle = state.handles.add(
            .writing(Handle.Writing(inode: node.inode, target: target, session: session, readable: file)))
        // The kernel forgets sizes and pages of what is opened to be written.
        node.changeSize()
        node.writers += 1
        return .reply(.open(OpenReply(handle: handle, directIO: true)), handle: handle)
    }

    func create(
        _ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16, flags: OpenFlags
    ) {
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        // What mkstemp(3) makes is temporary whatever its name, six letters of which are random: one in 25 of perl's and
        // busybox' are all upper case.
        let isExclusive = flags.contains(.exclusive)
        let isTemporary =
            isExclusive && flags.accessMode == .readWrite && permissions & 0o777 == 0o600
            && name.bytes.count >= 6
        serve(request, .create) { [self] state, query in
            guard let folder = state.inodes[parent] else { return .error(.noEntry) }
            switch placeForNew(
                name, in: folder, isExclusive: isExclusive, isTemporary: isTemporary, &state, query)
            {
            case .known(let place, _): return created(name, place, folder, flags, &state, query)
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, parent, name)
            }
        }
    }

    private func created(
        _ name: FileName, _ place: NewPlace, _ folder: Node, _ flags: OpenFlags, _ state: inout MountState,
        _ query: Cache.Query
    ) -> Outcome {
        // The kernel did not know of it yet.
        if flags.contains(.exclusive), case .attribute(_, _?) = place { return .error(.exists) }
        let node = state.inodes.node(name, of: folder, kind: .inner, isFolder: false)
        let target: Handle.Writing.Target
        var content: [UInt8] = []
        switch place {
        case .scratch:
            target = .scratch
            if state.overlays[node.inode] == nil { state.addOverlay(node, .scratch(bytes: [])) }
        case .attribute(let place, let existing):
            target = .attribute(place)
            content = existing?.bytes ?? []
        }
        let truncated = flags.contains(.truncate)
        let session = WriteSession(
            content: truncated ? [] : content, truncated: truncated, appends: flags.contains(.append),
            new: content.isEmpty)
        let handle = state.handles.add(
            .writing(Handle.Writing(inode: node.inode, target: target, session: session, readable: nil)))
        node.writers += 1
        if case .attribute(_, nil) = place { state.addOverlay(node, .created(handle: handle)) }
        let item: Item =
            if case .attribute(_, let existing?) = place {
                .file(existing)
            } else {
                state.overlays[node.inode]?.item ?? .link(Link(target: "", modified: state.mounted))
            }
        let entry = entry(node, item, until: query.arrival, query, &state)
        return .reply(
            .created(entry, OpenReply(handle: handle, directIO: true)), lookups: [node.inode], handle: handle)
    }

    // MARK: Writing

    /// What a write comes to, decided under the lock.
    private enum WriteStep {
        case answer(Reply)
        case fail(Failure)
        /// The change is the session's by then.
        case store(AttributePlace, NewContent, change: Int)
        case carryOut(Order)
        /// It has been begun already.
        case await(WriteUnderWay)
    }

    func write(
        _ request: consuming Request, inode: Inode, file: OpenFile, data: UnsafeRawBufferPointer,
        offset: Int64
    ) {
        let data = [UInt8](data)
        let (step, underWay): (WriteStep, WriteUnderWay?) = state.withLock { state in
            guard case .writing(var writing)? = state.handles[file.handle] else {
                return (.answer(.error(.badDescriptor)), nil)
            }
            if let underWay = writing.underWay, underWay.isTriedAgain(data, at: Int(offset)) {
                return (.await(underWay), nil)
            }
            let step = self.step(&writing, data, Int(offset), &state)
            switch step {
            case .store: writing.underWay = WriteUnderWay(data, at: Int(offset), isCommand: false)
            case .carryOut: writing.underWay = WriteUnderWay(data, at: Int(offset), isCommand: true)
            case .answer, .fail, .await: writing.underWay = nil
            }
            state.handles[file.handle] = .writing(writing)
            return (step, writing.underWay)
        }
        let count = data.count
        switch step {
        case .answer(let reply):
            metrics.count(.write, reply)
            request.answer(reply)
        case .fail(let failure):
            report(failure, inode, .write)
            request.answer(.error(failure.errno))
        case .await(let underWay): underWay.add(request.deferred(isAwaited: true))
        case .store(let place, let content, let change):
            let requester = requester(of: underWay, request)
            finish(requester, inode, file.handle, change, .write, .written(count)) {
                [self] () async throws(Failure) in
                try await store(content, at: place, for: requester)
            }
        case .carryOut(let order):
            let requester = requester(of: underWay, request)
            finish(requester, inode, file.handle, data, .written(count)) {
                [self] () async throws(Failure) in
                try await carryOut(order, for: requester)
            }
        }
    }

    private func requester(of underWay: WriteUnderWay?, _ request: consuming Request) -> Requester {
        let deferred = request.deferred(isAwaited: true)
        guard let underWay else { return .waiting(deferred) }
        underWay.add(deferred)
        return .writing(underWay)
    }

    private func step(
        _ writing: inout Handle.Writing, _ data: [UInt8], _ offset: Int, _ state: inout MountState
    ) -> WriteStep {
        // A program that tries the same failed buffer again, as Python does at close, is told the same again.
        if let failed = writing.failed, failed.data == data { return .fail(failed.failure) }
        if case .scratch = writing.target {
            return .answer(writeScratch(writing.inode, data, writing.session.appends ? nil : offset, &state))
        }
        if case .attribute(let place) = writing.target {
            guard offset + data.count <= OneGateFileSystem.contentSizeLimit else {
                return .fail(OneGateFileSystem.tooLarge)
            }
            let action = writing.session.write(data, at: offset)
            return step(action, writing.session.change, place, otherwise: .written(data.count))
        }
        if case .update = writing.target {
            guard writing.lines.count + data.count <= OneGateFileSystem.contentSizeLimit else {
                return .fail(OneGateFileSystem.tooLarge)
            }
            // A program that writes whole blocks has more to say: what is cut in the middle is no line.
            if WriteSession.isBlock(data) {
                writing.lines += data
                return .answer(.written(data.count))
            }
        }
        return orderStep(&writing, data)
    }

    /// What is told so far, with what came last.
    private func orderStep(_ writing: inout Handle.Writing, _ data: [UInt8]) -> WriteStep {
        let bytes = writing.lines + data
        writing.lines = []
        do throws(Failure) {
            guard let order = try Order(bytes, to: writing.target) else {
                return .answer(.error(.badDescriptor))
            }
            return .carryOut(order)
        } catch {
            return .fail(error)
        }
    }

    /// What a session's word on a call comes to.
    private func step(
        _ action: WriteSession.Action, _ change: Int, _ place: AttributePlace, otherwise reply: Reply
    ) -> WriteStep {
        switch action {
        case .hold, .create: .answer(reply)
        case .refuse(let refusal): .fail(Failure(refusal.reason.errno, refusal.reason.words))
        case .publish(let content, let edits):
            .store(place, NewContent(content, edits), change: change)
        }
    }

    /// More cannot be stored, however it is encoded (`onegate.md`: 4 MiB of form-encoded request).
    static let contentSizeLimit = 4 << 20
    private static let tooLarge = Failure(.fileTooLarge, "the server takes at most 4 MiB in a request")

    private func writeScratch(_ inode: Inode, _ data: [UInt8], _ offset: Int?, _ state: inout MountState)
        -> Reply
    {
        guard case .scratch(var bytes)? = state.overlays[inode]?.content else {
            return .error(.badDescriptor)
        }
        let offset = offset ?? bytes.count
        guard offset + data.count <= OneGateFileSystem.contentSizeLimit else { return .error(.fileTooLarge) }
        Edits.Edit.write(data, at: offset).apply(to: &bytes)
        state.setScratch(inode, bytes)
        return .written(data.count)
    }

    /// KEY=VALUE lines as one update.
    func update(
        lines text: String, of machine: Int, for requester: Requester
    ) async throws(Failure) {
        let attributes: [(name: String, value: AttributeValue)]
        do throws(UpdateLines.SyntaxError) { attributes = try UpdateLines.parse(text) } catch {
            throw Failure(.invalid, error.words)
        }
        try await inTurn(of: machine, for: requester) { () async throws(Failure) in
            try await update(attributes, of: machine)
        }
        state.withLock { state in
            for (name, _) in attributes {
                let place = AttributePlace(machine: machine, name: name, key: nil)
                state.stored(place, of: folder(of: machine))
            }
        }
    }

    /// Stores what a handle's session has to publish, and answers when that is done.
    private func finish(
        _ requester: Requester, _ inode: Inode, _ handle: UInt64, _ change: Int, _ operation: Operation,
        _ reply: Reply, _ store: @escaping @Sendable () async throws(Failure) -> [UInt8]
    ) {
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                let stored = try await store()
                completed(handle, inode, stored, change)
                metrics.count(operation, reply)
                requester.answer(reply)
            } catch {
                completed(handle, inode, nil, change)
                report(error, inode, operation)
                requester.answer(.error(error.errno))
            }
        }
    }

    /// Tells a session how its change ended.
    private func completed(_ handle: UInt64, _ inode: Inode, _ content: [UInt8]?, _ change: Int) {
        state.withLock { state in
            guard case .writing(var writing)? = state.handles[handle] else { return }
            if content != nil, case .attribute(let place) = writing.target {
                state.stored(place, of: folder(of: place.machine))
                // The file that it made may have another name by now.
                if case .created? = state.overlays[inode]?.content { state.overlays[inode] = nil }
            }
            writing.session.completed(content, change: change)
            state.handles[handle] = .writing(writing)
        }
    }

    /// Does what a command says, and answers when that is done.
    private func finish(
        _ requester: Requester, _ inode: Inode, _ handle: UInt64, _ data: [UInt8], _ reply: Reply,
        _ body: @escaping @Sendable () async throws(Failure) -> Void
    ) {
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                try await body()
                metrics.count(.write, reply)
                requester.answer(reply)
            } catch {
                state.withLock { state in
                    // What was not begun may be tried again.
                    guard error.errno != .interrupted, case .writing(var writing)? = state.handles[handle]
                    else { return }
                    writing.failed = (data, error)
                    state.handles[handle] = .writing(writing)
                }
                report(error, inode, .write)
                requester.answer(.error(error.errno))
            }
        }
    }

    // MARK: Truncating and closing

    func flush(_ request: consuming Request, inode: Inode, file: OpenFile) {
        guard !opensAreLeft else {
            // Nothing is written: the kernel need not ask.
            request.answer(.error(.noSystemCall))
            return
        }
        settle(request, inode, file.handle, .close, .ok) { $0.flush() }
    }

    func sync(_ request: consuming Request, inode: Inode, file: OpenFile, dataOnly: Bool) {
        settle(request, inode, file.handle, .fsync, .ok) { $0.flush() }
    }

    /// Does what a session says about a call.
    private func settle(
        _ request: consuming Request, _ inode: Inode, _ handle: UInt64, _ operation: Operation,
        _ reply: Reply,
        _ call: (inout WriteSession) -> WriteSession.Action
    ) {
        let step: WriteStep = state.withLock { state in
            guard case .writing(var writing)? = state.handles[handle] else { return .answer(reply) }
            defer { state.handles[handle] = .writing(writing) }
            guard case .attribute(let place) = writing.target else {
                guard let last = writing.lines.last else { return .answer(reply) }
                // Whoever was killed did not come to its end.
                guard last == 0x0A else {
                    writing.lines = []
                    return .fail(Failure(.invalid, "the last line is cut"))
                }
                return orderStep(&writing, [])
            }
            let action = call(&writing.session)
            return self.step(action, writing.session.change, place, otherwise: reply)
        }
        switch step {
        case .store(let place, let content, let change):
            let requester = Requester.waiting(request.deferred(isAwaited: true))
            finish(requester, inode, handle, change, operation, reply) { [self] () async throws(Failure) in
                try await store(content, at: place, for: requester)
            }
        case .carryOut(let order):
            let requester = Requester.waiting(request.deferred(isAwaited: true))
            finish(requester, inode, handle, [], reply) { [self] () async throws(Failure) in
                try await carryOut(order, for: requester)
            }
        case .fail(let failure):
            report(failure, inode, operation)
            request.answer(.error(failure.errno))
        case .answer, .await:
            metrics.count(operation, reply)
            request.answer(reply)
        }
    }

    func setAttributes(
        _ request: consuming Request, inode: Inode, changes: AttributeChanges, file: OpenFile?
    ) {
        if isOurs(request.context) { return answerOurs(changed: request, inode) }
        guard !options.readOnly else {
            request.answer(.error(.readOnly))
            return
        }
        if let size = changes.size { return truncate(request, inode, Int(size), file) }
        serve(request, .setattr) { [self] state, query in
            guard let node = state.inodes[inode] else { return .error(.noEntry) }
            switch presence(node, &state, query) {
            case .known(let item, let until):
                let attributes = attributes(of: item, inode: inode)
                if let failure = refused(changes, attributes) { return .failed(failure, inode) }
                return .reply(.attributes(attributes, timeout: told(node, item, until: until, query)))
            case .absent: return .error(.noEntry)
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure, inode)
            }
        }
    }

    /// Why owners and modes cannot be as somebody wants them. Times may be set and are not kept.
    private func refused(_ changes: AttributeChanges, _ shown: FileAttributes) -> Failure? {
        if let owner = changes.owner, owner != shown.owner {
            return Failure(.notPermitted, "the owner is the mount's; see the option uid")
        }
        if let group = changes.group, group != shown.group {
            return Failure(.notPermitted, "the group is the mount's; see the option gid")
        }
        if let permissions = changes.permissions, shown.permissions & ~permissions & 0o077 != 0 {
            return Failure(.notPermitted, "others may do more than that; see the option umask")
        }
        return nil
    }

    private func truncate(_ request: consuming Request, _ inode: Inode, _ size: Int, _ file: OpenFile?) {
        guard size >= 0, size <= OneGateFileSystem.contentSizeLimit else {
            report(OneGateFileSystem.tooLarge, inode, .truncate)
            request.answer(.error(.fileTooLarge))
            return
        }
        let scratch: Reply? = state.withLock { state in
            // What an open writes to an attribute goes there, also when the name is a scratch file's by now.
            if let file, case .writing(let writing)? = state.handles[file.handle],
                case .attribute = writing.target
            {
                return nil
            }
            guard let node = state.inodes[inode], case .scratch(var bytes)? = state.overlays[inode]?.content
            else {
                return nil
            }
            Edits.Edit.resize(size).apply(to: &bytes)
            state.setScratch(inode, bytes)
            guard let item = state.overlays[inode]?.item else { return .error(.noEntry) }
            node.changeSize()
            return .attributes(attributes(of: item, inode: inode), timeout: 0)
        }
        if let scratch {
            request.answer(scratch)
            return
        }
        if let file, let reply = sessionAttributes(inode, file.handle, size) {
            return settle(request, inode, file.handle, .truncate, reply) { $0.truncate(to: size) }
        }
        truncate(request, inode, size)
    }

    /// What a file looks like to the open that truncates it; nil for another kind of handle.
    private func sessionAttributes(_ inode: Inode, _ handle: UInt64, _ size: Int) -> Reply? {
        state.withLock { state in
            guard case .writing(let writing)? = state.handles[handle] else { return nil }
            let stamp = state.newStamp()
            let file = File(
                content: .bytes([]), purpose: .attribute, permissions: writing.readable?.permissions ?? 0o644,
                modified: stamp.time, version: stamp.version)
            var attributes = attributes(of: .file(file), inode: inode)
            attributes.size = Int64(size)
            state.inodes[inode]?.changeSize()
            return .attributes(attributes, timeout: 0)
        }
    }

    /// truncate(2) of a path: an update at once.
    private func truncate(_ request: consuming Request, _ inode: Inode, _ size: Int) {
        let deferred = request.deferred(isAwaited: true)
        Task(executorPreference: client.executor) { [self] in
            do throws(Failure) {
                let (node, file) = try await known(inode)
                guard size != file.size else {
                    deferred.answer(attributesReply(inode, file, size))
                    return
                }
                guard case .attribute(let place) = try node.get() else {
                    // Opening a control file with O_TRUNC does nothing either.
                    deferred.answer(attributesReply(inode, file, file.size))
                    return
                }
                try await inTurn(of: place.machine, for: .waiting(deferred)) { () async throws(Failure) in
                    // What is kept is of what is stored by then.
                    let bytes =
                        size == 0 ? file.bytes : place.file(in: try await current(place.machine))?.bytes
                    var session = WriteSession(content: bytes ?? file.bytes, truncated: false, appends: false)
                    var action = session.truncate(to: size)
                    if size == 0 { action = session.release() }
                    switch action {
                    case .hold, .create: break
                    case .refuse(let refusal): throw Failure(refusal.reason.errno, refusal.reason.words)
                    case .publish(let content, _): _ = try await storeInTurn(.whole(content), at: place)
                    }
                }
                deferred.answer(attributesReply(inode, file, size == 0 ? 1 : size))
            } catch {
                report(error, inode, .truncate)
                deferred.answer(.error(error.errno))
            }
        }
    }

    private func attributesReply(_ inode: Inode, _ file: File, _ size: Int) -> Reply {
        var attributes = attributes(of: .file(file), inode: inode)
        attributes.size = Int64(size)
        state.withLock { $0.inodes[inode]?.changeSize() }
        return .attributes(attributes, timeout: 0)
    }

    /// What a file is now and what writing it means, asked for if need be.
    private func known(_ inode: Inode) async throws(Failure) -> (Result<Handle.Writing.Target, Failure>, File)
    {
        let outcome = await settled {
            [self] state, query -> Cache.Answer<(Result<Handle.Writing.Target, Failure>, File)> in
            guard let node = state.inodes[inode] else { return .absent }
            switch resolve(node, &state, query) {
            case .known(.file(let file), let until): return .known((target(node, file), file), until: until)
            case .known: return .failed(Failure(.isDirectory, "a folder has no size"))
            case .absent: return .absent
            case .needs(let source): return .needs(source)
            case .failed(let failure): return .failed(failure)
            }
        }
        return try outcome.get()
    }

    /// Answers a question, asking the server as often as it takes.
    func settled<Value: Sendable>(
        _ question: @escaping @Sendable (inout MountState, Cache.Query) -> Cache.Answer<Value>
    ) async -> Result<Value, Failure> {
        var query = Cache.Query(arrival: .now)
        for _ in 0..<OneGateFileSystem.attemptLimit {
            switch state.withLock({ question(&$0, query) }) {
            case .known(let value, _): return .success(value)
            case .absent: return .failure(Failure(.noEntry, "it is not there any more"))
            case .failed(let failure): return .failure(failure)
            case .needs(let source):
                let arrival = query.arrival
                let failure = await withCheckedContinuation { continuation in
                    fetch(source, arrival: arrival) { continuation.resume(returning: $0) }
                }
                if let failure { query.failures[source] = failure }
            }
        }
        return .failure(Failure(.io, "the server's answers are always older than what was asked for"))
    }
}
