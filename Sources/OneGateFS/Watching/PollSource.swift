/// What can be polled: one request to the server, whose answer is compared with the one before.
package protocol PollSource: Hashable, Sendable {
    /// What tells requests apart that cost the server differently.
    associatedtype Kind: Hashable, Sendable

    /// Sources of one kind cost the server the same: what one answer's time tells counts for all.
    var kind: Kind { get }
}
