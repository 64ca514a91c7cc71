import Foundation
import Testing

@testable import FUSE

@Suite("A mount point")
struct MountPointTests {
    @Test("it has to exist and to be a directory")
    func checks() throws {
        let folder = try TestMount.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/file"
        try Data().write(to: URL(fileURLWithPath: file))
        #expect(throws: MountError.missing(path: "\(folder)/none")) {
            try MountPoint(preparing: "\(folder)/none")
        }
        #expect(throws: MountError.notDirectory(path: file)) { try MountPoint(preparing: file) }
        #expect(throws: MountError.notDirectory(path: "\(file)/x")) { try MountPoint(preparing: "\(file)/x") }
        symlink(folder, "\(folder)/link")
        #expect(try MountPoint(preparing: "\(folder)/link/").path == folder)
    }

    @Test("a descriptor is passed on as it is")
    func descriptor() throws {
        let point = try MountPoint(preparing: "/dev/fd/17")
        #expect(point.isDescriptor && point.path == "/dev/fd/17")
        let session = try Session(fileSystem: TestFileSystem(), options: MountOptions(source: "test"))
        #expect(throws: MountError.badDescriptor(path: "/dev/fd/987654")) {
            try session.mount(at: "/dev/fd/987654")
        }
    }

    @Test("every error is one line that says what to do")
    func descriptions() {
        let errors: [MountError] = [
            .missing(path: "/x"), .notDirectory(path: "/x"), .inaccessible(path: "/x", .access),
            .notWritable(path: "/x"), .stale(path: "/x", .busy), .noDevice, .deviceDenied(.access),
            .noFusermount,
            .allowOtherDenied, .notPermitted(path: "/x"), .busy(path: "/x"), .invalidOptions("-ox"),
            .alreadyMounted,
            .badDescriptor(path: "/dev/fd/9"), .failed(path: "/x", .io),
        ]
        for error in errors {
            #expect(error.description.hasPrefix("cannot mount") && !error.description.contains("\n"))
            #expect(error.description.contains(";") || error == .noDevice)
        }
    }
}
