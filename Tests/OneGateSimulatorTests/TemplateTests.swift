import OneGate
import Testing

@testable import OneGateSimulator

@Suite("Templates")
struct TemplateTests {
    private func parse(_ text: String) throws -> JSON {
        try TemplateParser.parse(AttributeEscaping.escape(Array(text.utf8))).json
    }

    @Test("XML whose names a comment announces is stored as it is meant")
    func announced() throws {
        let text = "<TEMPLATE><!--\nA=\nV=\n--><A>x&#44;y&#61;&#91;z&#93;</A><V><K>&#34;</K></V></TEMPLATE>"
        #expect(try parse(text) == ["A": "x,y=[z]", "V": ["K": "\""]])
    }

    @Test("the check of restricted attributes sees lines, not XML")
    func restricted() {
        func find(_ text: String) -> String? {
            AttributeEscaping.restricted(
                in: AttributeEscaping.escape(Array(text.utf8)), names: ["SERVICE_ID"])
        }
        #expect(find("<T><SERVICE_ID>9</SERVICE_ID></T>") == nil)
        #expect(find("<T><!--\nSERVICE_ID=\n--><SERVICE_ID>9</SERVICE_ID></T>") == "SERVICE_ID")
        #expect(find("A=1\nservice_id=2") == "service_id")
    }

    @Test("bytes in names and keys count, not what looks the same")
    func bytes() {
        var template = UserTemplate(["ONE_é": "1"])
        let hasErasedOther = template.erase("ONE_e\u{301}")
        #expect(!hasErasedOther)
        let hasErased = template.erase("ONE_é")
        #expect(hasErased)
    }

    @Test("numbers are read as Ruby reads them")
    func numbers() {
        for (text, number) in [
            ("12", "12"), (" 7x", "7"), ("-3", "-3"), ("abc", "0"), ("007", "7"), ("1_000", "1000"),
            ("1__0", "1"),
            ("99999999999999999999", "99999999999999999999"), ("-", "0"),
        ] { #expect(RubyValues.leadingInteger(text) == number) }
        for (text, number) in [
            ("10", 10), ("010", 8), ("0x1f", 31), ("0b11", 3), ("1_0", 10), (" 4 ", 4), ("-2", -2), ("0", 0),
        ] { #expect(RubyValues.strictInteger(text) == number) }
        for text in ["", "1x", "1__0", "_1", "08", "--1"] { #expect(RubyValues.strictInteger(text) == nil) }
    }

    @Test("a malformed template of any kind is refused, whatever its bytes", arguments: [1, 2, 3, 4])
    func noise(_ seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let pieces = [
            "<", ">", "/", "A", "=", "\"", "[", "]", ",", "\\", "\n", " ", "&#", "44;", "<!--", "-->", "]]>",
            "#", "<A>", "</A>",
        ]
        for _ in 0..<3000 {
            let text = (0..<random(20)).map { _ in pieces[random(pieces.count)] }.joined()
            _ = try? parse(text)
            _ = try? ErasePath(text).apply(to: UserTemplate(["A": "1", "V": ["K": "x"]]))
        }
    }
}
