import CFUSE
import Glibc

/// What a process that holds a secret gives up, so that a mistake in it is worth less.
public enum Privileges {
    /// Keeps this process's memory from other processes of its user: it leaves no core dump, and without CAP_SYS_PTRACE
    /// nobody else can read its memory, its environment or its descriptors. PR_SET_DUMPABLE of prctl(2).
    ///
    /// The programs that it starts are not concerned.
    public static func hideMemory() {
        _ = cfuse_prctl(PR_SET_DUMPABLE, 0)
    }

    /// As root, gives up for good every capability of capabilities(7) that a mount has no use for, also for the programs that
    /// are started from here. Without root, does nothing: then fusermount3 has to get its own.
    ///
    /// What is left: CAP_SYS_ADMIN to mount and unmount, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for files of other users
    /// that are read and mount points of theirs, and CAP_SYS_NICE, with which Swift's runtime gives its threads their
    /// priorities. Call it before anything starts a thread, since each has its own.
    public static func keepThoseOfMounting() {
        guard geteuid() == 0 else { return }
        let kept = [CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_NICE]
        // The kernel says EINVAL to the first number that is none.
        for capability in CInt(0)..<64 where !kept.contains(capability) {
            guard cfuse_prctl(PR_CAPBSET_DROP, UInt(capability)) == 0 else { break }
        }
        _ = cfuse_prctl(PR_SET_NO_NEW_PRIVS, 1)
        let mask = kept.reduce(UInt64(0)) { $0 | UInt64(1) << UInt64($1) }
        _ = cfuse_set_capabilities(cfuse_capabilities() & mask)
    }
}
