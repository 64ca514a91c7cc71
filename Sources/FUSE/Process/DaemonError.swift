/// Why a program could not go to the background.
public enum DaemonError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Threads were started before; so many there are.
    case threadsExist(Int)
    /// There are no more processes or descriptors.
    case noProcess(Errno)

    /// One line for the user.
    public var description: String {
        switch self {
        case .threadsExist(let count):
            "cannot go to the background: \(count) threads run already; stay in the foreground"
        case .noProcess(let error):
            "cannot go to the background: \(error); stay in the foreground, or raise the limits"
        }
    }
}
