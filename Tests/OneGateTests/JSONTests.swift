import Testing

@testable import OneGate

@Suite struct JSONTests {
    @Test("objects keep the order of their names and numbers their spelling")
    func order() throws {
        let text = #"{"b":1.50,"a":[true,null,"x"],"B":-0e1}"#
        #expect(try JSON(parsing: text).compact == text)
    }

    @Test("answers of real servers come out as they went in")
    func roundTrip() throws {
        for recording in try Recording.all("reads.jsonl") where recording.status == 200 {
            #expect(try JSON(parsing: recording.body).compact == recording.body)
        }
    }

    @Test("pretty printing is that of the onegate command")
    func pretty() throws {
        let json = try JSON(
            parsing: #"{"VM":{"ID":"9","E":{},"L":[],"N":[{"IP":"1\/2"},3],"T":"a\"\\\u0001\u007fé\n"}}"#)
        let expected = """
            {
              "VM": {
                "ID": "9",
                "E": {},
                "L": [],
                "N": [
                  {
                    "IP": "1/2"
                  },
                  3
                ],
                "T": "a\\"\\\\\\u0001\u{7f}é\\n"
              }
            }
            """
        #expect(json.prettyPrinted == expected)
    }

    @Test("nesting up to 100 is read, deeper is refused")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(100))
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: nested(101)) }
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":}", "{a:1}", "01", "1.", "-", "+1", "tru", "nul", "\"a",
            "\"\u{01}\"",
            "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\u12g4\"", "{} {}", "[1 2]", "<html></html>",
            "NaN",
            "'a'", "{\"a\" 1}", "]",
        ])
    func junk(text: String) {
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: text) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: [0x22, 0x5C, 0x6E, 0xC3, 0x22]) }
    }

    @Test("escapes are read, surrogate pairs too")
    func escapes() throws {
        let json = try JSON(parsing: #""\u00e9\n\t\/\b\f\r\ud83d\ude80""#)
        #expect(json == .string("é\n\t/\u{08}\u{0C}\r🚀"))
    }

    @Test("of a name that is there twice the last value counts")
    func twice() throws {
        #expect(try JSON(parsing: #"{"a":1,"b":2,"a":3}"#) == ["a": 3, "b": 2])
    }

    @Test("values that only look the same are different")
    func canonicalEquivalence() {
        #expect(JSON.string("\u{E9}") != .string("e\u{301}"))
        #expect(JSON.array([.string("\u{E9}")]) != .array([.string("e\u{301}")]))
        #expect(JSON.object(["a": 1, "b": 2]) != .object(["b": 2, "a": 1]))
        #expect(Set([JSON.string("\u{E9}"), .string("e\u{301}")]).count == 2)
    }

    @Test("subscripts and conversions give nil where there is nothing")
    func access() throws {
        let json = try JSON(parsing: #"{"a":["1",2,true,null,{}]}"#)
        #expect(json["a"]?[0]?.integer == 1)
        #expect(json["a"]?[1]?.integer == 2)
        #expect(json["a"]?[2]?.scalar == "true")
        #expect(json["a"]?[3]?.scalar == "")
        #expect(json["a"]?[4]?.scalar == nil)
        #expect(json["a"]?[5] == nil)
        #expect(json["b"] == nil)
        #expect(json[0] == nil)
    }
}
