import Foundation
import Synchronization
import Testing

@testable import FUSE

extension MountedTests {
    @Test("cached data is read again after it is invalidated, and not before")
    func invalidate() async throws {
        try await TestMount.with { mount, fileSystem in
            let note = try #require(TestFileSystem.inode("note"))
            _ = try Shell.run("cat note; cat note", in: mount.path)
            #expect(fileSystem.state.withLock { $0.reads[note] } == 1)
            fileSystem.state.withLock { $0.contents[note] = Array("longer than before\n".utf8) }
            #expect(try Shell.run("cat note", in: mount.path).output == "note\n")
            #expect(throws: Never.self) { try mount.session.invalidate(inode: note).get() }
            #expect(try Shell.run("cat note", in: mount.path).output == "longer than before\n")
        }
    }

    @Test("an invalidated name is forgotten, and what is not cached is ENOENT")
    func invalidateEntry() async throws {
        try await TestMount.with { mount, fileSystem in
            _ = try Shell.run("cat note", in: mount.path)
            await eventually("it is closed") { fileSystem.state.withLock { $0.opened.isEmpty } }
            #expect(throws: Never.self) {
                try mount.session.invalidateEntry(parent: .root, name: "note").get()
            }
            await eventually("forget comes") { fileSystem.state.withLock { $0.forgotten } > 0 }
            #expect(throws: Errno.noEntry) {
                try mount.session.invalidateEntry(parent: .root, name: "never seen").get()
            }
            #expect(throws: Errno.noEntry) {
                try mount.session.invalidate(inode: Inode(rawValue: 4711)).get()
            }
        }
    }

    @Test("umount ends run()")
    func unmount() async throws {
        let fileSystem = TestFileSystem()
        let mount = try TestMount(fileSystem)
        _ = try Shell.run("cat note", in: mount.path)
        let command = geteuid() == 0 ? "umount" : "fusermount3 -u"
        #expect(try Shell.run("\(command) \(mount.path)", in: "/").status == 0)
        await eventually("run() returns") { mount.hasEnded }
        #expect(mount.error == nil)
        #expect(fileSystem.state.withLock { $0.isInitialized && $0.isDestroyed })
        rmdir(mount.path)
    }

    @Test("exit() ends a busy mount: hanging readers get an error, late answers are refused")
    func exitWhileBusy() async throws {
        let fileSystem = TestFileSystem()
        let mount = try TestMount(fileSystem)
        let hanging = try Shell("cat hang", in: mount.path)
        // Its working directory and an open file keep the mount busy.
        let sitting = try Shell(
            "exec 3< note; while cat denied > /dev/null 2>&1; do sleep 0.05; done", in: mount.path)
        await eventually("a read hangs") { fileSystem.state.withLock { $0.hanging.count } == 1 }
        mount.session.exit()
        await eventually("run() returns") { mount.hasEnded }
        #expect(hanging.finish().status != 0)
        _ = sitting.finish()
        #expect(!MountPoint.isMounted(mount.path))
        fileSystem.state.withLock { state in
            #expect(state.isDestroyed && state.interrupted == 1)
            #expect(state.hanging.allSatisfy { !$0.answer(.data([])) })
        }
        #expect(throws: Errno.self) { try mount.session.invalidate(inode: .root).get() }
        rmdir(mount.path)
    }

    @Test("exit() frees a thread that waits, to tell the kernel something, for a lock that a program holds")
    func exitWhileNotifying() async throws {
        let fileSystem = TestFileSystem()
        let mount = try TestMount(fileSystem)
        _ = try Shell.run("ls -l \(mount.path)", in: "/")
        let readers = try (0..<3).map { _ in try Shell("cat \(mount.path)/stuck", in: "/") }
        await eventually("no thread takes requests") { fileSystem.state.withLock { $0.stuck } == 3 }
        // It looks the name up, and has the folder's lock until it is told what that is.
        let maker = try Shell("touch \(mount.path)/made", in: "/")
        try await Task.sleep(for: .milliseconds(300))
        let result = Mutex<Result<Void, Errno>?>(nil)
        Thread {
            let told = mount.session.invalidateEntry(parent: .root, name: "note")
            result.withLock { $0 = told }
        }.start()
        try await Task.sleep(for: .milliseconds(300))
        #expect(result.withLock { $0 == nil }, "it does not wait for the lock")
        mount.session.exit()
        try await Task.sleep(for: .milliseconds(300))
        fileSystem.free()
        await eventually("run() returns") { mount.hasEnded }
        await eventually("the kernel was told") { result.withLock { $0 != nil } }
        #expect(maker.finish().status != 0)
        _ = readers.map { $0.finish() }
        rmdir(mount.path)
    }

    @Test("a session that goes away unrun leaves no mount")
    func unrun() async throws {
        let path = try TestMount.makeFolder()
        var session: Session? = try Session(
            fileSystem: TestFileSystem(), options: MountOptions(source: "test"))
        try session?.mount(at: path)
        #expect(MountPoint.isMounted(path))
        #expect(throws: MountError.alreadyMounted) { try session?.mount(at: "/") }
        session = nil
        #expect(!MountPoint.isMounted(path))
        rmdir(path)
    }

    @Test("a mount of the same kind that never answers is taken for dead, and removed")
    func hangingMount() async throws {
        let path = try TestMount.makeFolder()
        let session = try Session(
            fileSystem: TestFileSystem(), options: MountOptions(source: "test", subtype: "hanging"))
        // Nobody runs it, so whoever asks it something waits.
        try session.mount(at: path)
        let prepared = Mutex<Result<MountPoint, any Error>?>(nil)
        try SystemThread(name: "preparing") {
            let result = Result { try MountPoint(preparing: path, subtype: "hanging") }
            prepared.withLock { $0 = result }
        }.detach()
        await eventually("it is prepared") { prepared.withLock { $0 != nil } }
        #expect(try prepared.withLock { $0 }?.get().path == path)
        #expect(!MountPoint.isMounted(path))
        session.exit()
        rmdir(path)
    }

    @Test("exit() before run() unmounts, and run() returns")
    func exitBeforeRun() async throws {
        let path = try TestMount.makeFolder()
        let session = try Session(fileSystem: TestFileSystem(), options: MountOptions(source: "test"))
        try session.mount(at: path)
        session.exit()
        #expect(!MountPoint.isMounted(path))
        #expect(session.run(threads: 2) == nil)
        rmdir(path)
    }

    @Test("source, subtype and read-only show in the mount table")
    func options() async throws {
        let options = MountOptions(source: "a,b\\c", subtype: "probe", readOnly: true, maxRead: 8192)
        try await TestMount.with(options: options) { mount, _ in
            let mounted = try #require(MountTable.current.mount(at: mount.path))
            #expect(mounted.type == "fuse.probe")
            let lines = try Shell.run("grep \(mount.path) /proc/self/mounts", in: "/").output
            #expect(lines.hasPrefix("a,b\\134c ") && lines.contains("ro,") && lines.contains("max_read=8192"))
            #expect(try Shell.run("echo x > note", in: mount.path).errors.contains("Read-only file system"))
        }
    }

    @Test("a dead mount is cleaned away", .enabled(if: geteuid() == 0, "makes a dead mount as root"))
    func stale() async throws {
        let path = try TestMount.makeFolder()
        // The connection without a session: once its only descriptor is closed, the mount is dead.
        let descriptor = try SystemCalls.open("/dev/fuse", O_RDWR).get()
        let status = mount(
            "dead", path, "fuse.dead", 0, "fd=\(descriptor),rootmode=40000,user_id=0,group_id=0")
        #expect(status == 0)
        close(descriptor)
        #expect(throws: Errno.notConnected) { try SystemCalls.status(of: path).get() }

        let revived = try TestMount(TestFileSystem(), at: path)
        #expect(try Shell.run("cat note", in: path).output == "note\n")
        revived.session.exit()
        await eventually("run() returns") { revived.hasEnded }
        #expect(!MountPoint.isMounted(path))
        rmdir(path)
    }

    @Test("unknown options are refused")
    func invalidOptions() {
        #expect {
            _ = try Session(
                fileSystem: TestFileSystem(),
                options: MountOptions(source: "x", additional: ["--no-such-thing"]))
        } throws: { error in
            guard case .invalidOptions = error as? MountError else { return false }
            return true
        }
    }
}
