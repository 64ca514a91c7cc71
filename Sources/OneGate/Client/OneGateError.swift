/// Why a request did not bring what was asked for.
public struct OneGateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened, as far as a program should care.
    public enum Kind: Sendable, Hashable {
        /// Nobody answers there: connection refused, no route, or no such name.
        case unreachable
        /// No whole answer within the timeout.
        case timedOut
        /// 401: a wrong token or VM, or a server whose core is down.
        case unauthorized
        /// 403: restricted, or switched off by the administrator.
        case forbidden
        /// 404: no such VM or service, or a server whose OneFlow is down.
        case notFound
        /// 400: the server does not take the request.
        case badRequest
        /// 5xx: the core refused, or the server failed.
        case server
        /// An answer that is not what it should be: another status, a redirect, no JSON, cut, too large, of the
        /// wrong shape, no HTTP, a certificate that is not trusted, a connection closed without an answer.
        case unexpected
        /// The task that was waiting has been cancelled.
        case cancelled
    }

    /// What happened.
    public let kind: Kind
    /// The HTTP status, if there was an answer.
    public let status: Int?
    /// The server's own words if it said something, else what is known: one line, at most 500 characters.
    public let words: String
    /// The request, such as `GET /vms/9`; empty for an answer that was not read by a client.
    public let request: String

    /// An error; the words are put on one line and cut.
    public init(kind: Kind, status: Int? = nil, words: String, request: String = "") {
        self.kind = kind
        self.status = status
        self.words = ServerWords.oneLine(words)
        self.request = request
    }

    /// The request, the status and the words, on one line.
    public var description: String {
        let prefix = request.isEmpty ? "" : request + ": "
        let status = status.map { "\($0) " } ?? ""
        return prefix + status + (words.isEmpty ? "\(kind)" : words)
    }

    static func wrongShape(_ words: String) -> OneGateError { OneGateError(kind: .unexpected, words: words) }

    func with(request: String, status: Int?) -> OneGateError {
        OneGateError(kind: kind, status: self.status ?? status, words: words, request: request)
    }

    /// The kind for a status that is no success.
    static func kind(ofStatus status: Int) -> Kind {
        switch status {
        case 400: .badRequest
        case 401: .unauthorized
        case 403: .forbidden
        case 404: .notFound
        case 500...599: .server
        default: .unexpected
        }
    }
}

/// Makes one short line of what a server says.
enum ServerWords {
    /// The longest line, in characters.
    static let limit = 500

    /// The words of an answer's body; of an HTML page its title, or else its text. The token is blotted out in them, as a
    /// page that shows the request's headers has it, and that before they are cut, which would leave its beginning.
    static func of(_ body: [UInt8], hiding token: Token) -> String {
        let text = String(decoding: body.prefix(1 << 18), as: UTF8.self)
        return oneLine(token.hidden(in: looksLikeHTML(body) ? reduced(html: text) : text))
    }

    /// Whether an answer is a page for people, which only something in between would send.
    static func looksLikeHTML(_ body: [UInt8]) -> Bool {
        let beginning = String(decoding: body.drop(while: \.isBlank).prefix(512), as: UTF8.self).lowercased()
        return beginning.hasPrefix("<!doctype html") || beginning.hasPrefix("<html")
            || beginning.hasPrefix("<head")
            || beginning.hasPrefix("<?xml") && beginning.utf8.contains("<html".utf8)
    }

    /// Blanks and control characters become single spaces, and the rest is cut after `limit` characters.
    static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        var pendingSpace = false
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace || scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
                pendingSpace = !line.isEmpty
                continue
            }
            if pendingSpace { line.append(" ") }
            pendingSpace = false
            line.append(scalar)
            if line.count > limit { break }
        }
        let whole = String(line)
        return whole.unicodeScalars.count > limit
            ? String(whole.unicodeScalars.prefix(limit - 1)) + "…" : whole
    }

    private static func reduced(html: String) -> String {
        let title = content(of: "title", in: html) ?? ""
        if !oneLine(title).isEmpty { return unescaped(title) }
        var text = ""
        var rest = Substring(html)
        while let open = rest.firstIndex(of: "<") {
            text += rest[..<open] + " "
            rest = rest[open...]
            let tag = rest.dropFirst().prefix(6).lowercased()
            // The text of scripts and style sheets says nothing to people.
            let end = tag.hasPrefix("script") ? "</script>" : tag.hasPrefix("style") ? "</style>" : ">"
            guard let close = rest.lowercasedRange(of: end) else { return unescaped(text) }
            rest = rest[close.upperBound...]
        }
        return unescaped(text + rest)
    }

    private static func content(of element: String, in html: String) -> String? {
        let whole = Substring(html)
        guard let open = whole.lowercasedRange(of: "<\(element)") else { return nil }
        guard let end = whole[open.upperBound...].firstIndex(of: ">") else { return nil }
        let rest = whole[whole.index(after: end)...]
        guard let close = rest.lowercasedRange(of: "</\(element)") else { return nil }
        return String(rest[..<close.lowerBound])
    }

    /// Resolves the character references that pages have: a few by name, and all by number.
    private static func unescaped(_ text: String) -> String {
        let names = ["lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "amp": "&"]
        var output = ""
        var rest = Substring(text)
        while let start = rest.firstIndex(of: "&") {
            output += rest[..<start]
            rest = rest[start...]
            let reference = rest.dropFirst().prefix(10).prefix { $0 != ";" }
            let end = reference.endIndex
            guard end != rest.endIndex, rest[end] == ";",
                let replacement = names[String(reference)] ?? character(numbered: reference)
            else {
                output += "&"
                rest = rest.dropFirst()
                continue
            }
            output += replacement
            rest = rest[rest.index(after: end)...]
        }
        return output + rest
    }

    private static func character(numbered reference: Substring) -> String? {
        guard reference.hasPrefix("#") else { return nil }
        let digits = reference.dropFirst()
        let isHexadecimal = digits.hasPrefix("x") || digits.hasPrefix("X")
        let code = isHexadecimal ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return code.flatMap(Unicode.Scalar.init).map { String($0) }
    }
}

extension Substring {
    /// Where an ASCII text in lower case first occurs, in whatever case.
    fileprivate func lowercasedRange(of text: String) -> Range<Index>? {
        let needle = Array(text.utf8)
        let haystack = utf8
        var start = haystack.startIndex
        while start != haystack.endIndex {
            var index = start
            var matched = 0
            while matched < needle.count, index != haystack.endIndex {
                let byte = haystack[index]
                let lower = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
                guard lower == needle[matched] else { break }
                matched += 1
                index = haystack.index(after: index)
            }
            if matched == needle.count { return start..<index }
            start = haystack.index(after: start)
        }
        return nil
    }
}
