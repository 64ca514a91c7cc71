import Glibc

/// Something that a program does with a mount, or that somebody else does to the server meanwhile.
enum FileCall: Hashable, Sendable {
    case open(slot: Int, mount: Int, Place, flags: Int32)
    case read(slot: Int, count: Int)
    case readAt(slot: Int, count: Int, offset: Int)
    case write(slot: Int, [UInt8])
    case writeAt(slot: Int, [UInt8], offset: Int)
    case resize(slot: Int, Int)
    case sync(slot: Int)
    case close(slot: Int)
    case truncate(mount: Int, Place, Int)
    case unlink(mount: Int, Place)
    case makeFolder(mount: Int, Place)
    case removeFolder(mount: Int, Place)
    case rename(mount: Int, Place, to: Place, replaces: Bool)
    case status(mount: Int, Place)
    /// The names in a VM's USER_TEMPLATE, or in a vector attribute.
    case list(mount: Int, vm: Int, PlaceName?)
    case changeMode(mount: Int, Place, UInt32)
    case setTimes(mount: Int, Place)
    /// Opens, reads to the end, closes.
    case readWhole(mount: Int, Place)
    /// Truncates, writes once, closes.
    case writeWhole(mount: Int, Place, [UInt8])
    case update(mount: Int, vm: Int, [PlaceName: [UInt8]])
    /// Somebody else sets an attribute.
    case serverSets(Place, Model.Value)
    /// Somebody else erases an attribute.
    case serverErases(Place)

    /// The mount that is used, if the call itself says it.
    var mount: Int? {
        switch self {
        case .open(_, let mount, _, _), .truncate(let mount, _, _), .unlink(let mount, _),
            .makeFolder(let mount, _), .removeFolder(let mount, _), .rename(let mount, _, _, _),
            .status(let mount, _), .list(let mount, _, _), .changeMode(let mount, _, _),
            .setTimes(let mount, _), .readWhole(let mount, _), .writeWhole(let mount, _, _),
            .update(let mount, _, _):
            mount
        default: nil
        }
    }

    /// The open file that is used.
    var slot: Int? {
        switch self {
        case .read(let slot, _), .readAt(let slot, _, _), .write(let slot, _), .writeAt(let slot, _, _),
            .resize(let slot, _), .sync(let slot), .close(let slot):
            slot
        default: nil
        }
    }
}

/// A name in a USER_TEMPLATE or in a vector attribute, without what tells apart those who use them at the same time.
enum PlaceName: Hashable, Sendable, CaseIterable {
    case a, b, c, d
    case dotted, tilde, temporary
    case lowerCase
    /// SERVICE_ID, which the server restricts.
    case restricted

    static let attributes: [PlaceName] = [.a, .b, .c, .d]
    static let scratch: [PlaceName] = [.dotted, .tilde, .temporary]

    var isAttribute: Bool { PlaceName.attributes.contains(self) || self == .restricted }
    var isScratch: Bool { PlaceName.scratch.contains(self) }

    /// The name for one of those who use the mounts at the same time.
    func text(_ prefix: String) -> String {
        switch self {
        case .a: prefix + "A"
        case .b: prefix + "B"
        case .c: prefix + "C"
        case .d: prefix + "D"
        case .dotted: "." + prefix + "S"
        case .tilde: prefix + "~"
        case .temporary: "tmp" + prefix
        case .lowerCase: "low" + prefix
        case .restricted: "SERVICE_ID"
        }
    }
}

/// A path below a VM: an attribute, or the key of a vector attribute.
struct Place: Hashable, Sendable, CustomStringConvertible {
    var vm: Int
    var name: PlaceName
    var key: PlaceName?

    /// The attribute that a key is in.
    var folder: Place { Place(vm: vm, name: name) }
    var leaf: PlaceName { key ?? name }
    var description: String { "\(vm)/\(name)" + (key.map { "/\($0)" } ?? "") }

    /// The path below the VM's USER_TEMPLATE.
    func path(_ prefix: String) -> String {
        name.text(prefix) + (key.map { "/" + $0.text(prefix) } ?? "")
    }
}

/// What came of a call.
enum CallOutcome: Hashable, Sendable, CustomStringConvertible {
    case done
    case failed(Int32)
    case bytes([UInt8])
    case count(Int)
    case names([String])
    case status(isFolder: Bool, size: Int)
    /// Any failure at all.
    case refused

    var description: String {
        switch self {
        case .done: "done"
        case .failed(let number): "\(String(cString: strerror(number)))"
        case .bytes(let bytes): "\(bytes.count) bytes \(shortened(bytes))"
        case .count(let count): "\(count)"
        case .names(let names): "\(names)"
        case .status(let isFolder, let size): isFolder ? "folder" : "file of \(size)"
        case .refused: "some failure"
        }
    }
}

/// Bytes for a message.
func shortened(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix(60), as: UTF8.self).debugDescription
    return bytes.count > 60 ? "\(text)... (\(bytes.count) bytes)" : text
}

extension FileCall: CustomStringConvertible {
    var description: String {
        switch self {
        case .open(let slot, let mount, let place, let flags):
            "m\(mount): \(slot) = open \(place) \(FileCall.names(of: flags))"
        case .read(let slot, let count): "read \(slot), \(count)"
        case .readAt(let slot, let count, let offset): "pread \(slot), \(count) at \(offset)"
        case .write(let slot, let bytes): "write \(slot), \(shortened(bytes))"
        case .writeAt(let slot, let bytes, let offset): "pwrite \(slot), \(shortened(bytes)) at \(offset)"
        case .resize(let slot, let size): "ftruncate \(slot), \(size)"
        case .sync(let slot): "fsync \(slot)"
        case .close(let slot): "close \(slot)"
        case .truncate(let mount, let place, let size): "m\(mount): truncate \(place), \(size)"
        case .unlink(let mount, let place): "m\(mount): unlink \(place)"
        case .makeFolder(let mount, let place): "m\(mount): mkdir \(place)"
        case .removeFolder(let mount, let place): "m\(mount): rmdir \(place)"
        case .rename(let mount, let place, let goal, let replaces):
            "m\(mount): rename \(place) to \(goal)\(replaces ? "" : ", RENAME_NOREPLACE")"
        case .status(let mount, let place): "m\(mount): stat \(place)"
        case .list(let mount, let vm, let name): "m\(mount): ls \(vm)\(name.map { "/\($0)" } ?? "")"
        case .changeMode(let mount, let place, let mode):
            "m\(mount): chmod \(place), \(String(mode, radix: 8))"
        case .setTimes(let mount, let place): "m\(mount): utimes \(place)"
        case .readWhole(let mount, let place): "m\(mount): cat \(place)"
        case .writeWhole(let mount, let place, let bytes):
            "m\(mount): printf \(shortened(bytes)) > \(place)"
        case .update(let mount, let vm, let values):
            "m\(mount): update \(vm): \(values.mapValues(shortened))"
        case .serverSets(let place, let value): "server: \(place) = \(value)"
        case .serverErases(let place): "server: no \(place)"
        }
    }

    private static func names(of flags: Int32) -> String {
        let modes = ["O_RDONLY", "O_WRONLY", "O_RDWR"]
        let others = [
            (O_CREAT, "O_CREAT"), (O_EXCL, "O_EXCL"), (O_TRUNC, "O_TRUNC"), (O_APPEND, "O_APPEND"),
        ]
        return ([modes[Int(flags & O_ACCMODE)]] + others.filter { flags & $0.0 != 0 }.map(\.1))
            .joined(separator: "|")
    }
}
