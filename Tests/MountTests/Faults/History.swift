import Synchronization

/// Which values an attribute may have had, and when: its owner writes them down, readers look them up.
final class History: Sendable {
    private struct Version {
        /// nil: it was not there.
        let value: String?
        let began: ContinuousClock.Instant
        /// When a later change was acknowledged.
        var ended: ContinuousClock.Instant?
    }

    let vm: Int
    let name: String
    private let versions = Mutex([Version(value: nil, began: .now)])

    init(vm: Int, name: String) {
        self.vm = vm
        self.name = name
    }

    var path: String { "vm/\(vm)/USER_TEMPLATE/\(name)" }

    /// The owner is about to change it: from now on the new value may be there.
    func begin(_ value: String?) {
        versions.withLock { $0.append(Version(value: value, began: .now)) }
    }

    /// The last change was acknowledged: what was there before is no more.
    func acknowledged() {
        versions.withLock { versions in
            for index in versions.indices.dropLast() where versions[index].ended == nil {
                versions[index].ended = .now
            }
            // What nobody can have read any more is forgotten.
            let limit = ContinuousClock.now - .seconds(60)
            versions.removeAll { $0.ended.map { $0 < limit } ?? false }
        }
    }

    /// Whether the server may have it now, as far as the owner knows.
    func mayBe(_ value: String?) -> Bool {
        versions.withLock { $0.contains { $0.ended == nil && $0.value == value } }
    }

    /// Whether who read between two moments may have seen a value that was at most so old.
    func mayHaveBeen(
        _ value: String?, from begin: ContinuousClock.Instant, to end: ContinuousClock.Instant,
        age: Duration
    ) -> Bool {
        versions.withLock { versions in
            versions.contains { version in
                version.value == value && version.began <= end
                    && version.ended.map { $0 >= begin - age } ?? true
            }
        }
    }

    /// Whether it is the beginning of a value that it may have had lately.
    func mayHaveBegun(with text: String) -> Bool {
        versions.withLock { versions in versions.suffix(8).contains { $0.value?.hasPrefix(text) ?? false } }
    }

    var words: String {
        versions.withLock { versions in
            versions.suffix(4).map { "\($0.value?.prefix(20) ?? "none")\($0.ended == nil ? "?" : "")" }
                .joined(separator: ", ")
        }
    }
}
