import Foundation
import Synchronization

@testable import FUSE

/// Files in memory, and some with a behavior of their own:
///
/// - `note`: can be read and written
/// - `denied`: every write is EPERM
/// - `slow`: a read is answered by another thread
/// - `hang`: a read is never answered
/// - `alarm`: poll(2)
/// - `dropped`: a read is deferred and then forgotten about
/// - `stuck`, which is not listed: a read keeps the thread that it comes on
final class TestFileSystem: FileSystem {
    static let names: [FileName] = ["note", "denied", "slow", "hang", "alarm", "dropped"]

    struct State {
        var contents: [Inode: [UInt8]] = [:]
        var linkTarget: [UInt8] = []
        var reads: [Inode: Int] = [:]
        var writes = 0
        var forgotten: UInt64 = 0
        var interrupted = 0
        var hanging: [DeferredRequest] = []
        var opened: Set<UInt64> = []
        var lastHandle: UInt64 = 0
        var changes: [AttributeChanges] = []
        var context: RequestContext?
        var pollHandle: PollHandle?
        var hasAlarm = false
        var isInitialized = false
        var isDestroyed = false
        var answeredLate: Bool?
        var stuck = 0
    }

    let state: Mutex<State>
    private let whenFreed = DispatchSemaphore(value: 0)

    /// The threads that are stuck go on.
    func free() { for _ in 0..<state.withLock({ $0.stuck }) { whenFreed.signal() } }

    init() {
        var contents: [Inode: [UInt8]] = [:]
        for (index, name) in Self.names.enumerated() {
            contents[Inode(rawValue: UInt64(index + 2))] = Array("\(name)\n".utf8)
        }
        state = Mutex(State(contents: contents))
    }

    static func inode(_ name: FileName) -> Inode? {
        if name == "link" { return Inode(rawValue: 100) }
        if name == "stuck" { return Inode(rawValue: 101) }
        return names.firstIndex(of: name).map { Inode(rawValue: UInt64($0 + 2)) }
    }

    private func attributes(_ inode: Inode) -> FileAttributes {
        if inode == .root {
            return FileAttributes(inode: inode, kind: .directory, permissions: 0o755, linkCount: 2)
        }
        if inode.rawValue == 100 {
            return FileAttributes(inode: inode, kind: .symbolicLink, permissions: 0o777, size: 4)
        }
        let size = state.withLock { $0.contents[inode]?.count ?? 0 }
        return FileAttributes(
            inode: inode, kind: .regular, permissions: 0o640, size: Int64(size), owner: geteuid(),
            group: getegid(),
            modified: Timestamp(seconds: 1_000_000_000, nanoseconds: 5))
    }

    func initialize(_ connection: inout Connection) {
        connection.wanted.insert(.readdirplus)
        connection.wanted.insert(.readdirplusAuto)
        state.withLock { $0.isInitialized = true }
    }

    func destroy() {
        state.withLock { $0.isDestroyed = true }
    }

    func lookup(_ request: consuming Request, parent: Inode, name: FileName) {
        guard let inode = Self.inode(name) else { return answer(request, .error(.noEntry)) }
        answer(
            request,
            .entry(
                Entry(inode: inode, attributes: attributes(inode), entryTimeout: 600, attributeTimeout: 600)))
    }

    private func answer(_ request: consuming Request, _ reply: Reply) {
        request.answer(reply)
    }

    func forget(_ inode: Inode, count: UInt64) {
        state.withLock { $0.forgotten += count }
    }

