import CFUSE
import Glibc

/// The C side: libfuse's callbacks, which turn C arguments into Swift values and call the file system.
///
/// libfuse never passes nil where these insist on a value; the guards are there because C types cannot say so.
enum Operations {
    private static func session(of request: OpaquePointer) -> Session? {
        fuse_req_userdata(request).map { Unmanaged<Session>.fromOpaque($0).takeUnretainedValue() }
    }

    /// - Parameters:
    ///   - lock: whose lock the program holds until the answer.
    ///   - isLast: whether it gives something back, which is done at the session's end, too.
    private static func handle(
        _ request: OpaquePointer?, holding lock: Inode? = nil, isLast: Bool = false,
        _ body: (consuming Request, any FileSystem, Session) -> Void
    ) {
        guard let pointer = request, let session = session(of: pointer) else { return }
        let request = Request(pointer, session: session, lock: lock)
        if session.isRefusing, !isLast {
            request.answer(.error(.notConnected))
        } else {
            body(request, session.fileSystem, session)
        }
    }

    private static func name(_ name: UnsafePointer<CChar>?) -> FileName {
        name.map { FileName(cString: $0) } ?? FileName(bytes: [])
    }

    private static func file(_ info: UnsafeMutablePointer<fuse_file_info>?) -> OpenFile {
        info.map { OpenFile($0.pointee) } ?? OpenFile(handle: 0)
    }

    private static func flags(_ info: UnsafeMutablePointer<fuse_file_info>?) -> OpenFlags {
        OpenFlags(rawValue: info?.pointee.flags ?? 0)
    }

    private static func permissions(_ mode: mode_t) -> UInt16 {
        UInt16(mode & 0o7777)
    }

