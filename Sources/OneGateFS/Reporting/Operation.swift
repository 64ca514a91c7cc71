/// A file operation, for counting and for messages; named as libfuse names it, or as the system call.
enum Operation: Int, CaseIterable, Sendable {
    case lookup, getattr, setattr, readlink, open, create, write, truncate, fsync, close
    case opendir, readdir, mknod, mkdir, unlink, rmdir, rename
}
