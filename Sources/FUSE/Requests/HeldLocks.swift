/// The inodes whose locks (i_rwsem) the program behind a request holds in the kernel until it has the answer: the folders of
/// names that are looked up or changed, the folder that is listed, the file that is written.
struct HeldLocks: Sendable {
    private let first: Inode?
    private let second: Inode?

    static let none = HeldLocks()

    init(_ first: Inode? = nil, _ second: Inode? = nil) {
        self.first = first
        self.second = second == first ? nil : second
    }

    var isEmpty: Bool { first == nil }

    func contains(_ inode: Inode) -> Bool { first == inode || second == inode }

    func forEach(_ body: (Inode) -> Void) {
        if let first { body(first) }
        if let second { body(second) }
    }
}
