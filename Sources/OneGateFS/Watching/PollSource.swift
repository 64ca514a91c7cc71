/// What can be polled: one request to the server, whose answer is compared with the one before.
package protocol PollSource: Hashable, Sendable {
    /// What tells requests apart that cost the server differently.
    associatedtype Kind: Hashable, Sendable

    /// Sources of one kind cost the server the same: what one answer's time tells counts for all.
    var kind: Kind { get }

    /// How long an ordinary server that has nothing else to do takes to answer. Only the order of
    /// magnitude matters: it keeps a guest that joins a crowd from taking the crowd's queue for
    /// the server's nature. The same for all sources of a kind.
    var usualAnswerTime: Duration { get }
}
