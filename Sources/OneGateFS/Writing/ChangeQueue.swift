import FUSE

/// The changes of one VM, one after the other: the server loses an update that comes while another
/// request of ours reads, erases and writes back.
struct ChangeQueue {
    /// A change that waits for its turn; told whether it came.
    struct Waiting {
        let number: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    /// Whether a change is under way.
    var isBusy = false
    /// Changes that wait for their turn.
    var waiting: [Waiting] = []
    /// Changes begun at last closes, whose outcome no program waits for: who reads meanwhile waits.
    var unawaited = 0
    /// Who waits for those.
    var settling: [MountState.Flight.Waiter] = []
}
