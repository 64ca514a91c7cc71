import CFUSE
import Glibc

/// The first request, INIT, and its answer: <linux/fuse.h>.
extension Session {
    /// FUSE_INIT in `struct fuse_in_header`, whose second word is the operation.
    private static let operation: UInt32 = 26
    /// Where the flags are: behind `struct fuse_out_header`, the fourth word of `struct fuse_init_out`.
    private static let flags = 28

    /// Answers INIT, before any worker takes requests.
    func greet() {
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        let connection = fuse_session_fd(pointer)
        while !isConnected, !isExiting {
            SystemCalls.waitForAny([connection, events])
            if SystemCalls.poll(events, CInt(POLLIN), milliseconds: 0) != 0 {
                _ = SystemCalls.read(events, count: 8)
            }
            guard SystemCalls.poll(connection, CInt(POLLIN), milliseconds: 0) != 0 else { continue }
            let size = fuse_session_receive_buf(pointer, &buffer)
            if size == -EINTR || size == -EAGAIN { continue }
            // The workers find out why.
            guard size > 0 else { return }
            if isGreeting(buffer), answer(&buffer) { continue }
            fuse_session_process_buf(pointer, &buffer)
        }
    }

    private func isGreeting(_ buffer: fuse_buf) -> Bool {
        guard buffer.size >= 8, let memory = buffer.mem else { return false }
        return memory.load(fromByteOffset: 4, as: UInt32.self) == Session.operation
    }

    /// libfuse before 3.17 knows FUSE_CAP_PARALLEL_DIROPS but does not tell the kernel, which then looks up one name in a
    /// folder at a time: all others in there would wait for one whose server hangs. So the answer is caught in a pipe
    /// in the connection's place, and the flag is added.
    ///
    /// - Returns: false if nothing was done, for want of descriptors.
    private func answer(_ buffer: inout fuse_buf) -> Bool {
        let connection = fuse_session_fd(pointer)
        guard case .success(let device) = SystemCalls.duplicate(connection) else { return false }
        defer { close(device) }
        guard case .success(let pipe) = SystemCalls.pipe() else { return false }
        defer { close(pipe.reader) }
        _ = SystemCalls.replace(connection, with: pipe.writer)
        close(pipe.writer)
        fuse_session_process_buf(pointer, &buffer)
        // The pipe's last writer is closed with this.
        _ = SystemCalls.replace(connection, with: device)
        guard case .success(var answer) = SystemCalls.read(pipe.reader, count: 4096), !answer.isEmpty else {
            return true
        }
        let isParallel = wanted.contains(.parallelDirectoryOperations)
        if isParallel, answer.count >= Session.flags + 4 {
            answer.withUnsafeMutableBytes { bytes in
                let flags = bytes.load(fromByteOffset: Session.flags, as: UInt32.self)
                bytes.storeBytes(
                    of: flags | Capabilities.parallelDirectoryOperations.rawValue,
                    toByteOffset: Session.flags, as: UInt32.self)
            }
        }
        _ = SystemCalls.write(connection, answer)
        return true
    }
}
