import OneGateSimulator
import Testing

/// Errno by errno what system calls answer, after the idea of pjdfstest: see the ERRORS of each manual page, and the
/// contract where it says more.
@Suite("System calls", .needsFUSE, .needs("python3"), .onOwnThread, .timeLimit(.minutes(5)))
struct SystemCallTests {
    /// Evaluates a line after the other, and prints the errno with which it failed, or else `ok`, or what is a truth.
    private static let program = """
        import os, errno, ctypes, fcntl, mmap, socket, stat, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def check(result):
            if result < 0: raise OSError(ctypes.get_errno(), '')
        def renameat2(old, new, flags): check(libc.renameat2(-100, old.encode(), -100, new.encode(), flags))
        def fallocate(fd, mode, start, count):
            check(libc.fallocate(fd, mode, ctypes.c_long(start), ctypes.c_long(count)))
        def op(path, flags): os.close(os.open(path, flags, 0o644))
        def wr(path, data, flags=os.O_WRONLY):
            fd = os.open(path, flags)
            try: return os.write(fd, data)
            finally: os.close(fd)
        def mapped(path):
            return mmap.mmap(os.open(path, R), 0, mmap.MAP_PRIVATE, mmap.PROT_READ|mmap.PROT_WRITE)
        NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
        T = 'vm/9/USER_TEMPLATE'; A = T + '/ACTIVE'; V = T + '/BACKUP'; ID = 'vm/9/ID'
        R, W, RW, C, X, TR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_EXCL, os.O_TRUNC
        D, NF, P = os.O_DIRECTORY, os.O_NOFOLLOW, os.O_PATH
        for line in sys.argv[1].split('\\n'):
            try:
                result = eval(line)
                print(result if isinstance(result, bool) else 'ok')
            except OSError as error: print(errno.errorcode.get(error.errno, error.errno))
        """

    private func check(_ table: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let gate = try MountedGate(options: ["watch=0"])
        defer { gate.end() }
        let lines = table.split(separator: "\n")
        let cases: [(call: String, answer: String)] = lines.map { line in
            let words = line.split(separator: " ")
            return (words.dropLast().joined(separator: " "), words.last.map { String($0) } ?? "")
        }
        let outcome = try gate.python(Self.program, cases.map(\.call).joined(separator: "\n"))
        #expect(outcome.lines.count == cases.count, "\(outcome)", sourceLocation: sourceLocation)
        for (line, expected) in zip(outcome.lines, cases) {
            #expect(line == expected.answer, "\(expected.call)", sourceLocation: sourceLocation)
        }
    }

    @Test("open(2) fails for the reason that it should")
    func opening() throws {
        try check(
            """
            op(A, W|C|X)                        EEXIST
            op(A, R|C)                          ok
            op(T, W)                            EISDIR
            op(T, RW)                           EISDIR
            op(T, R|C)                          EISDIR
            op(T, R|D)                          ok
            op(A, R|D)                          ENOTDIR
            op(A+'/', R)                        ENOTDIR
            op(A+'/x', R)                       ENOTDIR
            op(A+'/x', W|C)                     ENOTDIR
            op('vm/self', R|NF)                 ELOOP
            op('vm/self/ID', R|NF)              ok
            op('vm/self', R|D)                  ok
            op('none', R)                       ENOENT
            op('none', W|C)                     EPERM
            op('vm/9/none', W|C)                EPERM
            op('service/none', W|C)             EPERM
            op('.onegatefs/none', W|C)          EPERM
            op('vm/9/none/x', W|C)              ENOENT
            op(T+'/lower', W|C)                 EINVAL
            op(T+'/'+'A'*255, R)                ENOENT
            op(T+'/'+'A'*256, R)                ENAMETOOLONG
            op(T+'/'+'A'*256, W|C)              ENAMETOOLONG
            op(T+'/'+'A'*1025, R)               ENAMETOOLONG
            op('x/'*2100, R)                    ENAMETOOLONG
            op(T+'/'+'A'*255, W|C)              ok
            op(ID, W)                           EPERM
            op(ID, RW)                          EPERM
            op(ID, W|TR)                        EPERM
            op('vm/9/update', W)                ok
            op('vm/9/control', RW)              ok
            op(T, os.O_TMPFILE|W)               ENOTSUP
            op(A, P)                            ok
            op(A, R|os.O_DIRECT)                ok
            op(A, W|os.O_SYNC)                  ok
            op(A, R|os.O_NOATIME)               ok
            os.readlink(A)                      EINVAL
            os.chdir('none')                    ENOENT
            os.chdir(A)                         ENOTDIR
            os.listdir(A)                       ENOTDIR
            os.listdir('none')                  ENOENT
            """)
    }

