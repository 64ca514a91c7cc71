import FUSE

/// The changes of one VM, one after the other: the server loses an update that comes while another
/// request of ours reads, erases and writes back.
struct ChangeQueue {
    /// Whether a change is under way.
    var isBusy = false
    /// Changes that wait for their turn.
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// Changes begun at last closes, whose outcome no program waits for: who reads meanwhile waits.
    var unawaited = 0
    /// Who waits for those.
    var settling: [MountState.Flight.Waiter] = []
}
