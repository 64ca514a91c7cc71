import CFUSE
import Glibc

/// Collects the entries of a directory as the kernel wants them, up to the size that it asked for.
///
/// Append entries from the request's offset on until one does not fit, then answer ``Reply/directory(_:)``
/// with ``bytes``.
public struct DirectoryBuffer: Sendable {
    /// What was collected.
    public private(set) var bytes: [UInt8] = []
    private let capacity: Int

    /// An empty buffer for so many bytes: the request's count.
    public init(capacity: Int) {
        self.capacity = capacity
        bytes.reserveCapacity(capacity)
    }

    /// Whether nothing was appended.
    public var isEmpty: Bool { bytes.isEmpty }

    /// Adds an entry for readDirectory.
    ///
    /// - Parameters:
    ///   - nextOffset: where a later request continues after this entry; never 0.
    /// - Returns: false if it does not fit any more.
    public mutating func append(name: FileName, inode: Inode, kind: FileKind, nextOffset: Int64) -> Bool {
        var stat = Glibc.stat()
        stat.st_ino = ino_t(inode.rawValue)
        stat.st_mode = kind.typeBits
        return append(name) { name, buffer, size in
            fuse_add_direntry(nil, buffer, size, name, &stat, off_t(nextOffset))
        }
    }

    /// Adds an entry for readDirectory; of the attributes, the inode and the kind are shown.
    ///
    /// - Returns: false if it does not fit any more.
    public mutating func append(name: FileName, attributes: FileAttributes, nextOffset: Int64) -> Bool {
        append(name: name, inode: attributes.inode, kind: attributes.kind, nextOffset: nextOffset)
    }

    /// Adds an entry for readDirectoryPlus.
    ///
    /// It counts as a lookup of its inode if it has one; `.` and `..` have to have none.
    ///
    /// - Returns: false if it does not fit any more; then no lookup is to be counted.
    public mutating func appendPlus(name: FileName, entry: Entry, nextOffset: Int64) -> Bool {
        var parameter = entry.parameter
        return append(name) { name, buffer, size in
            fuse_add_direntry_plus(nil, buffer, size, name, &parameter, off_t(nextOffset))
        }
    }

    /// `add` returns the size that the entry needs, and writes it if there is a buffer of that size.
    private mutating func append(
        _ name: FileName, add: (UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, Int) -> Int
    ) -> Bool {
        name.withCString { name in
            let start = bytes.count
            let size = add(name, nil, 0)
            guard start + size <= capacity else { return false }
            bytes.append(contentsOf: repeatElement(0, count: size))
            bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
                _ = add(name, rest.baseAddress?.assumingMemoryBound(to: CChar.self), rest.count)
            }
            return true
        }
    }
}
