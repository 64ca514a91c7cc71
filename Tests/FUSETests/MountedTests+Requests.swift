import Foundation
import Testing

@testable import FUSE

extension MountedTests {
    @Test("what is written can be read")
    func readAndWrite() async throws {
        try await TestMount.with { mount, fileSystem in
            let outcome = try Shell.run(
                "cat note; echo YES > note; cat note; printf 'a\\nb' >> note", in: mount.path)
            #expect(outcome == Shell.Outcome(status: 0, output: "note\nYES\n", errors: ""))
            let note = try #require(TestFileSystem.inode("note"))
            fileSystem.state.withLock {
                #expect($0.writes > 0 && $0.contents[note]?.starts(with: Array("YES".utf8)) == true)
            }
        }
    }

    @Test("attributes, links, listings and statistics are shown")
    func metadata() async throws {
        try await TestMount.with { mount, _ in
            let script =
                "stat -c '%a %s %Y %F %i' note; readlink link; ls | sort | tr '\\n' ' '; ls -l | wc -l; stat -f -c '%S %b' ."
            let outcome = try Shell.run(script, in: mount.path)
            #expect(
                outcome.output == """
                    640 5 1000000000 regular file 2
                    note
                    alarm denied dropped hang link note slow 8
                    512 7

                    """)
        }
    }

    @Test("an error of write(2) reaches the shell, and a missing name is ENOENT")
    func errors() async throws {
        try await TestMount.with { mount, _ in
            let outcome = try Shell.run("env printf x > denied; echo $?; cat missing", in: mount.path)
            #expect(outcome.output == "1\n")
            #expect(outcome.errors.contains("Operation not permitted"))
            #expect(outcome.errors.contains("No such file or directory"))
        }
    }

    @Test("changes of attributes name only what changes")
    func setAttributes() async throws {
        try await TestMount.with { mount, fileSystem in
            let outcome = try Shell.run(
                "chmod 600 note; touch -d @5 note; touch note; truncate -s 2 note", in: mount.path)
            #expect(outcome == Shell.Outcome(status: 0, output: "", errors: ""))
            let changes = fileSystem.state.withLock { $0.changes }
            #expect(changes.contains { $0.permissions == 0o600 && $0.size == nil && $0.owner == nil })
            #expect(changes.contains { $0.modified == .at(Timestamp(seconds: 5)) })
            #expect(changes.contains { $0.modified == .now })
            #expect(changes.contains { $0.size == 2 && $0.permissions == nil })
        }
    }

    @Test("a request tells who asks")
    func context() async throws {
        try await TestMount.with { mount, fileSystem in
            _ = try Shell.run("cat note", in: mount.path)
            let context = try #require(fileSystem.state.withLock { $0.context })
            #expect(context.uid == geteuid() && context.gid == getegid() && context.pid > 0)
        }
    }

    @Test("an open file is released when it is closed")
    func release() async throws {
        try await TestMount.with { mount, fileSystem in
            _ = try Shell.run("cat note note", in: mount.path)
            #expect(fileSystem.state.withLock { $0.lastHandle } >= 2)
            await eventually("everything is released") { fileSystem.state.withLock { $0.opened.isEmpty } }
        }
    }

    @Test("extended attributes are asked for by size and by value")
    func extendedAttributes() async throws {
        try await TestMount.with { mount, _ in
            typealias Function =
                @convention(c) (
                    UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int
                ) -> Int
            // Swift's import of the C library leaves sys/xattr.h out.
            let getxattr = unsafeBitCast(try #require(dlsym(nil, "getxattr")), to: Function.self)
            var value = [UInt8](repeating: 0, count: 10)
            #expect(getxattr("\(mount.path)/note", "user.color", nil, 0) == 4)
            #expect(getxattr("\(mount.path)/note", "user.color", &value, 10) == 4)
            #expect(value.starts(with: Array("blue".utf8)))
        }
    }

    @Test("a deferred request is answered from another thread, once")
    func deferred() async throws {
        try await TestMount.with { mount, fileSystem in
            let outcome = try Shell.run("cat slow", in: mount.path)
            #expect(outcome.output == "slow\n")
            await eventually("the second answer was refused") {
                fileSystem.state.withLock { $0.answeredLate == true }
            }
        }
    }

    @Test("a deferred request that is dropped is EIO")
    func dropped() async throws {
        try await TestMount.with { mount, _ in
            let outcome = try Shell.run("cat dropped", in: mount.path)
            #expect(outcome.errors.contains("Input/output error"))
        }
    }

    @Test("a signal ends a hanging read at once, and others proceed meanwhile")
    func interrupt() async throws {
        try await TestMount.with { mount, fileSystem in
            // More readers hang than there are workers.
            let script =
                "for i in 1 2 3 4 5; do cat hang & pids=\"$pids $!\"; done; read x < slow; echo $x; "
                + "until [ \"$(cat note)\" = GO ]; do sleep 0.05; done; "
                + "kill -TERM $pids; wait; echo ended"
            let shell = try Shell(script, in: mount.path)
            await eventually("all readers hang") { fileSystem.state.withLock { $0.hanging.count } >= 1 }
            _ = try Shell.run("echo GO > note", in: mount.path)
            #expect(shell.finish().output == "slow\nended\n")
            await eventually("the file system was told") { fileSystem.state.withLock { $0.interrupted } >= 1 }
            fileSystem.state.withLock { state in
                #expect(state.hanging.allSatisfy { !$0.answer(.data([])) })
            }
        }
    }

    @Test("interrupts and answers that cross do no harm")
    func race() async throws {
        try await TestMount.with { mount, fileSystem in
            // "slow" is answered by another thread while the signal is on its way; direct I/O, so every read asks.
            let script =
                "i=0; while [ $i -lt 60 ]; do cat slow > /dev/null & p=$!; kill -TERM $p; "
                + "cat slow > /dev/null & cat hang & q=$!; kill -TERM $q; i=$((i + 1)); done; wait; cat slow"
            let outcome = try Shell.run(script, in: mount.path)
            #expect(outcome.output == "slow\n")
            await eventually("every open file is released") {
                fileSystem.state.withLock { $0.opened.isEmpty }
            }
            fileSystem.state.withLock { state in
                #expect(state.hanging.allSatisfy { $0.isAnswered })
            }
        }
    }

    @Test("SIGINT ends cat, whose read gets EINTR")
    func sigint() async throws {
        try await TestMount.with { mount, fileSystem in
            let shell = try Shell("env --default-signal=INT cat hang & wait $!; echo $?", in: mount.path)
            await eventually("the read hangs") { fileSystem.state.withLock { $0.hanging.count } == 1 }
            let pid = try #require(fileSystem.state.withLock { $0.context?.pid })
            kill(pid, SIGINT)
            #expect(shell.finish().output == "130\n")
            await eventually("the file system was told") { fileSystem.state.withLock { $0.interrupted } == 1 }
        }
    }

    @Test("poll(2) waits until it is notified")
    func poll() async throws {
        try await TestMount.with { mount, fileSystem in
            let path = mount.path
            let waiter = Task.detached {
                await withCheckedContinuation { continuation in
                    Thread {
                        let descriptor = open("\(path)/alarm", O_RDONLY)
                        var entry = pollfd(fd: descriptor, events: Int16(POLLPRI), revents: 0)
                        let count = Glibc.poll(&entry, 1, 60000)
                        close(descriptor)
                        continuation.resume(returning: count == 1 && entry.revents & Int16(POLLPRI) != 0)
                    }.start()
                }
            }
            await eventually("it waits") { fileSystem.state.withLock { $0.pollHandle != nil } }
            let handle = fileSystem.state.withLock { state in
                state.hasAlarm = true
                return state.pollHandle
            }
            handle?.notify()
            #expect(await waiter.value)
        }
    }
}