    @Test("mkdir(2) and rmdir(2) fail for the reason that they should")
    func folders() throws {
        try check(
            """
            os.mkdir('none')                    EPERM
            os.mkdir('vm/none')                 EPERM
            os.mkdir('vm/9/NONE')               EPERM
            os.mkdir(T)                         EEXIST
            os.mkdir(A)                         EEXIST
            os.mkdir('vm/self')                 EEXIST
            os.mkdir(A+'/X')                    ENOTDIR
            os.mkdir(T+'/none/X')               ENOENT
            os.mkdir(T+'/'+'A'*256)             ENAMETOOLONG
            os.mkdir(T+'/lower')                EINVAL
            os.mkdir(V+'/X')                    EPERM
            os.mkdir(T+'/W')                    ok
            os.mkdir(T+'/W')                    EEXIST
            os.rmdir(T+'/W')                    ok
            os.rmdir(T+'/W')                    ENOENT
            os.rmdir(V)                         ENOTEMPTY
            os.rmdir(A)                         ENOTDIR
            os.rmdir('vm/self')                 ENOTDIR
            os.rmdir(T)                         EPERM
            os.rmdir('vm/9')                    EPERM
            os.rmdir('vm')                      EPERM
            os.rmdir('vm/9/TEMPLATE')           EPERM
            os.rmdir('.')                       EINVAL
            os.rmdir(V+'/.')                    EINVAL
            os.rmdir(T+'/..')                   ENOTEMPTY
            os.rmdir('none')                    ENOENT
            """)
    }

    @Test("unlink(2) fails for the reason that it should")
    func removing() throws {
        try check(
            """
            os.unlink('none')                   ENOENT
            os.unlink(A+'/x')                   ENOTDIR
            os.unlink(T+'/'+'A'*256)            ENAMETOOLONG
            os.unlink(T)                        EISDIR
            os.unlink(V)                        EISDIR
            os.unlink(ID)                       EPERM
            os.unlink('vm/self')                EPERM
            os.unlink('vm/9/control')           EPERM
            os.unlink('vm/9/update')            EPERM
            os.unlink(T+'/SERVICE_ID')          EPERM
            os.unlink('.onegatefs/errors')      EPERM
            os.unlink('vm/9/TEMPLATE/NIC/0/IP') EPERM
            os.unlink(A)                        ok
            os.unlink(A)                        ENOENT
            """)
    }

