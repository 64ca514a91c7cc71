import CFUSE
import Glibc

/// What chmod(2), chown(2), truncate(2) and utimensat(2) ask for; nil is left as it is.
public struct AttributeChanges: Hashable, Sendable {
    /// A new time of a file.
    public enum Time: Hashable, Sendable {
        /// The time of the request.
        case now
        /// A given time.
        case at(Timestamp)
    }

    /// Permissions, set-id and sticky bits.
    public var permissions: UInt16?
    /// The user's number.
    public var owner: UInt32?
    /// The group's number.
    public var group: UInt32?
    /// The new length in bytes.
    public var size: Int64?
    /// The time of the last access.
    public var accessed: Time?
    /// The time of the last modification.
    public var modified: Time?

    /// No change, or those that are given.
    public init(
        permissions: UInt16? = nil, owner: UInt32? = nil, group: UInt32? = nil, size: Int64? = nil,
        accessed: Time? = nil, modified: Time? = nil
    ) {
        self.permissions = permissions
        self.owner = owner
        self.group = group
        self.size = size
        self.accessed = accessed
        self.modified = modified
    }

    init(_ attributes: stat, valid: Int32) {
        func isSet(_ flag: Int32) -> Bool { valid & flag != 0 }
        self.init()
        if isSet(FUSE_SET_ATTR_MODE) { permissions = UInt16(attributes.st_mode & 0o7777) }
        if isSet(FUSE_SET_ATTR_UID) { owner = attributes.st_uid }
        if isSet(FUSE_SET_ATTR_GID) { group = attributes.st_gid }
        if isSet(FUSE_SET_ATTR_SIZE) { size = Int64(attributes.st_size) }
        if isSet(FUSE_SET_ATTR_ATIME_NOW) {
            accessed = .now
        } else if isSet(FUSE_SET_ATTR_ATIME) {
            accessed = .at(Timestamp(attributes.st_atim))
        }
        if isSet(FUSE_SET_ATTR_MTIME_NOW) {
            modified = .now
        } else if isSet(FUSE_SET_ATTR_MTIME) {
            modified = .at(Timestamp(attributes.st_mtim))
        }
    }
}
