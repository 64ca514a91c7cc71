import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Transport {
    /// The answer ended before its end.
    static let cut = Failure.other(.unexpected, "the answer was cut")
    static let shutDownFailure = Failure.other(.cancelled, "the client has been shut down")

    /// What an error of a connection means.
    ///
    /// Its own words are not passed on: they may quote the request's headers, and the token with them.
    static func failure(for error: any Error, afterStatus status: Int?) -> Failure {
        switch error {
        case let error as Failure: return error
        case let error as NIOConnectionError: return failure(for: error)
        case let error as IOError:
            if let kind = kind(ofErrno: error.errnoCode) {
                return .other(kind, words(ofErrno: error.errnoCode))
            }
            return status == nil ? .closed : cut
        case is ChannelError:
            if case ChannelError.connectTimeout = error {
                return .other(.timedOut, "no connection within the timeout")
            }
            return status == nil ? .closed : cut
        case is HTTPParserError:
            return status == nil ? .other(.unexpected, "the answer is no HTTP") : cut
        case let error as NIOSSLError:
            if case .uncleanShutdown = error { return status == nil ? .closed : cut }
            return .other(.unexpected, words(of: error))
        case is NIOSSLExtraError: return .other(.unexpected, "the server's certificate is for another name")
        default: return .other(.unexpected, "the request failed (\(type(of: error)))")
        }
    }

    private static func failure(for error: NIOConnectionError) -> Failure {
        guard !error.connectionErrors.isEmpty else {
            return .other(.unreachable, "the name \(error.host) cannot be resolved")
        }
        let codes = error.connectionErrors.compactMap { ($0.error as? IOError)?.errnoCode }
        let timedOut = error.connectionErrors.contains { failure in
            if case ChannelError.connectTimeout? = failure.error as? ChannelError { return true }
            return (failure.error as? IOError)?.errnoCode == ETIMEDOUT
        }
        if timedOut { return .other(.timedOut, "no connection within the timeout") }
        return .other(.unreachable, codes.first.map(words(ofErrno:)) ?? "no connection to \(error.host)")
    }

    private static func kind(ofErrno code: CInt) -> OneGateError.Kind? {
        switch code {
        case ETIMEDOUT: .timedOut
        case ECONNRESET, ECONNABORTED, EPIPE, ENOTCONN: nil
        // What is left comes of connecting.
        default: .unreachable
        }
    }

    private static func words(ofErrno code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case EHOSTUNREACH, EHOSTDOWN: "no route to the host"
        case ENETUNREACH, ENETDOWN: "the network is unreachable"
        case ECONNRESET: "connection reset"
        case ETIMEDOUT: "no connection within the timeout"
        case EMFILE, ENFILE: "no connection: too many open files"
        case EACCES, EPERM: "no connection: this machine does not permit it"
        case EAFNOSUPPORT: "no connection: addresses of this kind are switched off"
        default: "no connection (error \(code))"
        }
    }

    private static func words(of error: NIOSSLError) -> String {
        String(describing: error).contains("CERTIFICATE_VERIFY_FAILED")
            ? "the server's certificate is not trusted" : "there is no TLS with the server"
    }
}