    static var table: fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        addConnection(&table)
        addAttributes(&table)
        addNames(&table)
        addFiles(&table)
        addDirectories(&table)
        addExtendedAttributes(&table)
        return table
    }

    /// `destroy` is not among them: libfuse would call it while the session goes away, which is too late.
    private static func addConnection(_ table: inout fuse_lowlevel_ops) {
        table.`init` = { session, info in
            guard let session, let info else { return }
            Unmanaged<Session>.fromOpaque(session).takeUnretainedValue().connect(&info.pointee)
        }
        table.statfs = { request, inode in
            Operations.handle(request) { request, system, _ in
                system.statistics(request, inode: Inode(rawValue: inode))
            }
        }
    }

    private static func addAttributes(_ table: inout fuse_lowlevel_ops) {
        table.getattr = { request, inode, info in
            Operations.handle(request) { request, system, _ in
                system.attributes(
                    request, inode: Inode(rawValue: inode), file: info.map { OpenFile($0.pointee) })
            }
        }
        table.setattr = { request, inode, attributes, valid, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                let changes =
                    attributes.map { AttributeChanges($0.pointee, valid: valid) } ?? AttributeChanges()
                system.setAttributes(
                    request, inode: Inode(rawValue: inode), changes: changes,
                    file: info.map { OpenFile($0.pointee) })
            }
        }
        table.access = { request, inode, mask in
            Operations.handle(request) { request, system, _ in
                system.access(request, inode: Inode(rawValue: inode), mask: AccessMask(rawValue: mask))
            }
        }
        table.readlink = { request, inode in
            Operations.handle(request) { request, system, _ in
                system.readLink(request, inode: Inode(rawValue: inode))
            }
        }
    }

    private static func addNames(_ table: inout fuse_lowlevel_ops) {
        table.lookup = { request, parent, name in
            Operations.handle(request, holding: Inode(rawValue: parent)) { request, system, _ in
                system.lookup(request, parent: Inode(rawValue: parent), name: Operations.name(name))
            }
        }
        table.forget = { request, inode, count in
            Operations.handle(request, isLast: true) { request, system, _ in
                system.forget(Inode(rawValue: inode), count: count)
                request.answer(.none)
            }
        }
        table.forget_multi = { request, count, forgets in
            Operations.handle(request, isLast: true) { request, system, _ in
                for forget in UnsafeBufferPointer(start: forgets, count: count) {
                    system.forget(Inode(rawValue: forget.ino), count: forget.nlookup)
                }
                request.answer(.none)
            }
        }
        table.mknod = { request, parent, name, mode, device in
            Operations.handle(request) { request, system, _ in
                system.makeNode(
                    request, parent: Inode(rawValue: parent), name: Operations.name(name),
                    kind: FileKind(mode: mode),
                    permissions: Operations.permissions(mode), device: UInt64(device))
            }
        }
        table.mkdir = { request, parent, name, mode in
            Operations.handle(request) { request, system, _ in
                system.makeDirectory(
                    request, parent: Inode(rawValue: parent), name: Operations.name(name),
                    permissions: Operations.permissions(mode))
            }
        }
        table.unlink = { request, parent, name in
            Operations.handle(request) { request, system, _ in
                system.unlink(request, parent: Inode(rawValue: parent), name: Operations.name(name))
            }
        }
        table.rmdir = { request, parent, name in
            Operations.handle(request) { request, system, _ in
                system.removeDirectory(request, parent: Inode(rawValue: parent), name: Operations.name(name))
            }
        }
        table.symlink = { request, target, parent, name in
            Operations.handle(request) { request, system, _ in
                system.symbolicLink(
                    request, target: Operations.name(target).bytes, parent: Inode(rawValue: parent),
                    name: Operations.name(name))
            }
        }
        table.rename = { request, parent, name, newParent, newName, flags in
            Operations.handle(request) { request, system, _ in
                system.rename(
                    request, parent: Inode(rawValue: parent), name: Operations.name(name),
                    newParent: Inode(rawValue: newParent), newName: Operations.name(newName),
                    flags: RenameFlags(rawValue: flags))
            }
        }
        table.link = { request, inode, newParent, newName in
            Operations.handle(request) { request, system, _ in
                system.link(
                    request, inode: Inode(rawValue: inode), newParent: Inode(rawValue: newParent),
                    newName: Operations.name(newName))
            }
        }
    }

    private static func addFiles(_ table: inout fuse_lowlevel_ops) {
        table.create = { request, parent, name, mode, info in
            Operations.handle(request) { request, system, _ in
                system.create(
                    request, parent: Inode(rawValue: parent), name: Operations.name(name),
                    permissions: Operations.permissions(mode), flags: Operations.flags(info))
            }
        }
        table.open = { request, inode, info in
            Operations.handle(request) { request, system, _ in
                system.open(request, inode: Inode(rawValue: inode), flags: Operations.flags(info))
            }
        }
        table.read = { request, inode, count, offset, info in
            Operations.handle(request) { request, system, _ in
                system.read(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    offset: Int64(offset), count: count)
            }
        }
        table.write = { request, inode, data, count, offset, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.write(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    data: UnsafeRawBufferPointer(start: data, count: count), offset: Int64(offset))
            }
        }
        table.flush = { request, inode, info in
            Operations.handle(request) { request, system, _ in
                system.flush(request, inode: Inode(rawValue: inode), file: Operations.file(info))
            }
        }
        table.release = { request, inode, info in
            Operations.handle(request, isLast: true) { request, system, _ in
                system.release(request, inode: Inode(rawValue: inode), file: Operations.file(info))
            }
        }
        table.fsync = { request, inode, dataOnly, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.sync(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    dataOnly: dataOnly != 0)
            }
        }
        table.poll = { request, inode, info, handle in
            Operations.handle(request) { request, system, session in
                system.poll(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    events: PollEvents(rawValue: info?.pointee.poll_events ?? 0),
                    handle: handle.map { PollHandle($0, session: session) })
            }
        }
    }

    private static func addDirectories(_ table: inout fuse_lowlevel_ops) {
        table.opendir = { request, inode, info in
            Operations.handle(request) { request, system, _ in
                system.openDirectory(request, inode: Inode(rawValue: inode), flags: Operations.flags(info))
            }
        }
        table.readdir = { request, inode, count, offset, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.readDirectory(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    offset: Int64(offset), count: count)
            }
        }
        table.readdirplus = { request, inode, count, offset, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.readDirectoryPlus(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    offset: Int64(offset), count: count)
            }
        }
        table.releasedir = { request, inode, info in
            Operations.handle(request, isLast: true) { request, system, _ in
                system.releaseDirectory(request, inode: Inode(rawValue: inode), file: Operations.file(info))
            }
        }
        table.fsyncdir = { request, inode, dataOnly, info in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.syncDirectory(
                    request, inode: Inode(rawValue: inode), file: Operations.file(info),
                    dataOnly: dataOnly != 0)
            }
        }
    }

    private static func addExtendedAttributes(_ table: inout fuse_lowlevel_ops) {
        table.getxattr = { request, inode, name, count in
            Operations.handle(request) { request, system, _ in
                system.getExtendedAttribute(
                    request, inode: Inode(rawValue: inode), name: Operations.name(name), count: count)
            }
        }
        table.setxattr = { request, inode, name, value, count, flags in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.setExtendedAttribute(
                    request, inode: Inode(rawValue: inode), name: Operations.name(name),
                    value: [UInt8](UnsafeRawBufferPointer(start: value, count: count)),
                    flags: ExtendedAttributeFlags(rawValue: flags))
            }
        }
        table.listxattr = { request, inode, count in
            Operations.handle(request) { request, system, _ in
                system.listExtendedAttributes(request, inode: Inode(rawValue: inode), count: count)
            }
        }
        table.removexattr = { request, inode, name in
            Operations.handle(request, holding: Inode(rawValue: inode)) { request, system, _ in
                system.removeExtendedAttribute(
                    request, inode: Inode(rawValue: inode), name: Operations.name(name))
            }
        }
    }
}
