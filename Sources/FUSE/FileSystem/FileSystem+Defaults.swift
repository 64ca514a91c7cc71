/// What libfuse does for operations that are missing.
extension FileSystem {
    /// Keeps what was negotiated.
    public func initialize(_ connection: inout Connection) {}

    /// Nothing.
    public func destroy() {}

    /// ENOSYS
    public func lookup(_ request: consuming Request, parent: Inode, name: FileName) {
        request.answer(.error(.noSystemCall))
    }

    /// Nothing.
    public func forget(_ inode: Inode, count: UInt64) {}

    /// ENOSYS
    public func attributes(_ request: consuming Request, inode: Inode, file: OpenFile?) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func setAttributes(
        _ request: consuming Request, inode: Inode, changes: AttributeChanges, file: OpenFile?
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func readLink(_ request: consuming Request, inode: Inode) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func makeNode(
        _ request: consuming Request, parent: Inode, name: FileName, kind: FileKind, permissions: UInt16,
        device: UInt64
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func makeDirectory(
        _ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func unlink(_ request: consuming Request, parent: Inode, name: FileName) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func removeDirectory(_ request: consuming Request, parent: Inode, name: FileName) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func symbolicLink(
        _ request: consuming Request, target: [UInt8], parent: Inode, name: FileName
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func rename(
        _ request: consuming Request, parent: Inode, name: FileName, newParent: Inode, newName: FileName,
        flags: RenameFlags
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func link(_ request: consuming Request, inode: Inode, newParent: Inode, newName: FileName) {
        request.answer(.error(.noSystemCall))
    }

    /// Open, with handle 0.
    public func open(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        request.answer(.open(OpenReply()))
    }

    /// ENOSYS
    public func read(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func write(
        _ request: consuming Request, inode: Inode, file: OpenFile, data: UnsafeRawBufferPointer,
        offset: Int64
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS, which close(2) does not show.
    public func flush(_ request: consuming Request, inode: Inode, file: OpenFile) {
        request.answer(.error(.noSystemCall))
    }

    /// Done.
    public func release(_ request: consuming Request, inode: Inode, file: OpenFile) {
        request.answer(.ok)
    }

    /// ENOSYS, which fsync(2) does not show.
    public func sync(_ request: consuming Request, inode: Inode, file: OpenFile, dataOnly: Bool) {
        request.answer(.error(.noSystemCall))
    }

    /// Open, with handle 0.
    public func openDirectory(_ request: consuming Request, inode: Inode, flags: OpenFlags) {
        request.answer(.open(OpenReply()))
    }

    /// ENOSYS
    public func readDirectory(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func readDirectoryPlus(
        _ request: consuming Request, inode: Inode, file: OpenFile, offset: Int64, count: Int
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// Done.
    public func releaseDirectory(_ request: consuming Request, inode: Inode, file: OpenFile) {
        request.answer(.ok)
    }

    /// ENOSYS, which fsync(2) does not show.
    public func syncDirectory(_ request: consuming Request, inode: Inode, file: OpenFile, dataOnly: Bool) {
        request.answer(.error(.noSystemCall))
    }

    /// No blocks, names of 255 bytes.
    public func statistics(_ request: consuming Request, inode: Inode) {
        request.answer(.statistics(FileSystemStatistics()))
    }

    /// ENOSYS
    public func getExtendedAttribute(
        _ request: consuming Request, inode: Inode, name: FileName, count: Int
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func setExtendedAttribute(
        _ request: consuming Request, inode: Inode, name: FileName, value: [UInt8],
        flags: ExtendedAttributeFlags
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func listExtendedAttributes(_ request: consuming Request, inode: Inode, count: Int) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func removeExtendedAttribute(_ request: consuming Request, inode: Inode, name: FileName) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS, which access(2) does not show.
    public func access(_ request: consuming Request, inode: Inode, mask: AccessMask) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS
    public func create(
        _ request: consuming Request, parent: Inode, name: FileName, permissions: UInt16, flags: OpenFlags
    ) {
        request.answer(.error(.noSystemCall))
    }

    /// ENOSYS: the kernel then says that everything is always ready.
    public func poll(
        _ request: consuming Request, inode: Inode, file: OpenFile, events: PollEvents, handle: PollHandle?
    ) {
        request.answer(.error(.noSystemCall))
    }
}
