import Logging

/// Writes the log: one line an event, with its metadata behind the words.
public struct LogWriter: LogHandler {
    /// From which level on; shared by all copies of a logger.
    private let threshold: LogThreshold
    private let destination: LogDestination

    /// What every event of the logger carries.
    public var metadata: Logger.Metadata = [:]
    /// Not used.
    public var metadataProvider: Logger.MetadataProvider?

    /// A handler for one logger.
    public init(_ threshold: LogThreshold, _ destination: LogDestination) {
        self.threshold = threshold
        self.destination = destination
    }

    /// The threshold's level; setting it has no effect.
    public var logLevel: Logger.Level {
        get { threshold.level }
        set {}
    }

    /// One value of the metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes an event.
    public func log(event: LogEvent) {
        destination.write(event.level, destination.line(event.level, words(of: event), at: Clock.now))
    }

    func words(of event: LogEvent) -> String {
        var words = event.message.description
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) { words += " \(name)=\(value)" }
        // An event is one line, whatever is in it.
        return words.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
