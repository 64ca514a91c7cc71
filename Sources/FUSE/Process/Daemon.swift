import CFUSE
import Glibc

/// Going to the background, as mount(8) and shells expect it: the command returns when the mount answers, and
/// its exit status says whether it does.
public enum Daemon {
    /// Starts in the background or stays in the foreground.
    ///
    /// In the background: forks, and returns in the child only, which leads a session of its own once it is ready: until
    /// then it stays in the process group that autofs lets through to the mount point that it waits for. The parent waits
    /// for the child's ``StartupReport`` and exits with it: 0 if it is ready, else with one line on stderr. If
    /// the child ends without a report, that is the line, and the status is 1.
    ///
    /// Call it before anything starts a thread, because fork(2) takes only the calling one along.
    ///
    /// - Parameter foreground: do not fork; the report then only prints failures.
    /// - Throws: ``DaemonError``
    public static func start(foreground: Bool) throws(DaemonError) -> StartupReport {
        try start(foreground: foreground, checkingThreads: true)
    }

    static func start(foreground: Bool, checkingThreads: Bool) throws(DaemonError) -> StartupReport {
        if foreground { return StartupReport(writer: nil) }
        if checkingThreads, threadCount > 1 { throw .threadsExist(threadCount) }
        let pipe: (reader: CInt, writer: CInt)
        switch SystemCalls.pipe() {
        case .success(let descriptors): pipe = descriptors
        case .failure(let error): throw .noProcess(error)
        }
        // What is buffered would be printed twice.
        fflush(nil)
        let (child, error) = SystemCalls.withErrno { cfuse_fork() }
        switch child {
        case -1:
            close(pipe.reader)
            close(pipe.writer)
            throw .noProcess(error)
        case 0:
            close(pipe.reader)
            return StartupReport(writer: pipe.writer)
        default:
            close(pipe.writer)
            waitForReport(of: child, from: pipe.reader)
        }
    }

    /// Goes on in a process that ``start(foreground:)`` made, on another thread, and exits with what `body` returns.
    ///
    /// Swift's runtime keeps the number of each thread, with which it guards what is made once (`once_t`). Of the thread that
    /// fork(2) took along it has the parent's: if another thread wanted the same at the same time, both would wait for ever.
    public static func goOn(_ body: @escaping @Sendable () -> CInt) -> Never {
        if let thread = try? SystemThread(name: "onegatefs", run: { exit(body()) }) { thread.join() }
        exit(EXIT_FAILURE)
    }

    /// /proc/self/task has a directory for each thread, and each is a link to it.
    private static var threadCount: Int {
        guard case .success(let attributes) = SystemCalls.status(of: "/proc/self/task") else { return 1 }
        return Int(attributes.st_nlink) - 2
    }

    private static func waitForReport(of child: pid_t, from reader: CInt) -> Never {
        var bytes: [UInt8] = []
        while case .success(let part) = SystemCalls.read(reader, count: 4096), !part.isEmpty {
            bytes += part
            if bytes.first == StartupReport.readyByte { _exit(0) }
        }
        guard let status = bytes.first else {
            let end = (try? SystemCalls.wait(for: child).get()).map(describe) ?? "unknown"
            StartupReport.printLine("the background process ended before it was ready (\(end))")
            _exit(1)
        }
        StartupReport.printLine(String(decoding: bytes.dropFirst(), as: UTF8.self))
        _exit(CInt(status))
    }

    /// A wait status in words: wait(2).
    private static func describe(_ status: CInt) -> String {
        let signal = status & 0x7f
        return signal == 0 ? "exit status \((status >> 8) & 0xff)" : "signal \(signal)"
    }
}