    @Test("rename(2) and renameat2(2) fail for the reason that they should")
    func renaming() throws {
        try check(
            """
            os.rename('none', T+'/X')                        ENOENT
            os.rename(A, 'none')                             EPERM
            os.rename(A, 'vm/9/X')                           EPERM
            os.rename(A, 'none/x')                           ENOENT
            os.rename(A, A+'/x')                             ENOTDIR
            os.rename(A, T)                                  ENOTEMPTY
            os.rename(A, V)                                  EISDIR
            os.rename(V, A)                                  ENOTDIR
            os.rename(V, V+'/X')                             EINVAL
            os.rename(T, T+'/X')                             EINVAL
            os.rename(T, 'vm/9/X')                           EPERM
            os.rename(T+'/.', T+'/X')                        EBUSY
            os.rename(ID, T+'/X')                            EPERM
            os.rename(A, ID)                                 EPERM
            os.rename(A, 'vm/9/control')                     EPERM
            os.rename(A, 'vm/9/update')                      EPERM
            os.rename(A, T+'/lower')                         EINVAL
            os.rename(A, T+'/SERVICE_ID')                    EPERM
            os.rename(T+'/SERVICE_ID', T+'/X')               EPERM
            os.rename(A, T+'/'+'A'*256)                      ENAMETOOLONG
            os.rename(A, '/proc/x')                          EXDEV
            os.rename(A, A)                                  ok
            os.rename(V, T+'/W')                             ok
            renameat2(A, T+'/HYPERVISOR', NOREPLACE)         EEXIST
            renameat2(A, T+'/HYPERVISOR', EXCHANGE)          EINVAL
            renameat2(A, T+'/B', EXCHANGE)                   ENOENT
            renameat2(A, T+'/B', WHITEOUT)                   EINVAL
            renameat2(A, T+'/B', NOREPLACE|EXCHANGE)         EINVAL
            renameat2(A, T+'/B', 64)                         EINVAL
            renameat2(A, T+'/B', NOREPLACE)                  ok
            os.stat(A)                                       ENOENT
            """)
    }

    @Test("what OneGate has not cannot be made: links, symbolic links, pipes, sockets, devices")
    func otherKinds() throws {
        try check(
            """
            os.link(A, T+'/L')                               EPERM
            os.link('none', T+'/L')                          ENOENT
            os.link(A, T+'/HYPERVISOR')                      EEXIST
            os.symlink('x', T+'/L')                          EPERM
            os.symlink('x', A)                               EEXIST
            os.symlink('x', 'vm/L')                          EPERM
            os.mkfifo(T+'/P')                                EPERM
            os.mknod(T+'/S', stat.S_IFSOCK|0o600)            EPERM
            os.mknod(T+'/D', stat.S_IFCHR|0o600, 259)        EPERM
            socket.socket(socket.AF_UNIX).bind(T+'/S')       EPERM
            os.mknod(T+'/N', stat.S_IFREG|0o600)             ok
            os.mknod(T+'/N', stat.S_IFREG|0o600)             EEXIST
            os.unlink(T+'/N')                                ok
            """)
    }

    @Test("truncate(2), chmod(2), chown(2) and utimensat(2) fail for the reason that they should")
    func changing() throws {
        try check(
            """
            os.truncate(A, 2)                                ok
            os.truncate(A, -1)                               EINVAL
            os.truncate(T, 0)                                EISDIR
            os.truncate(ID, 0)                               EPERM
            os.truncate('none', 0)                           ENOENT
            os.truncate(A, 1<<40)                            EFBIG
            os.truncate(A, (1<<63)-1)                        EFBIG
            os.truncate(A, 100)                              EILSEQ
            [os.ftruncate(fd, 0) for fd in [os.open(A, R)]]  EINVAL
            os.chmod(A, 0o600)                               ok
            os.chmod(A, 0o644)                               ok
            os.chmod(T, 0o700)                               ok
            os.chmod('none', 0o600)                          ENOENT
            os.chown(A, -1, -1)                              ok
            os.chown(A, os.getuid(), os.getgid())            ok
            os.chown(A, 1234, -1)                            EPERM
            os.chown(A, -1, 1234)                            EPERM
            os.chown(T, 1234, 1234)                          EPERM
            os.lchown('vm/self', 1234, 1234)                 EPERM
            os.utime(A)                                      ok
            os.utime(ID, (1, 1))                             ok
            os.utime(T, (1, 1))                              ok
            os.utime('vm/self', (1, 1), follow_symlinks=False)  ok
            os.utime('none')                                 ENOENT
            """)
    }

