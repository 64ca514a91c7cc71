import CFUSE

/// The terms between the kernel and a file system: `struct fuse_conn_info`.
public struct Connection: Sendable {
    /// The kernel's protocol: 7.x.
    public let protocolVersion: (major: UInt32, minor: UInt32)
    /// What the kernel offers.
    public let available: Capabilities
    /// What is wanted of that; what is not available is left out when this goes back.
    ///
    /// At first it is libfuse's choice, without readdirplus, which has to be asked for by a file system that
    /// implements it, and without splice.
    public var wanted: Capabilities
    /// The most bytes in one write.
    public var maxWrite: UInt32
    /// The most bytes read ahead.
    public var maxReadahead: UInt32
    /// The most requests under way that nobody waits for (readahead, asynchronous direct I/O); 0: the kernel's default.
    public var maxBackground: UInt32
    /// At how many of them the kernel holds back; 0: three quarters.
    public var congestionThreshold: UInt32
    /// The resolution of times in nanoseconds, a power of 10.
    public var timeGranularity: UInt32

    init(_ info: fuse_conn_info) {
        protocolVersion = (info.proto_major, info.proto_minor)
        available = Capabilities(rawValue: info.capable)
        wanted = Capabilities(rawValue: info.want).subtracting([.splice, .readdirplus, .readdirplusAuto])
        maxWrite = info.max_write
        maxReadahead = info.max_readahead
        maxBackground = info.max_background
        congestionThreshold = info.congestion_threshold
        timeGranularity = info.time_gran
    }

    /// `maxRead` has to be what the mount option says, or libfuse refuses the connection.
    func apply(to info: inout fuse_conn_info, maxRead: UInt32) {
        info.want = wanted.subtracting(.splice).intersection(available).rawValue
        info.max_write = maxWrite
        info.max_read = maxRead
        info.max_readahead = maxReadahead
        info.max_background = maxBackground
        info.congestion_threshold = congestionThreshold
        info.time_gran = timeGranularity
    }
}
