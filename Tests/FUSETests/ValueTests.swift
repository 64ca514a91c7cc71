import Testing

@testable import FUSE

@Suite("Values")
struct ValueTests {
    @Test("an error number has a name and words")
    func errno() {
        #expect(Errno.noEntry.description == "ENOENT: No such file or directory")
        #expect(Errno.illegalSequence.name == "EILSEQ")
        #expect(Errno(rawValue: 12345).name == "errno 12345")
    }

    @Test("names are equal when their bytes are")
    func fileName() {
        #expect(FileName("\u{e9}") != FileName("e\u{301}"))
        #expect(FileName("a/é").string == "a/é")
        #expect(FileName(bytes: [0xff]).string == nil)
        #expect(FileName(bytes: [0x61, 0xff]).description == "a\u{fffd}")
        #expect(FileName("abc").withCString { String(cString: $0) } == "abc")
        #expect(FileName("").withCString { $0.pointee } == 0)
    }

    @Test("the access mode is a number within the flags")
    func openFlags() {
        #expect(OpenFlags([]).accessMode == .readOnly)
        #expect(OpenFlags(rawValue: 1).isWritable && !OpenFlags(rawValue: 1).isReadable)
        #expect(OpenFlags(rawValue: 2 | 0o2000).accessMode == .readWrite)
        #expect(OpenFlags(rawValue: 1 | 0o2000).contains(.append))
    }

    @Test("a directory buffer takes what fits, and each entry is aligned to 8 bytes")
    func directoryBuffer() {
        var buffer = DirectoryBuffer(capacity: 72)
        #expect(buffer.isEmpty)
        // struct fuse_dirent of linux/fuse.h: 24 bytes and the name.
        let first = buffer.append(name: "abc", inode: Inode(rawValue: 7), kind: .directory, nextOffset: 9)
        let second = buffer.append(
            name: "a longer name", inode: Inode(rawValue: 8), kind: .regular, nextOffset: 10)
        let third = buffer.append(name: "x", inode: Inode(rawValue: 9), kind: .regular, nextOffset: 11)
        #expect(first && second && buffer.bytes.count == 72)
        #expect(!third)
        #expect(buffer.bytes.count % 8 == 0)
        #expect(
            buffer.bytes[0] == 7 && buffer.bytes[8] == 9 && buffer.bytes[16] == 3 && buffer.bytes[20] == 4)
        #expect(Array(buffer.bytes[24..<32]) == Array("abc".utf8) + [0, 0, 0, 0, 0])
    }

    @Test(
        "a read is cut at the end of the data",
        arguments: [(0, 3, "abc"), (2, 10, "cde"), (5, 1, ""), (9, 9, "")])
    func slice(offset: Int64, count: Int, expected: String) {
        switch Reply.data(Array("abcde".utf8), offset: offset, count: count) {
        case .data(let bytes): #expect(String(decoding: bytes, as: UTF8.self) == expected)
        case .slice(let bytes): #expect(String(decoding: bytes, as: UTF8.self) == expected)
        default: Issue.record("not data")
        }
    }

    @Test("the mount table is parsed, with escapes and optional fields")
    func mountTable() {
        let table = MountTable(
            parsing: """
                36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw
                40 36 0:50 / /a\\040b\\134c rw - fuse.onegatefs onegate rw,user_id=0
                41 40 0:51 / /a\\040b\\134c rw shared:7 propagate_from:2 - fuse sshfs rw
                42 36 0:52 / /fusectl rw - fusectl none rw
                """)
        #expect(table.mount(at: "/mnt")?.isFUSE == false)
        #expect(table.mount(at: "/a b\\c")?.id == 41)
        #expect(table.mount(at: "/a b\\c")?.isFUSE == true)
        #expect(table.mount(at: "/fusectl")?.isFUSE == false)
        #expect(table.mount(at: "/nowhere") == nil)
    }
}
