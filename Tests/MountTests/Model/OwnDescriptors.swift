import Glibc

/// A table of descriptors of a thread's own.
enum OwnDescriptors {
    /// Gives the calling thread a table of its own, with the standard descriptors in it. For a thread that ends with what
    /// it was made for.
    ///
    /// A child process gets copies of its parent's descriptors and closes them, and each close(2) is a FLUSH to the
    /// file system, as if the program had closed the file. What another test starts would disturb this one.
    static func begin() throws {
        let unshare = unsafeBitCast(
            dlsym(nil, "unshare"), to: (@convention(c) (CInt) -> CInt).self)
        // CLONE_FILES, sched.h
        try SystemError.check("unshare", unshare(0x400))
        // Else what others close would stay open here.
        for descriptor in CInt(3)..<1024 { close(descriptor) }
    }
}
