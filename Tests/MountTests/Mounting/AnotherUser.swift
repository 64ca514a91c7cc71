import Foundation
import Glibc
import OneGateSimulator

/// A user who is not root, with a folder `m` of his own to mount on and an env file that he may read. In a namespace of
/// his own, where everybody may use /dev/fuse and `allow_other`, whatever this machine says.
final class AnotherUser: Sendable {
    /// nobody, whom every machine has.
    static let id = 65534

    let folder: String

    init(_ simulator: Simulator, vm: Int = 8) throws {
        folder = try Executables.makeFolder()
        try simulator.environmentFile(vm: vm).write(
            toFile: folder + "/one_env", atomically: false, encoding: .utf8)
        try FileManager.default.createDirectory(atPath: folder + "/m", withIntermediateDirectories: false)
        for (path, mode) in [(folder, 0o755), (folder + "/one_env", 0o600), (folder + "/m", 0o755)] {
            try SystemError.check("chmod \(path)", chmod(path, mode_t(mode)))
        }
        for path in ["/one_env", "/m"] {
            try SystemError.check("chown", chown(folder + path, uid_t(Self.id), gid_t(Self.id)))
        }
        // The build folder may be closed to others.
        try FileManager.default.copyItem(atPath: Executables.onegatefs, toPath: folder + "/onegatefs")
    }

    /// Makes /dev/fuse and /etc/fuse.conf what they are on most machines.
    private static let prepare = """
        set -e
        mount --make-rprivate /
        mount -t tmpfs -o mode=755 none /mnt
        mknod -m 666 /mnt/fuse c 10 229
        mount --bind /mnt/fuse /dev/fuse
        echo user_allow_other > /mnt/conf
        [ -e /etc/fuse.conf ] && mount --bind /mnt/conf /etc/fuse.conf

        """

    static let canMount: Bool = {
        guard geteuid() == 0, Child.exists("fusermount3"), Child.exists("setpriv"), Child.exists("unshare")
        else {
            return false
        }
        return (try? Child.run(["unshare", "-m", "bash", "-c", prepare + "true"]).succeeded) ?? false
    }()

    /// Runs a script as root in the namespace. `$AS` before a command runs it as this user, `$STRANGER` as yet another.
    func asRoot(_ script: String, environment: [String: String] = [:]) throws -> Child.Outcome {
        func user(_ id: Int) -> String { "setpriv --reuid \(id) --regid \(id) --clear-groups" }
        let variables = [
            "FOLDER": folder, "ONEGATEFS": folder + "/onegatefs", "AS": user(Self.id),
            "STRANGER": user(Self.id - 1),
        ]
        return try Child.run(
            ["unshare", "-m", "bash", "-c", Self.prepare + "set +e\n" + script],
            environment: variables.merging(environment) { $1 })
    }

    /// Runs a script as this user in the namespace.
    func run(_ script: String) throws -> Child.Outcome {
        try asRoot("exec $AS bash -c \"$SCRIPT\"", environment: ["SCRIPT": script])
    }

    func end() {
        MountTable.detach(folder + "/m")
        try? FileManager.default.removeItem(atPath: folder)
    }
}
