/// A file system: what to do when the kernel asks.
///
/// The methods are called on the threads of ``Session/run(threads:patience:)``, several at once. Answer each request
/// there with ``Request/answer(_:)``, or take it along with ``Request/deferred(isAwaited:onInterrupt:)``; a method that
/// blocks keeps its thread from other requests. What a file system leaves out is answered ENOSYS, which the
/// kernel remembers for most kinds of request and does not ask again; opening and releasing files and
/// directories, and statistics, have the defaults that libfuse has. See fuse_lowlevel.h for what each operation means in detail.
///
/// A file system of one file:
///
/// ```swift
/// struct Hello: FileSystem {
///     let text = Array("Hello, world!\n".utf8)
///     let file = Inode(rawValue: 2)
///
///     func attributes(of inode: Inode) -> FileAttributes {
///         inode == file
///             ? FileAttributes(inode: inode, kind: .regular, permissions: 0o444, size: Int64(text.count))
///             : FileAttributes(inode: inode, kind: .directory, permissions: 0o555, linkCount: 2)
///     }
///
///     func lookup(_ request: consuming Request, parent: Inode, name: FileName) {
///         guard parent == .root, name == "hello" else { return request.answer(.error(.noEntry)) }
///         request.answer(
///             .entry(Entry(inode: file, attributes: attributes(of: file), entryTimeout: 60, attributeTimeout: 60)))
///     }
///
///     func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?) {
///         request.answer(.attributes(attributes(of: inode), timeout: 60))
///     }
///
///     func readDirectory(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int) {
///         var buffer = DirectoryBuffer(capacity: count)
///         if offset == 0 {
///             _ = buffer.append(name: "hello", attributes: attributes(of: self.file), nextOffset: 1)
///         }
///         request.answer(.directory(buffer.bytes))
///     }
///
///     func read(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int) {
///         request.answer(.data(text, offset: offset, count: count))
///     }
/// }
///
/// let session = try Session(fileSystem: Hello(), options: MountOptions(source: "hello"))
/// try session.mount(at: "/mnt")
/// session.run(threads: 2)  // until umount(8)
/// ```
public protocol FileSystem: Sendable {
    /// The connection with the kernel begins: say what you want of it. Called once, before everything else.
    func initialize(_ connection: inout Connection)

    /// The connection is over. Called once, after everything else, if ``initialize(_:)`` was.
    func destroy()

    /// Finds a name in a directory. Answer: ``Reply/entry(_:)``.
    func lookup(_ request: consuming Request, parent: Inode, name: FileName)

    /// The kernel gives back so many of the lookups of an inode. At none it will not use the number any more.
    /// There is no answer. At the end of the mount these calls do not come.
    func forget(_ inode: Inode, count: UInt64)