    @Test("read(2), write(2) and what is like them fail for the reason that they should")
    func data() throws {
        try check(
            """
            wr(A, b'x', R)                                                              EBADF
            [os.read(fd, 1) for fd in [os.open(A, W)]]                                  EBADF
            [os.read(fd, 1) for fd in [os.open(T, R)]]                                  EISDIR
            [os.pread(fd, 9, -1) for fd in [os.open(A, R)]]                             EINVAL
            [os.pread(fd, 9, 100) for fd in [os.open(A, R)]] == [b'']                   True
            [os.pwrite(fd, b'x', -1) for fd in [os.open(A, W)]]                         EINVAL
            [os.pwrite(fd, b'x', 1<<40) for fd in [os.open(A, W)]]                      EFBIG
            [os.pwrite(fd, b'x', (1<<63)-2) for fd in [os.open(A, W)]]                  EFBIG
            wr(A, b'')                                                                  ok
            [os.fsync(fd) for fd in [os.open(A, R), os.open(A, W), os.open(T, R)]]      ok
            [os.fdatasync(fd) for fd in [os.open(A, W)]]                                ok
            [fallocate(fd, 0, 0, 10) for fd in [os.open(A, W)]]                         ENOTSUP
            [fallocate(fd, 3, 0, 10) for fd in [os.open(A, W)]]                         ENOTSUP
            [os.posix_fallocate(fd, 0, 10) for fd in [os.open(A, W)]]                   EILSEQ
            wr(A, b'YES\\n', W|TR)                                                       ok
            [os.lseek(fd, 0, os.SEEK_DATA) for fd in [os.open(A, R)]] == [0]            True
            [os.lseek(fd, 0, os.SEEK_HOLE) for fd in [os.open(A, R)]] == [4]            True
            [os.lseek(fd, 0, os.SEEK_END) for fd in [os.open(A, R)]] == [4]             True
            [os.lseek(fd, 100, os.SEEK_DATA) for fd in [os.open(A, R)]]                 ENXIO
            [os.lseek(fd, -1, os.SEEK_SET) for fd in [os.open(A, R)]]                   EINVAL
            [os.copy_file_range(a, b, 9) for a in [os.open(ID, R)] for b in [os.open(A, W|TR)]] == [2]  True
            [os.sendfile(b, a, 0, 9) for a in [os.open(ID, R)] for b in [os.open(A, W|TR)]] == [2]      True
            [os.splice(a, b, 9) for a in [os.open(ID, R)] for b in [os.pipe()[1]]] == [2]               True
            open(A).read() == '9\\n'                                                     True
            """)
    }

    @Test("what is asked of a file besides is answered as others answer it")
    func others() throws {
        try check(
            """
            os.getxattr(A, 'user.x')                                                    ENOTSUP
            os.setxattr(A, 'user.x', b'1')                                              ENOTSUP
            os.listxattr(A)                                                             ENOTSUP
            os.removexattr(A, 'user.x')                                                 ENOTSUP
            os.getxattr(A, 'security.capability')                                       ENOTSUP
            [fcntl.flock(fd, fcntl.LOCK_EX) for fd in [os.open(A, R)]]                  ok
            [fcntl.lockf(fd, fcntl.LOCK_EX|fcntl.LOCK_NB) for fd in [os.open(A, W)]]    ok
            [fcntl.lockf(fd, fcntl.LOCK_EX|fcntl.LOCK_NB) for fd in [os.open(A, R)]]    EBADF
            [fcntl.ioctl(fd, 0x5401, b' '*64) for fd in [os.open(A, R)]]                ENOTTY
            bytes(mapped(A)) == b'YES\\n'                                                True
            bytes(mapped('vm/9/vm.json')[:2]) == b'{\\n'                                 True
            os.statvfs('.').f_namemax == 255                                            True
            os.statvfs(A).f_bsize > 0                                                   True
            os.access(A, os.R_OK|os.W_OK)                                               True
            os.access(A, os.X_OK)                                                       False
            os.access('none', os.F_OK)                                                  False
            os.access(T, os.R_OK|os.W_OK|os.X_OK)                                       True
            os.stat('vm/self').st_ino == os.stat('vm/8').st_ino                         True
            os.stat(A).st_nlink == 1 and os.stat(ID).st_size == 2                       True
            """)
    }
}
