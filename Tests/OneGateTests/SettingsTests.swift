import Foundation
import Testing

@testable import OneGate

@Suite struct EnvFileTests {
    @Test("values are taken as they are, up to the last quote of the line")
    func plain() {
        let variables = EnvFile.parse(
            """
            export TOKENTXT="abc=="
            export VMID="8"
            export ONEGATE_ENDPOINT="http://169.254.16.9:5030"
            export QUOTE="say "hi" $HOME `id` \\n \\"
            export EMPTY=""

            """)
        #expect(
            variables == [
                "TOKENTXT": "abc==", "VMID": "8", "ONEGATE_ENDPOINT": "http://169.254.16.9:5030",
                "QUOTE": "say \"hi\" $HOME `id` \\n \\", "EMPTY": "",
            ])
    }

    @Test("values may have several lines, with lines in them that look like assignments")
    func severalLines() {
        let variables = EnvFile.parse(
            """
            export TOKENTXT="abc"
            export VMID="8"
            export START_SCRIPT="#!/bin/sh
            export VMID="99"
            export TOKENTXT="evil"
            echo "done"
            "
            export SSH_PUBLIC_KEY="one
            two"
            export ONEGATE_ENDPOINT="http://h:1"
            """)
        #expect(variables["TOKENTXT"] == "abc")
        #expect(variables["VMID"] == "8")
        #expect(variables["SSH_PUBLIC_KEY"] == "one\ntwo")
        #expect(variables["ONEGATE_ENDPOINT"] == "http://h:1")
    }

    @Test("a line of a value that ends with a quote does not end the value")
    func quotesInLines() {
        let variables = EnvFile.parse("export A=\"echo \"x\"\necho y\necho \"z\"\"\nexport B=\"1\"\n")
        #expect(variables == ["A": "echo \"x\"\necho y\necho \"z\"", "B": "1"])
    }

    @Test("other shell forms are read as a shell reads them")
    func otherForms() {
        let variables = EnvFile.parse(
            """
            # a comment
            VMID=9
            export NAME=value # and a comment
            KEY='it'\\''s $x "y"'
            MORE='a
            b'
              export   SPACED="x"
            echo no
            =nothing
            export LAST='1'
            """)
        #expect(
            variables == [
                "VMID": "9", "NAME": "value", "KEY": "it's $x \"y\"", "MORE": "a\nb", "SPACED": "x",
                "LAST": "1",
            ])
    }

    @Test("the last of several assignments counts, and carriage returns at line ends do not")
    func lastCounts() {
        #expect(EnvFile.parse("A=\"1\"\r\nA=\"2\"\r\nB=x\r\n") == ["A": "2", "B": "x"])
    }

    @Test("a quote that is never closed leaves the other lines readable")
    func unterminated() {
        #expect(EnvFile.parse("A='x\nB=1\n") == ["B": "1"])
        #expect(EnvFile.parse("A=\"x\nB=1\n") == ["B": "1"])
        #expect(EnvFile.parse("") == [:])
    }
}

