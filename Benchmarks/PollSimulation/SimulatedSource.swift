import OneGateFS

/// The two requests that guests poll with.
package enum SimulatedSource: PollSource {
    /// `GET /vm`.
    case own
    /// `GET /service?extended=true`.
    case service

    package var kind: Self { self }

    /// How long the server works on it, in milliseconds: it answers 40 a second, or 2.
    package var serviceMilliseconds: Int64 { self == .own ? 25 : 500 }
}
