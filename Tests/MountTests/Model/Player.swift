import Glibc
import OneGate
import OneGateSimulator

/// Makes calls on mounts, by nothing but system calls. Not Sendable: it belongs to one thread.
final class Player {
    private let cloud: Cloud
    private let prefix: String
    private var folders: [[Int: CInt]] = []
    private var opens: [Int: CInt] = [:]

    /// - Parameter paths: the mount points.
    init(_ cloud: Cloud, paths: [String], prefix: String) throws {
        self.cloud = cloud
        self.prefix = prefix
        for path in paths {
            var descriptors: [Int: CInt] = [:]
            for vm in Model.machines {
                let folder = "\(path)/vm/\(vm)/USER_TEMPLATE"
                descriptors[vm] = try SystemError.check(
                    "open \(folder)", Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
            }
            folders.append(descriptors)
        }
    }

    deinit { closeAll() }

    /// Closes everything, so that what is mounted can be unmounted.
    func closeAll() {
        for descriptor in opens.values { Glibc.close(descriptor) }
        for folder in folders { for descriptor in folder.values { Glibc.close(descriptor) } }
        opens = [:]
        folders = []
    }

    // MARK: Calls

    /// renameat2(2), which Swift shows only where it is told of GNU's extensions; RENAME_NOREPLACE is 1.
    private static let rename:
        @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) -> CInt = {
            unsafeBitCast(
                dlsym(nil, "renameat2"),
                to: (@convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) ->
                    CInt).self)
        }()

    func play(_ call: FileCall) -> CallOutcome {
        switch call {
        case .open(let slot, let mount, let place, let flags):
            let descriptor = openat(folder(mount, place.vm), place.path(prefix), flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { opens[slot] = descriptor }
            return done(descriptor)
        case .read(let slot, let count):
            return bytes(count) { Glibc.read(descriptor(slot), $0, count) }
        case .readAt(let slot, let count, let offset):
            return bytes(count) { pread(descriptor(slot), $0, count, offset) }
        case .write(let slot, let data): return number(Glibc.write(descriptor(slot), data, data.count))
        case .writeAt(let slot, let data, let offset):
            return number(pwrite(descriptor(slot), data, data.count, offset))
        case .resize(let slot, let size): return done(ftruncate(descriptor(slot), size))
        case .sync(let slot): return done(fsync(descriptor(slot)))
        case .close(let slot):
            defer { opens[slot] = nil }
            return done(Glibc.close(descriptor(slot)))
        case .truncate(let mount, let place, let size):
            return done(Glibc.truncate(path(mount, place), size))
        case .unlink(let mount, let place):
            return done(unlinkat(folder(mount, place.vm), place.path(prefix), 0))
        case .makeFolder(let mount, let place):
            return done(mkdirat(folder(mount, place.vm), place.path(prefix), 0o755))
        case .removeFolder(let mount, let place):
            return done(unlinkat(folder(mount, place.vm), place.path(prefix), AT_REMOVEDIR))
        case .rename(let mount, let place, let goal, let replaces):
            return done(
                Player.rename(
                    folder(mount, place.vm), place.path(prefix), folder(mount, goal.vm), goal.path(prefix),
                    replaces ? 0 : 1))
        case .status(let mount, let place):
            var status = stat()
            let result = fstatat(
                folder(mount, place.vm), place.path(prefix), &status, AT_SYMLINK_NOFOLLOW)
            guard result == 0 else { return .failed(errno) }
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            return .status(isFolder: isFolder, size: isFolder ? 0 : Int(status.st_size))
        case .list(let mount, let vm, let name): return names(mount, vm, name)
        case .changeMode(let mount, let place, let mode):
            return done(fchmodat(folder(mount, place.vm), place.path(prefix), mode, 0))
        case .setTimes(let mount, let place):
            return done(utimensat(folder(mount, place.vm), place.path(prefix), nil, 0))
        case .readWhole(let mount, let place): return readWhole(mount, place)
        case .writeWhole(let mount, let place, let data): return writeWhole(mount, place, data)
        case .update(let mount, let vm, let values): return update(mount, vm, values)
        case .serverSets(let place, let value):
            cloud.setAttribute(vm: place.vm, name: place.name.text(prefix), value: json(value))
            return .done
        case .serverErases(let place):
            cloud.eraseAttribute(vm: place.vm, name: place.name.text(prefix))
            return .done
        }
    }

    // MARK: The server

    /// What the server has of ours now.
    var server: [Place: Model.Value] {
        var result: [Place: Model.Value] = [:]
        for vm in Model.machines {
            let members = cloud.userTemplate(vm: vm)?.members ?? [:]
            for name in PlaceName.allCases {
                guard let value = members[name.text(prefix)] else { continue }
                result[Place(vm: vm, name: name)] = self.value(value)
            }
        }
        return result
    }

    /// Removes from the server what is ours.
    func clean() {
        for vm in Model.machines {
            for name in PlaceName.attributes { cloud.eraseAttribute(vm: vm, name: name.text(prefix)) }
        }
    }

    private func json(_ value: Model.Value) -> JSON {
        switch value {
        case .text(let bytes): return .string(String(decoding: bytes, as: UTF8.self))
        case .vector(let keys):
            var members: [String: JSON] = [:]
            for (key, bytes) in keys {
                members[key.text(prefix)] = .string(String(decoding: bytes, as: UTF8.self))
            }
            return .object(.init(uniqueKeysWithValues: members.sorted { $0.key < $1.key }))
        }
    }

    private func value(_ json: JSON) -> Model.Value {
        guard let members = json.members, !members.isEmpty else {
            return .text(Array((json.scalar ?? "").utf8))
        }
        var keys: [PlaceName: [UInt8]] = [:]
        for name in PlaceName.allCases {
            guard let value = members[name.text(prefix)] else { continue }
            keys[name] = Array((value.scalar ?? "").utf8)
        }
        return .vector(keys)
    }

    // MARK: System calls

    private func folder(_ mount: Int, _ vm: Int) -> CInt { folders[mount][vm] ?? -1 }
    private func descriptor(_ slot: Int) -> CInt { opens[slot] ?? -1 }

    /// truncate(2) has no variant that takes a folder.
    private func path(_ mount: Int, _ place: Place) -> String {
        "/proc/thread-self/fd/\(folder(mount, place.vm))/\(place.path(prefix))"
    }

    private func done(_ result: CInt) -> CallOutcome { result < 0 ? .failed(errno) : .done }
    private func number(_ result: Int) -> CallOutcome { result < 0 ? .failed(errno) : .count(result) }

    private func bytes(_ count: Int, _ read: (UnsafeMutableRawPointer) -> Int) -> CallOutcome {
        var buffer = [UInt8](repeating: 0, count: max(count, 1))
        let got = buffer.withUnsafeMutableBytes { $0.baseAddress.map(read) ?? 0 }
        return got < 0 ? .failed(errno) : .bytes(Array(buffer.prefix(got)))
    }

    private func names(_ mount: Int, _ vm: Int, _ name: PlaceName?) -> CallOutcome {
        let descriptor = openat(
            folder(mount, vm), name?.text(prefix) ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failed(errno) }
        guard let stream = fdopendir(descriptor) else { return .failed(errno) }
        defer { closedir(stream) }
        let ours = Set(PlaceName.allCases.filter { $0 != .restricted }.map { $0.text(prefix) })
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let text = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if ours.contains(text) { names.append(text) }
        }
        return errno == 0 ? .names(names.sorted()) : .failed(errno)
    }

    private func readWhole(_ mount: Int, _ place: Place) -> CallOutcome {
        let descriptor = openat(folder(mount, place.vm), place.path(prefix), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failed(errno) }
        defer { Glibc.close(descriptor) }
        do {
            return .bytes(try Descriptor.readAll(descriptor))
        } catch let error as SystemError {
            return .failed(error.number)
        } catch {
            return .refused
        }
    }

    private func writeWhole(_ mount: Int, _ place: Place, _ data: [UInt8]) -> CallOutcome {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let descriptor = openat(folder(mount, place.vm), place.path(prefix), flags, 0o644)
        guard descriptor >= 0 else { return .failed(errno) }
        let written = number(Glibc.write(descriptor, data, data.count))
        let closed = done(Glibc.close(descriptor))
        return closed == .done ? written : closed
    }

    private func update(_ mount: Int, _ vm: Int, _ values: [PlaceName: [UInt8]]) -> CallOutcome {
        var lines: [UInt8] = []
        for (name, value) in values.sorted(by: { $0.key.text("") < $1.key.text("") }) {
            lines += Array("\(name.text(prefix))=\"".utf8)
            for byte in value {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    lines.append(UInt8(ascii: "\\"))
                }
                lines.append(byte)
            }
            lines += Array("\"\n".utf8)
        }
        let descriptor = openat(folder(mount, vm), "../update", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failed(errno) }
        let written = number(Glibc.write(descriptor, lines, lines.count))
        Glibc.close(descriptor)
        return written == .count(lines.count) ? .done : written
    }
}
