import Synchronization

/// A text that is made when it is first asked for, and kept no longer than somebody reads it: only its
/// size stays. The service's JSON twin of a thousand VMs is megabytes.
public final class DeferredText: Sendable {
    private struct State {
        var size: Int?
        weak var text: Text?
    }

    /// The bytes, as an object, so that they live as long as whoever reads them.
    public final class Text: Sendable {
        /// The bytes.
        public let bytes: [UInt8]
        init(bytes: [UInt8]) { self.bytes = bytes }
    }

    private let make: @Sendable () -> [UInt8]
    private let state = Mutex(State())

    /// A text that `make` makes. It must make the same bytes each time.
    public init(_ make: @escaping @Sendable () -> [UInt8]) { self.make = make }

    /// The text, made now unless somebody still holds it.
    public var text: Text {
        if let text = madeText { return text }
        let made = Text(bytes: make())
        return state.withLock { state in
            if let text = state.text { return text }
            state.text = made
            state.size = made.bytes.count
            return made
        }
    }

    /// The text, if somebody still holds it.
    var madeText: Text? { state.withLock { $0.text } }

    /// Whether the size is known without making the text.
    var hasSize: Bool { state.withLock { $0.size != nil } }

    /// The bytes.
    public var bytes: [UInt8] { text.bytes }

    /// The size in bytes.
    public var size: Int {
        if let size = state.withLock({ $0.size }) { return size }
        return text.bytes.count
    }
}
