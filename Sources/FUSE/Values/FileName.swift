import Glibc

/// One component of a path: bytes, not text. Names are equal when their bytes are.
public struct FileName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The bytes, without NUL.
    public let bytes: [UInt8]

    /// A name of these bytes, of which none is NUL or `/`; what follows a NUL does not reach the kernel.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The name in UTF-8.
    public init(_ string: String) {
        self.init(bytes: [UInt8](string.utf8))
    }

    /// The name in UTF-8.
    public init(stringLiteral value: StaticString) {
        self.init(bytes: value.withUTF8Buffer { [UInt8]($0) })
    }

    init(cString: UnsafePointer<CChar>) {
        self.init(bytes: [UInt8](UnsafeRawBufferPointer(start: cString, count: strlen(cString))))
    }

    /// The name as text, or nil if it is not UTF-8.
    public var string: String? {
        String(validating: bytes, as: UTF8.self)
    }

    /// The name as text to show, with U+FFFD in place of what is not UTF-8.
    public var description: String {
        String(decoding: bytes, as: UTF8.self)
    }

    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                // Not empty, so there is an address; the fallback is for the type only.
                characters.baseAddress.map(body) ?? "".withCString(body)
            }
        }
    }
}
