import Testing

@testable import OneGate

@Suite struct UserTemplateTests {
    @Test("what both servers stored as it was may be sent, and nothing else")
    func recordedValues() throws {
        var accepted = 0
        var refused = 0
        for line in try Recording.lines("values.jsonl") {
            let value = try #require(line["value"]?.scalar)
            let isStored = line["stored"]?.elements?.allSatisfy { $0 == .string(value) } ?? false
            // Stored, but then every erase in that VM fails.
            let isHarmful = value.utf8.last == UInt8(ascii: "\\")
            if isStored, !isHarmful {
                try UserTemplate.check(value: value)
                accepted += 1
            } else {
                #expect(throws: ValueError.self, "\(value.debugDescription)") {
                    try UserTemplate.check(value: value)
                }
                refused += 1
            }
        }
        #expect(accepted > 300)
        #expect(refused > 100)
    }

    @Test(
        "a blank at either end is told from what cannot be stored at all",
        arguments: [" a", "a ", "\ta", "a\t", "a\n", "\na", "a\r", " ", "\n", "a\r\n"])
    func blanks(value: String) {
        #expect(
            #expect(throws: ValueError.self) { try UserTemplate.check(value: value) }?.reason == .blankAtEnd)
    }

    @Test(
        "harmful values are not storable",
        arguments: [
            "a🚀b", "🚀", "\u{10000}", "\u{10FFFF}", "a\rb", "a\r\nb", "a\u{0}b", "\u{1}", "a\u{1F}", "a\u{B}b",
            "\u{FFFE}", "a\u{FFFF}", "a]]>b", "]]>", "a\\", "\\", "a🚀 ",
        ])
    func harmful(value: String) {
        let error = #expect(throws: ValueError.self) { try UserTemplate.check(value: value) }
        guard case .notStorable? = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("\n") == false)
    }

    @Test(
        "other values are stored byte for byte",
        arguments: [
            "", "a b", "a,b=c", "{\"a\":[1,2]}", "\"q\" 'q' `q`", "a\\b", "\\n", "]]", "a\nb\tc", "YWJj==",
            "<a>&amp;</a>",
            "é漢\u{FFFD}\u{D7FF}\u{E000}", "e\u{301}", "\u{7F}", "\u{A0}x\u{A0}", "\u{85}", "\u{2028}",
            "\u{FEFF}",
        ])
    func storable(value: String) throws {
        try UserTemplate.check(value: value)
        #expect(try UserTemplate.checkedText(Array(value.utf8)).utf8.elementsEqual(value.utf8))
        let data = try UserTemplate.encode([("K", .text(value))])
        #expect(try decoded(data, "K").utf8.elementsEqual((value.isEmpty ? " " : value).utf8))
        // Nothing that the server would edit is left of the value.
        let element = try #require(data.split(separator: "-->", maxSplits: 1).last)
        for character in ["=", ",", "[", "]", "\\", "\"", "\n"] { #expect(!element.contains(character)) }
    }

    /// The text of an element, read as XML reads it.
    private func decoded(_ xml: String, _ name: String) throws -> String {
        let parts = xml.split(separator: "<\(name)>", omittingEmptySubsequences: false)
        let text = try #require(
            parts.last?.split(separator: "</\(name)>", omittingEmptySubsequences: false).first)
        var output = String.UnicodeScalarView()
        var rest = text
        while let next = rest.first {
            rest = rest.dropFirst()
            guard next == "&" else {
                output.append(contentsOf: next.unicodeScalars)
                continue
            }
            let end = try #require(rest.firstIndex(of: ";"))
            let code = try #require(UInt32(rest[..<end].dropFirst()))
            output.append(try #require(Unicode.Scalar(code)))
            rest = rest[rest.index(after: end)...]
        }
        return String(output)
    }

    @Test("bytes that are not UTF-8 are not storable")
    func notUTF8() {
        let error = #expect(throws: ValueError.self) { try UserTemplate.checkedText([0x61, 0xFF]) }
        #expect(error?.reason == .notStorable("is not UTF-8"))
    }

    @Test("a comment announces the names, and everything but letters and digits is a reference")
    func encoding() throws {
        let data = try UserTemplate.encode([
            ("NAME1", .text("a,b")), ("NAME2", .vector(["KEY": "x", "E": ""])),
            ("L", .list([.text("1"), .vector(["A": "2"])])),
        ])
        #expect(
            data
                == "<TEMPLATE><!--\nNAME1=\nNAME2=\nL=\n--><NAME1>a&#44;b</NAME1><NAME2><KEY>x</KEY><E>&#32;</E></NAME2>"
                + "<L>1</L><L><A>2</A></L></TEMPLATE>")
    }

    @Test("names that exist may have dashes and dots, but names are created of letters, digits and _")
    func names() throws {
        for name in ["A", "_", "A1_B", "ROLE_NAME"] { try UserTemplate.check(name: name) }
        for name in ["", "1A", "a", "XML", "XMLA", "A-B", "A.B", "É", "A B", "A=", "A\n", "*", "A/B", "A<"] {
            #expect(#expect(throws: ValueError.self) { try UserTemplate.check(name: name) }?.reason == .name)
        }
        _ = try UserTemplate.encode([("A-B", .text("1")), ("A.B", .vector(["C-D": "1"]))])
        for name in ["", "A--B", "-A", "XML-A", "a", "A>", "É", "A B"] {
            #expect(throws: ValueError.self) { try UserTemplate.encode([(name, .text("1"))]) }
            #expect(throws: ValueError.self) { try UserTemplate.encode([("K", .vector([name: "1"]))]) }
        }
    }

    @Test("what is empty, nested or given twice is refused, with the attribute's name")
    func structure() {
        let refused: [[(name: String, value: AttributeValue)]] = [
            [], [("A", .vector([:]))], [("A", .list([]))], [("A", .list([.list([.text("1")])]))],
            [("A", .text("1")), ("A", .text("2"))],
        ]
        for attributes in refused { #expect(throws: ValueError.self) { try UserTemplate.encode(attributes) } }
        let error = #expect(throws: ValueError.self) {
            try UserTemplate.encode([("A", .vector(["B": "x\\"]))])
        }
        #expect(error?.attribute == "A/B")
    }

    @Test("only a name, or a vector's key, may be erased")
    func erasing() throws {
        #expect(try UserTemplate.eraseBody("A") == Array("data=A&type=2".utf8))
        #expect(try UserTemplate.eraseBody("VEC/KEY") == Array("data=VEC%2FKEY&type=2".utf8))
        for path in [
            "", "*", "A/*", "A/B/C", "/A", "A/", "./A", "A | B", "A ", "A-B", "a", "A[1]", "..", "@A", "A\n",
        ] {
            #expect(#expect(throws: ValueError.self) { try UserTemplate.eraseBody(path) }?.reason == .name)
        }
    }

    @Test("a form's body is encoded as the onegate command encodes it")
    func form() {
        #expect(
            UserTemplate.formBody(data: "A=1\\nB=two words & more", type: 1)
                == Array("data=A%3D1%5CnB%3Dtwo+words+%26+more&type=1".utf8))
        #expect(UserTemplate.formBody(data: "é*-._~", type: 2) == Array("data=%C3%A9*-._%7E&type=2".utf8))
    }

    @Test("more than 4 MiB of request is too large")
    func size() throws {
        let overhead = try UserTemplate.updateBody([("K", .text(""))]).count - "%26%2332%3B".utf8.count
        let largest = String(repeating: "a", count: UserTemplate.requestLimit - overhead)
        #expect(try UserTemplate.updateBody([("K", .text(largest))]).count == UserTemplate.requestLimit)
        for value in [largest + "a", String(repeating: "漢", count: UserTemplate.requestLimit / 14)] {
            #expect(
                #expect(throws: ValueError.self) { try UserTemplate.updateBody([("K", .text(value))]) }?
                    .reason
                    == .tooLarge)
        }
    }

    @Test("values that only look the same are different")
    func canonicalEquivalence() {
        #expect(AttributeValue.text("\u{E9}") != .text("e\u{301}"))
        #expect(AttributeValue.vector(["A": "\u{E9}"]) != .vector(["A": "e\u{301}"]))
        #expect(AttributeValue(json: ["A": [:]]) == .vector(["A": ""]))
        #expect(AttributeValue(json: ["A": [1]]) == nil)
    }
}
