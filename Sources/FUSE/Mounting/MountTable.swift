/// What is mounted where in this process's namespace: /proc/self/mountinfo, see proc_pid_mountinfo(5).
///
/// Reading it asks no file system anything, so it also works while one hangs.
struct MountTable: Sendable {
    struct Mount: Hashable, Sendable {
        /// Unique while the mount exists.
        let id: Int
        /// `major:minor`, of its own for each FUSE mount.
        let device: String
        let path: String
        let type: String

        var isFUSE: Bool { type == "fuse" || type == "fuseblk" || type.hasPrefix("fuse.") }

        /// The number of a FUSE mount's connection, as fusectl has it: its device, whose major number is 0.
        var connection: Substring? { device.hasPrefix("0:") ? device.dropFirst(2) : nil }
    }

    let mounts: [Mount]

    static var current: MountTable {
        let bytes = (try? SystemCalls.contents(of: "/proc/self/mountinfo").get()) ?? []
        return MountTable(parsing: String(decoding: bytes, as: UTF8.self))
    }

    init(parsing text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 6, let id = Int(fields[0]), let dash = fields[6...].firstIndex(of: "-"),
                dash + 1 < fields.count
            else { return nil }
            return Mount(
                id: id, device: String(fields[2]), path: Self.unescape(fields[4]),
                type: String(fields[dash + 1]))
        }
    }

    /// What a user of this absolute path sees: the last mount on it.
    func mount(at path: String) -> Mount? {
        mounts.last { $0.path.utf8.elementsEqual(path.utf8) }
    }

    /// The mount whose connection an open /dev/fuse is, as newer kernels tell in /proc/self/fdinfo.
    func mount(ofConnection descriptor: CInt) -> Mount? {
        let bytes = (try? SystemCalls.contents(of: "/proc/self/fdinfo/\(descriptor)").get()) ?? []
        let key = "fuse_connection:"
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(key) }
        guard let number = line?.dropFirst(key.count).split(whereSeparator: \.isWhitespace).first else {
            return nil
        }
        return mounts.last { $0.connection == number && $0.isFUSE }
    }

    /// Blanks and backslashes are written as `\040`, three octal digits.
    private static func unescape(_ field: Substring) -> String {
        let bytes = Array(field.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let digits = bytes[(index + 1)...].prefix(3)
            if bytes[index] == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(value)
                index += 4
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
