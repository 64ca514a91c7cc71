import Glibc

/// What a service tells systemd, or another supervisor that understands sd_notify(3).
public enum ServiceNotification: Hashable, Sendable {
    /// READY=1: started, and for `Type=notify` the end of "activating".
    case ready
    /// STOPPING=1
    case stopping
    /// STATUS=...: one line for `systemctl status`.
    case status(String)

    /// Sends it to the socket in `NOTIFY_SOCKET`.
    ///
    /// - Returns: false, as a success, if there is no such variable: nobody wants to know.
    @discardableResult
    public func send() -> Result<Bool, Errno> {
        guard let path = getenv("NOTIFY_SOCKET") else { return .success(false) }
        return send(to: String(cString: path)).map { true }
    }

    /// Sends it to this socket: an absolute path, or `@` and the name of an abstract socket.
    public func send(to path: String) -> Result<Void, Errno> {
        SystemCalls.send([UInt8](message.utf8), toSocket: path)
    }

    private var message: String {
        switch self {
        case .ready: "READY=1"
        case .stopping: "STOPPING=1"
        case .status(let text): "STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")
        }
    }
}
