import Glibc

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible, Equatable {
    let what: String
    let number: Int32

    var description: String { "\(what): \(String(cString: strerror(number)))" }

    static func == (one: Self, other: Self) -> Bool { one.number == other.number }

    /// The result of a call, or its errno as an error.
    @discardableResult
    static func check<Number: SignedInteger>(_ what: @autoclosure () -> String, _ result: Number) throws
        -> Number
    {
        guard result < 0 else { return result }
        let number = errno
        throw SystemError(what: what(), number: number)
    }

    /// The errno with which something fails; 0 if it does not.
    static func number(_ body: () throws -> Void) throws -> Int32 {
        do {
            try body()
            return 0
        } catch let error as SystemError {
            return error.number
        }
    }
}

/// Reading from open files.
enum Descriptor {
    /// Everything up to the end, in pieces.
    static func readAll(_ descriptor: CInt, pieces: Int = 1 << 17) throws -> [UInt8] {
        var content: [UInt8] = []
        while true {
            let piece = try read(descriptor, pieces)
            if piece.isEmpty { return content }
            content += piece
        }
    }

    /// One read(2).
    static func read(_ descriptor: CInt, _ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = try SystemError.check("read", Glibc.read(descriptor, &buffer, count))
        return Array(buffer.prefix(got))
    }
}
