import CFUSE
import Glibc

/// An answer to the kernel. Which ones fit a request is said at the methods of ``FileSystem``; ``error(_:)``
/// fits all.
public enum Reply: Sendable {
    /// Done; there is nothing to say.
    case ok
    /// It failed.
    case error(Errno)
    /// A name and its file.
    case entry(Entry)
    /// Attributes, which the kernel may use for so many seconds.
    case attributes(FileAttributes, timeout: Double)
    /// The file is open.
    case open(OpenReply)
    /// The file was made and is open.
    case created(Entry, OpenReply)
    /// What was read. Fewer bytes than were asked for are the end of the file.
    case data([UInt8])
    /// A part of an array, without a copy.
    case slice(ArraySlice<UInt8>)
    /// So many bytes were taken.
    case written(Int)
    /// The target of a symbolic link.
    case link([UInt8])
    /// What statfs(2) shows.
    case statistics(FileSystemStatistics)
    /// Entries of a directory: ``DirectoryBuffer/bytes``. Empty: there are no more.
    case directory([UInt8])
    /// The value of an extended attribute, or their names, each with a NUL behind it.
    case extendedAttribute([UInt8])
    /// How long that would be, when the request's count is 0.
    case extendedAttributeSize(Int)
    /// The events that have happened.
    case poll(PollEvents)
    /// No answer at all.
    case none

    /// The part of a file that read(2) asks for, cut at its end, without a copy.
    public static func data(_ bytes: [UInt8], offset: Int64, count: Int) -> Reply {
        guard offset >= 0, count > 0, let start = Int(exactly: offset), start < bytes.count else {
            return .data([])
        }
        return .slice(bytes[start..<(start + min(count, bytes.count - start))])
    }

    /// The one place where answers are handed to libfuse, which frees the request whatever comes of it.
    ///
    /// - Returns: whether the answer reached the kernel; it does not (ENOENT) if the caller was interrupted.
    @discardableResult
    func send(to request: OpaquePointer) -> Bool {
        let status: CInt
        switch self {
        case .ok:
            status = fuse_reply_err(request, 0)
        case .error(let error):
            status = fuse_reply_err(request, error.rawValue)
        case .entry(let entry):
            var parameter = entry.parameter
            status = fuse_reply_entry(request, &parameter)
        case .attributes(let attributes, let timeout):
            var stat = attributes.stat
            status = fuse_reply_attr(request, &stat, timeout)
        case .open(let open):
            var info = open.fileInfo
            status = fuse_reply_open(request, &info)
        case .created(let entry, let open):
            var parameter = entry.parameter
            var info = open.fileInfo
            status = fuse_reply_create(request, &parameter, &info)
        case .data(let bytes), .directory(let bytes), .extendedAttribute(let bytes), .link(let bytes):
            status = bytes.withUnsafeBytes { Self.send($0, to: request) }
        case .slice(let bytes):
            status = bytes.withUnsafeBytes { Self.send($0, to: request) }
        case .written(let count):
            status = fuse_reply_write(request, count)
        case .statistics(let statistics):
            var statvfs = statistics.statvfs
            status = fuse_reply_statfs(request, &statvfs)
        case .extendedAttributeSize(let count):
            status = fuse_reply_xattr(request, count)
        case .poll(let events):
            status = fuse_reply_poll(request, events.rawValue)
        case .none:
            fuse_reply_none(request)
            status = 0
        }
        return status == 0
    }

    private static func send(_ bytes: UnsafeRawBufferPointer, to request: OpaquePointer) -> CInt {
        fuse_reply_buf(request, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
}