    /// Answer: ``Reply/attributes(_:timeout:)``. `file`: if asked through an open file, its handle.
    func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?)

    /// Answer: ``Reply/attributes(_:timeout:)``. `file`: if asked through an open file, its handle.
    func setAttributes(
        _ request: consuming Request, inode: Inode, changes: AttributeChanges, file: OpenFile?)

    /// Answer: ``Reply/link(_:)``.
    func readLink(_ request: consuming Request, inode: Inode)

    /// Makes a file that is not opened. Answer: ``Reply/entry(_:)``. `device`: of device files only.
    func makeNode(
        _ request: consuming Request, parent: Inode, name: FileName, kind: FileKind, permissions: UInt16,
        device: UInt64)

    /// Answer: ``Reply/entry(_:)``.
    func makeDirectory(_ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16)

    /// Removes a name that is not a directory. Answer: ``Reply/ok``.
    func unlink(_ request: consuming Request, parent: Inode, name: FileName)

    /// Answer: ``Reply/ok``.
    func removeDirectory(_ request: consuming Request, parent: Inode, name: FileName)

    /// Answer: ``Reply/entry(_:)``. `target`: bytes without NUL.
    func symbolicLink(_ request: consuming Request, target: [UInt8], parent: Inode, name: FileName)

    /// Answer: ``Reply/ok``.
    func rename(
        _ request: consuming Request, parent: Inode, name: FileName, newParent: Inode, newName: FileName,
        flags: RenameFlags)

    /// Makes a hard link. Answer: ``Reply/entry(_:)``.
    func link(_ request: consuming Request, inode: Inode, newParent: Inode, newName: FileName)

    /// Answer: ``Reply/open(_:)``. Default: open, with handle 0. ENOSYS: opened, and never ask again, if the
    /// kernel has ``Capabilities/noOpenSupport``.
    func open(_ request: consuming Request, inode: Inode, flags: OpenFlags)

    /// Answer: ``Reply/data(_:)``, ``Reply/slice(_:)`` or ``Reply/data(_:offset:count:)``.
    func read(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int)

    /// Answer: ``Reply/written(_:)``. `data` is valid during the call only: copy it to defer.
    func write(
        _ request: consuming Request, inode: Inode, file: OpenFile, data: UnsafeRawBufferPointer,
        offset: Int64)

    /// One close(2) of perhaps many of an open file. Answer: ``Reply/ok``.
    func flush(_ request: consuming Request, inode: Inode, file: OpenFile)

    /// The open file is gone. Answer: ``Reply/ok``. Default: that.
    func release(_ request: consuming Request, inode: Inode, file: OpenFile)

    /// fsync(2). Answer: ``Reply/ok``. `dataOnly`: fdatasync(2).
    func sync(_ request: consuming Request, inode: Inode, file: OpenFile, dataOnly: Bool)

    /// Answer: ``Reply/open(_:)``. Default: open, with handle 0. ENOSYS: as for open, with
    /// ``Capabilities/noOpendirSupport``.
    func openDirectory(_ request: consuming Request, inode: Inode, flags: OpenFlags)

    /// Answer: ``Reply/directory(_:)``. `offset`: 0, or the `nextOffset` of the last entry that was taken.
    /// `count`: the size of the answer in bytes, at most.
    func readDirectory(_ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int)

    /// The same, each entry with its lookup. Comes with ``Capabilities/readdirplus`` only.
    func readDirectoryPlus(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int)

    /// The open directory is gone. Answer: ``Reply/ok``. Default: that.
    func releaseDirectory(_ request: consuming Request, inode: Inode, file: OpenFile)

    /// fsync(2) of a directory. Answer: ``Reply/ok``.
    func syncDirectory(_ request: consuming Request, inode: Inode, file: OpenFile, dataOnly: Bool)

    /// statfs(2). Answer: ``Reply/statistics(_:)``. Default: no blocks, names of 255 bytes.
    func statistics(_ request: consuming Request, inode: Inode)

    /// Answer: ``Reply/extendedAttribute(_:)``, or ERANGE if it is longer than `count`;
    /// ``Reply/extendedAttributeSize(_:)`` if `count` is 0.
    func getExtendedAttribute(_ request: consuming Request, inode: Inode, name: FileName, count: Int)

    /// Answer: ``Reply/ok``.
    func setExtendedAttribute(
        _ request: consuming Request, inode: Inode, name: FileName, value: [UInt8],
        flags: ExtendedAttributeFlags)

    /// Answer: as for getExtendedAttribute.
    func listExtendedAttributes(_ request: consuming Request, inode: Inode, count: Int)

    /// Answer: ``Reply/ok``.
    func removeExtendedAttribute(_ request: consuming Request, inode: Inode, name: FileName)

    /// access(2); does not come with ``MountOptions/defaultPermissions``. Answer: ``Reply/ok``.
    func access(_ request: consuming Request, inode: Inode, mask: AccessMask)

    /// Makes a regular file and opens it. Answer: ``Reply/created(_:_:)``. ENOSYS: the kernel uses makeNode and open.
    func create(
        _ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16, flags: OpenFlags)

    /// Answer: ``Reply/poll(_:)`` with what has happened. `handle`: the program waits; wake it when there is news.
    func poll(
        _ request: consuming Request, inode: Inode, file: OpenFile, events: PollEvents, handle: PollHandle?)
}
