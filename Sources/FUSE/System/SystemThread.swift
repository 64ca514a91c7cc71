import CFUSE
import Glibc

/// A thread of the system, for what blocks and so must not run on Swift's cooperative pool.
public struct SystemThread: Hashable, Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread with a name of at most 15 bytes. It takes no signals but those that are listed and those
    /// of its own faults, so that they go to whoever waits for them.
    public init(
        name: String, accepting signals: [CInt] = [], run: @escaping @Sendable () -> Void
    ) throws(Errno) {
        var blocked = sigset_t()
        var previous = sigset_t()
        sigfillset(&blocked)
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF] + signals {
            sigdelset(&blocked, signal)
        }
        // A thread inherits the mask; setting it in the thread would be a moment too late.
        pthread_sigmask(SIG_SETMASK, &blocked, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let status = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard status == 0 else {
            body.release()
            throw Errno(rawValue: status)
        }
        self.thread = thread
        cfuse_name_thread(thread, String(name.prefix(15)))
    }

    /// Waits for its end. Exactly one of ``join()`` and ``detach()`` has to be called.
    public func join() {
        pthread_join(thread, nil)
    }

    /// Leaves it to itself.
    public func detach() {
        pthread_detach(thread)
    }

    /// Sends it a signal; of no effect after its end, but not after ``join()``.
    func send(_ signal: CInt) {
        pthread_kill(thread, signal)
    }
}

extension SystemThread {
    /// The number of the calling thread, as requests made by it have it in their context: gettid(2).
    public static var currentID: Int32 { cfuse_thread_id() }

    /// Gives the calling thread a table of descriptors of its own, with /dev/null as 0, 1 and 2 and nothing of the
    /// process's; what it opens from then on is its alone. Of no effect before Linux 5.9. See close_range(2).
    public static func leaveDescriptors() {
        guard cfuse_leave_descriptors() == 0 else { return }
        // Who reads what the process prints would otherwise wait until this thread ends.
        SystemCalls.silenceStandardStreams()
    }
}