@Suite struct SettingsTests {
    /// A folder of its own for each test.
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "onegate-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
        func file(_ name: String, _ content: String) throws -> String {
            let file = url.appendingPathComponent(name)
            try content.write(to: file, atomically: true, encoding: .utf8)
            return file.path
        }
    }

    private let envFile = """
        export TOKENTXT="file-token"
        export VMID="1"
        export ONEGATE_ENDPOINT="http://file:5030"
        """

    @Test("what was given goes before the environment, that before the env file")
    func precedence() throws {
        let folder = try Folder()
        let file = try folder.file("one_env", envFile)
        let tokenFile = try folder.file("token", "given-token\n")
        var source = SettingsSource(envFile: file, environment: [:])
        #expect(
            try source.resolve()
                == Settings(endpoint: "http://file:5030", vmID: 1, token: Token("file-token")))
        source.environment = ["TOKENTXT": "env-token", "VMID": "2", "ONEGATE_ENDPOINT": "http://env:5030/"]
        #expect(
            try source.resolve() == Settings(endpoint: "http://env:5030", vmID: 2, token: Token("env-token")))
        source.endpoint = "https://given"
        source.vmID = "3"
        source.tokenFile = tokenFile
        #expect(
            try source.resolve() == Settings(endpoint: "https://given", vmID: 3, token: Token("given-token")))
    }

    @Test("an empty environment variable is as good as none")
    func emptyVariables() throws {
        let folder = try Folder()
        let file = try folder.file("one_env", envFile)
        let source = SettingsSource(envFile: file, environment: ["TOKENTXT": "", "VMID": " "])
        #expect(try source.resolve().vmID == 1)
        #expect(try source.resolve().token == Token("file-token"))
    }

    @Test("the first of the usual env files that exists is read, again on each call")
    func usualFiles() throws {
        let folder = try Folder()
        let missing = folder.url.appendingPathComponent("missing/one_env").path
        let file = try folder.file("one_env", envFile)
        let source = SettingsSource(environment: [:], usualEnvFiles: [missing, file])
        #expect(try source.resolve().token == Token("file-token"))
        _ = try folder.file("one_env", envFile.replacingOccurrences(of: "file-token", with: "new-token"))
        #expect(try source.resolve().token == Token("new-token"))
    }

    @Test("missing settings are told by name, with what to do")
    func missing() throws {
        let folder = try Folder()
        let file = try folder.file("one_env", "")
        for (environment, words) in [
            ([:], "ONEGATE_ENDPOINT"), (["ONEGATE_ENDPOINT": "http://h"], "VMID"),
            (["ONEGATE_ENDPOINT": "http://h", "VMID": "1"], "TOKENTXT"),
        ] {
            for source in [
                SettingsSource(envFile: file, environment: environment),
                SettingsSource(environment: environment, usualEnvFiles: []),
            ] {
                let error = try #require(throws: SettingsError.self) { try source.resolve() }
                #expect(error.description.contains(words))
                #expect(!error.description.contains("\n"))
            }
        }
    }

    @Test("a file that was given and cannot be read is an error")
    func unreadable() throws {
        let folder = try Folder()
        let complete = ["ONEGATE_ENDPOINT": "http://h", "VMID": "1", "TOKENTXT": "t"]
        let nowhere = folder.url.appendingPathComponent("nowhere").path
        for source in [
            SettingsSource(envFile: nowhere, environment: complete),
            SettingsSource(tokenFile: nowhere, environment: complete),
            SettingsSource(tokenFile: folder.url.path, environment: complete),
            SettingsSource(tokenFile: try folder.file("empty", "\n"), environment: complete),
        ] {
            #expect(throws: SettingsError.self) { try source.resolve() }
        }
    }

    @Test(
        "endpoints are http or https URLs",
        arguments: [
            ("http://169.254.16.9:5030", "http://169.254.16.9:5030"), (" https://h/ ", "https://h"),
            ("HTTP://Host:80/a//", "HTTP://Host:80/a"), ("http://[fe80::1]:5030", "http://[fe80::1]:5030"),
        ])
    func endpoints(given: String, kept: String) throws {
        #expect(try Settings(endpoint: given, vmID: 0, token: Token("t")).endpoint == kept)
    }

    @Test(
        "other endpoints are refused",
        arguments: [
            "", "h:5030", "ftp://h", "http://", "http:///x", "http://:80", "http://h:0", "http://h:x",
            "http://h:65536",
            "http://u:p@h", "http://h?x", "http://h#x", "http://a b", "http://é", "http://[::1",
            "http://[::1]x",
        ])
    func badEndpoints(given: String) {
        #expect(throws: SettingsError.self) { try Settings(endpoint: given, vmID: 0, token: Token("t")) }
    }

    @Test("VM IDs are plain numbers", arguments: ["x", "-1", "01", "1 2", "1.5", "99999999999999999999"])
    func badIDs(id: String) {
        let source = SettingsSource(
            endpoint: "http://h", vmID: id, environment: ["TOKENTXT": "t"], usualEnvFiles: [])
        #expect(throws: SettingsError.self) { try source.resolve() }
    }

    @Test("a token that no header can carry is refused, and not shown")
    func badTokens() throws {
        for token in ["sec ret", "sec\u{7}ret", "secrét", "sec\nret: x"] {
            let error = try #require(throws: SettingsError.self) {
                try Settings(endpoint: "http://h", vmID: 0, token: Token(token))
            }
            #expect(!error.description.contains("sec"))
        }
    }

    @Test("a token shows itself in no description")
    func hiddenToken() throws {
        let settings = try Settings(endpoint: "http://h", vmID: 0, token: Token("s3cret"))
        var dumped = ""
        dump(settings, to: &dumped)
        let texts = [
            "\(settings)", "\(settings.token)", String(reflecting: settings),
            String(describing: settings.token),
            dumped, "\([settings.token])", "\(Optional(settings.token) as Any)",
        ]
        for text in texts { #expect(!text.contains("s3cret")) }
        #expect(settings.token.headerValue == "s3cret")
    }
}
