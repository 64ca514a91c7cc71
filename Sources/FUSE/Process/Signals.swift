import CFUSE
import Glibc

/// Signals as events on a thread, instead of handlers in which hardly anything is allowed.
public enum Signals {
    /// Keeps the signals from this thread and from every thread it will start. Call it first in the program:
    /// a thread that was started before could still be hit.
    public static func block(_ signals: Set<Signal>) {
        var set = signalSet(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Takes signals that were blocked with ``block(_:)``, one after the other, on a thread of its own.
    ///
    /// - Parameter handler: called there for each; returns whether to go on. It may block.
    /// - Throws: the ``Errno`` of a thread that could not be started.
    public static func listen(
        to signals: Set<Signal>, handler: @escaping @Sendable (Signal) -> Bool
    ) throws(Errno) {
        try SystemThread(name: "signals") {
            var set = signalSet(signals)
            while true {
                var number: CInt = 0
                guard sigwait(&set, &number) == 0 else { continue }
                if !handler(Signal(rawValue: number)) { return }
            }
        }.detach()
    }

    /// Ignores SIGPIPE, so that writing to a reader that went away is an EPIPE and not the end of the process.
    public static func ignoreBrokenPipes() {
        _ = cfuse_ignore(SIGPIPE)
    }

    private static func signalSet(_ signals: Set<Signal>) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal.rawValue) }
        return set
    }
}
