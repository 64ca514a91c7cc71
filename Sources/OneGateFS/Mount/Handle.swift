import FUSE

/// What an open file or folder holds until it is closed.
enum Handle {
    /// One version of a file's content.
    case reading(Reading)
    /// The names that a folder had when it was opened.
    case listing(Listing)
    /// Changes through this open. Apart, because it is large and the others are opened far more often.
    indirect case writing(Writing)

    struct Reading {
        let node: Node
        var file: File
        /// Keeps a text that was made on demand while it is read.
        var text: DeferredText.Text?
        /// Whether the kernel reads it through its page cache.
        let cached: Bool
        /// A log in `.onegatefs`, which goes on growing while it is read, as logs do.
        var live: AboutFile?
        /// Who waits in poll(2) for another version.
        var poll: PollHandle?
        /// Whether poll(2) told of a version that was not read yet.
        var isNews = false

        var bytes: [UInt8] { text?.bytes ?? file.bytes }
    }

    struct Listing {
        typealias Entry = (name: FileName, kind: FileKind, inode: Inode)

        let inode: Inode
        /// The names that the folder had when it was opened.
        let names: Names
        /// Whether the kernel reads it through its page cache.
        let cached: Bool
        /// What is listed, made when it is first asked for: mostly the kernel knows it already.
        var entries: [Entry] = []
    }

    struct Writing {
        enum Target {
            case attribute(AttributePlace)
            case scratch
            case update(machine: Int)
            case control(machine: Int)
            case roleControl(role: String)
            case serviceControl
            case cardinality(role: String)
        }

        let inode: Inode
        let target: Target
        var session: WriteSession
        /// What could be read through this open (O_RDWR).
        let readable: File?
        /// A command that failed, and how: written again through the same open, it is not sent again.
        var failed: (data: [UInt8], failure: Failure)?
        /// Lines for `update` that come in blocks, until all of them are there.
        var lines: [UInt8] = []
        /// The latest write that the server is told of.
        var underWay: WriteUnderWay?
    }
}
