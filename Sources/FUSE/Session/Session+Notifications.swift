import CFUSE

/// What a file system tells the kernel on its own.
///
/// Never from a method of ``FileSystem`` nor while holding something that an unanswered request needs: the kernel
/// takes locks that the program behind that request may hold. A failure with ENOENT means that the kernel has
/// nothing of it in memory, so there is nothing to do.
extension Session {
    /// Whether a program holds an inode's lock in the kernel while it waits for an answer that was put off. What
    /// needs that lock waits for the answer, and cannot be interrupted: see ``FileSystem``.
    ///
    /// - Parameters:
    ///   - inode: a folder in which a name is looked up, or that is listed; a file that is written.
    ///   - time: how long the program has been waiting at least.
    public func isLocked(_ inode: Inode, for time: Duration = .zero) -> Bool {
        pending.holdsLock(of: inode, for: time)
    }

    /// Has something called, on any thread, whenever a program got an answer that was put off and behind which it held a
    /// lock; until the session is over.
    public func whenUnlocked(_ body: @escaping @Sendable () -> Void) { pending.onRelease(body) }

    /// Drops the attributes and cached data of a file.
    ///
    /// - Parameters:
    ///   - offset: where the data to drop begins, in bytes; -1: attributes only.
    ///   - length: how many bytes; 0: to the end.
    @discardableResult
    public func invalidate(inode: Inode, offset: Int64 = 0, length: Int64 = 0) -> Result<Void, Errno> {
        notify { fuse_lowlevel_notify_inval_inode(pointer, inode.rawValue, off_t(offset), off_t(length)) }
    }

    /// Drops a name, so that the next use looks it up. Mounts below it are detached. Takes the parent's lock.
    @discardableResult
    public func invalidateEntry(parent: Inode, name: FileName) -> Result<Void, Errno> {
        notify {
            name.withCString {
                fuse_lowlevel_notify_inval_entry(pointer, parent.rawValue, $0, name.bytes.count)
            }
        }
    }

    /// Says that a name was removed, which inotify(7) shows at the file as DELETE_SELF. Takes the locks of both.
    ///
    /// ENOTEMPTY and EBUSY are those of rmdir(2); then the name is only invalidated.
    @discardableResult
    public func delete(parent: Inode, child: Inode, name: FileName) -> Result<Void, Errno> {
        notify {
            name.withCString {
                fuse_lowlevel_notify_delete(pointer, parent.rawValue, child.rawValue, $0, name.bytes.count)
            }
        }
    }
}
