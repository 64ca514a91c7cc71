import FUSE
import Glibc

/// A file system with one file, `hello`.
struct HelloFileSystem: FileSystem {
    static let file = Inode(rawValue: 2)
    static let name: FileName = "hello"
    static let content = Array("Hello, world\n".utf8)

    private func attributes(of inode: Inode) -> FileAttributes {
        inode == Self.file
            ? FileAttributes(
                inode: inode, kind: .regular, permissions: 0o444, size: Int64(Self.content.count))
            : FileAttributes(inode: inode, kind: .directory, permissions: 0o555, linkCount: 2)
    }

    func lookup(_ request: consuming Request, parent: Inode, name: FileName) {
        guard parent == .root, name == Self.name else {
            request.answer(.error(.noEntry))
            return
        }
        // The kernel may use the name and the attributes for a minute without asking again.
        let entry = Entry(
            inode: Self.file, attributes: attributes(of: Self.file), entryTimeout: 60, attributeTimeout: 60)
        request.answer(.entry(entry))
    }

    func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?) {
        request.answer(.attributes(attributes(of: inode), timeout: 60))
    }

    func open(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        request.answer(flags.isWritable ? .error(.access) : .open(OpenReply(keepCache: true)))
    }

    func read(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int) {
        request.answer(.data(Self.content, offset: offset, count: count))
    }

    func readDirectory(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        let entries: [(FileName, Inode)] = [(".", .root), ("..", .root), (Self.name, Self.file)]
        var buffer = DirectoryBuffer(capacity: count)
        for (index, entry) in entries.enumerated().dropFirst(Int(offset)) {
            // An entry that does not fit is asked for again, by the offset of the one before.
            guard
                buffer.append(
                    name: entry.0, attributes: attributes(of: entry.1), nextOffset: Int64(index + 1))
            else { break }
        }
        request.answer(.directory(buffer.bytes))
    }
}

@main
enum Hello {
    static func main() {
        guard CommandLine.arguments.count == 2 else {
            print("usage: hello MOUNTPOINT")
            exit(64)
        }
        do {
            try serve(at: CommandLine.arguments[1])
        } catch {
            print("hello: \(error)")
            exit(1)
        }
    }

    /// Mounts, and returns when it has been unmounted.
    static func serve(at path: String) throws {
        // Before any thread is started, so that the signals reach only the one that listens.
        Signals.block([.interrupt, .terminate])
        let session = try Session(
            fileSystem: HelloFileSystem(), options: MountOptions(source: "hello", subtype: "hello"))
        try session.mount(at: path)
        try Signals.listen(to: [.interrupt, .terminate]) { _ in
            session.exit()
            return false
        }
        if let error = session.run(threads: 1) { throw error }
    }
}
