import FUSE
import OneGate

/// Everything that changes while a mount lives. One lock guards it; nothing waits while holding it.
struct MountState {
    var cache: Cache { didSet { epoch &+= 1 } }
    var inodes = InodeTable()
    var revisions = Revisions()
    var handles = HandleTable()
    var overlays: [Inode: Overlay] = [:] { didSet { epoch &+= 1 } }
    /// Grows with everything that may change what a path means: what was found out before counts no more.
    var epoch: UInt64 = 0
    /// Requests under way to the server.
    var flights: [Source: Flight] = [:]
    /// Our own changes, VM by VM.
    var queues: [Int: ChangeQueue] = [:] { didSet { epoch &+= 1 } }
    /// What our own changes will show as, until an answer showed it.
    var ownChanges: [[FileName]: OwnChange] = [:]
    /// The trees of the VMs that the last whole answer about the service brought, as long as they are what it would become.
    var serviceTrees: [Int: Directory]?
    /// The service's `extended.json`, for a moment after it was made, and who waits for it.
    var serviceText: DeferredText.Text?
    var textWaiters: [Flight.Waiter] = []
    /// Until when the whole answer about the service is not asked for: one VM spoiled it.
    var serviceIsPlainUntil: ContinuousClock.Instant?
    /// Attributes that the server said it restricts.
    var restricted = VirtualMachineTree.restrictedByDefault
    /// Who is watching.
    var interest = Interest()
    /// What names are to the notifier's thread while it makes events.
    var staged: [Inode: OneGateFileSystem.Staged] = [:]
    /// The notifier's thread only looks dropped names up again: nobody uses those that are held.
    var isRestoring = false
    /// How many changes were seen.
    var changesSeen = 0
    /// The files about the mount, as they were last made.
    var about: [AboutFile: About] = [:]
    /// The last number given.
    private var lastVersion: UInt64 = 0
    /// When the mount was made: the time of what has no time of its own.
    let mounted: Timestamp

    /// A request under way, and who waits for it.
    struct Flight {
        typealias Waiter = @Sendable (Failure?) -> Void
        let started: ContinuousClock.Instant
        var waiters: [Waiter]
        /// Those for whom it began too early: they get the next one.
        var next: [Waiter] = []
    }

    /// A file about the mount, and what it was made from.
    struct About {
        let file: File
        let made: ContinuousClock.Instant
        let revision: Int?
    }

    init(cache: Cache, mounted: Timestamp) {
        self.cache = cache
        self.mounted = mounted
    }

    /// A version that no content had before.
    mutating func newVersion() -> UInt64 {
        lastVersion += 1
        return lastVersion
    }

    /// A stamp for a snapshot.
    mutating func newStamp() -> Stamp { Stamp(version: newVersion(), time: Clock.now) }
}