    func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?) {
        request.answer(.attributes(attributes(inode), timeout: 600))
    }

    func setAttributes(_ request: consuming Request, inode: Inode, changes: AttributeChanges, file: OpenFile?)
    {
        state.withLock { state in
            state.changes.append(changes)
            if let size = changes.size {
                state.contents[inode] = Array((state.contents[inode] ?? []).prefix(Int(size)))
            }
        }
        request.answer(.attributes(attributes(inode), timeout: 600))
    }

    func readLink(_ request: consuming Request, inode: Inode) {
        request.answer(.link(Array("note".utf8)))
    }

    func open(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        let handle = state.withLock { state in
            if flags.contains(.truncate) { state.contents[inode] = [] }
            state.lastHandle += 1
            state.opened.insert(state.lastHandle)
            return state.lastHandle
        }
        request.answer(
            .open(
                OpenReply(
                    handle: handle, directIO: ["hang", "slow", "stuck"].contains { inode == Self.inode($0) },
                    keepCache: true)))
    }

    func release(_ request: consuming Request, inode: Inode, file: OpenFile) {
        _ = state.withLock { $0.opened.remove(file.handle) }
        request.answer(.ok)
    }

    func read(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int) {
        let context = request.context
        let bytes = state.withLock { state in
            state.context = context
            state.reads[inode, default: 0] += 1
            return state.contents[inode] ?? []
        }
        if inode == Self.inode("stuck") {
            state.withLock { $0.stuck += 1 }
            whenFreed.wait()
            return answer(request, .error(.io))
        }
        switch Self.names[Int(inode.rawValue) - 2] {
        case "slow":
            let deferred = request.deferred()
            Thread {
                let first = deferred.answer(.data(bytes, offset: offset, count: count))
                let second = deferred.answer(.error(.io))
                self.state.withLock { $0.answeredLate = first && !second && deferred.isAnswered }
            }.start()
        case "hang":
            let deferred = request.deferred { self.state.withLock { $0.interrupted += 1 } }
            state.withLock { $0.hanging.append(deferred) }
        case "dropped":
            _ = request.deferred()
        default:
            request.answer(.data(bytes, offset: offset, count: count))
        }
    }

    func write(
        _ request: consuming Request, inode: Inode, file: OpenFile, data: UnsafeRawBufferPointer,
        offset: Int64
    ) {
        if inode == Self.inode("denied") { return answer(request, .error(.notPermitted)) }
        state.withLock { state in
            var bytes = state.contents[inode] ?? []
            let end = Int(offset) + data.count
            if bytes.count < end { bytes += repeatElement(0, count: end - bytes.count) }
            bytes.replaceSubrange(Int(offset)..<end, with: data)
            state.contents[inode] = bytes
            state.writes += 1
        }
        request.answer(.written(data.count))
    }

    private func entries(from offset: Int64) -> [(name: FileName, inode: Inode, next: Int64)] {
        (Self.names + ["link"]).enumerated().dropFirst(Int(offset)).compactMap { index, name in
            Self.inode(name).map { (name, $0, Int64(index + 1)) }
        }
    }

    func readDirectory(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int)
    {
        var buffer = DirectoryBuffer(capacity: count)
        for entry in entries(from: offset) {
            let attributes = attributes(entry.inode)
            guard buffer.append(name: entry.name, attributes: attributes, nextOffset: entry.next) else {
                break
            }
        }
        request.answer(.directory(buffer.bytes))
    }

    func readDirectoryPlus(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        var buffer = DirectoryBuffer(capacity: count)
        for entry in entries(from: offset) {
            let plus = Entry(inode: entry.inode, attributes: attributes(entry.inode), entryTimeout: 600)
            guard buffer.appendPlus(name: entry.name, entry: plus, nextOffset: entry.next) else { break }
        }
        request.answer(.directory(buffer.bytes))
    }

    func getExtendedAttribute(_ request: consuming Request, inode: Inode, name: FileName, count: Int) {
        guard name == "user.color" else { return answer(request, .error(.noData)) }
        answer(request, count == 0 ? .extendedAttributeSize(4) : .extendedAttribute(Array("blue".utf8)))
    }

    func statistics(_ request: consuming Request, inode: Inode) {
        request.answer(.statistics(FileSystemStatistics(blockSize: 512, blocks: 7)))
    }

    func poll(
        _ request: consuming Request, inode: Inode, file: OpenFile, events: PollEvents, handle: PollHandle?
    ) {
        let hasAlarm = state.withLock { state in
            if let handle { state.pollHandle = handle }
            return state.hasAlarm
        }
        request.answer(.poll(hasAlarm ? [.priority, .error] : []))
    }
}
