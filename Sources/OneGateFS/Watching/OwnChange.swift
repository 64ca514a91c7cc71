import FUSE

/// A change that was made through this mount: the kernel tells whoever watches the file, so that seeing
/// it in an answer of the server's is no news. What changes besides, such as `vm.json`, is.
struct OwnChange: Sendable {
    /// What an answer is expected to show.
    enum Effect: Sendable {
        /// A file with this value.
        case value([UInt8])
        /// Nothing any more.
        case absence
        /// A vector attribute, which comes with its first key.
        case folder
    }

    let effect: Effect
    /// When the request was answered; answers to later requests show what is there. Nil: not yet.
    var answered: ContinuousClock.Instant?

    /// Whether this is what makes a difference.
    func explains(_ change: TreeChange) -> Bool {
        switch (effect, change.kind) {
        case (.value(let value), .changed(_, let file)), (.value(let value), .added(.file(let file))):
            file.value == value
        case (.absence, .removed), (.folder, .added): true
        default: false
        }
    }
}

extension MountState {
    /// A change of ours is about to be asked for.
    mutating func begin(_ effect: OwnChange.Effect, at path: [FileName]) {
        ownChanges[path] = OwnChange(effect: effect)
    }

    /// Changes of ours below a folder have been answered. They are expected to show, unless they failed or
    /// have been seen.
    mutating func endOwnChanges(below folder: [FileName], areExpected: Bool, at now: ContinuousClock.Instant)
    {
        for (path, change) in ownChanges where change.answered == nil && path.starts(with: folder) {
            ownChanges[path] = areExpected ? OwnChange(effect: change.effect, answered: now) : nil
        }
    }

    /// An answer showed what is below a folder: what we changed before it was asked for is known now.
    mutating func settleOwnChanges(below folder: [FileName], asked: ContinuousClock.Instant) {
        guard !ownChanges.isEmpty else { return }
        ownChanges = ownChanges.filter { path, change in
            guard let answered = change.answered, answered <= asked else { return true }
            return !path.starts(with: folder)
        }
    }
}
