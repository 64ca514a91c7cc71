import Testing

@testable import OneGate

@Suite struct ActionTests {
    @Test(
        "actions become the JSON that the server wants",
        arguments: [
            ("resume", #"{"action":{"perform":"resume"}}"#),
            (" hold \n", #"{"action":{"perform":"hold"}}"#),
            ("terminate --hard", #"{"action":{"perform":"terminate","params":true}}"#),
            ("poweroff", #"{"action":{"perform":"poweroff"}}"#),
            (
                "snapshot_create before upgrade",
                #"{"action":{"perform":"snapshot_create","params":"before upgrade"}}"#
            ),
            ("snapshot_revert 0", #"{"action":{"perform":"snapshot_revert","params":0}}"#),
            ("detachnic 1", #"{"action":{"perform":"detachnic","params":1}}"#),
            ("detachdisk\t02", #"{"action":{"perform":"detachdisk","params":2}}"#),
            ("chmod 640", #"{"action":{"perform":"chmod","params":"640"}}"#),
            ("rename new \"name\"", #"{"action":{"perform":"rename","params":"new \"name\""}}"#),
            (
                "attachnic NIC=[NETWORK=\"private\",\nNETWORK_UNAME=\"x\"]",
                #"{"action":{"perform":"attachnic","params":"NIC=[NETWORK=\"private\",\nNETWORK_UNAME=\"x\"]"}}"#
            ),
            ("migrate 0", #"{"action":{"perform":"migrate","params":0}}"#),
        ])
    func bodies(line: String, body: String) throws {
        #expect(String(decoding: try Action(parsing: line).body, as: UTF8.self) == body)
    }

    @Test(
        "other lines are no action",
        arguments: [
            "", "\n", "fly", "HOLD", "Resume", "resume now", "stop\nresume", "terminate -hard",
            "terminate --hard x",
            "snapshot_create", "snapshot_revert", "snapshot_revert x", "detachnic -1", "detachnic 1.5",
            "detachdisk 99999999999", "chmod", "chmod 64", "chmod 6400", "chmod 689", "rename", "rename a\nb",
            "rename 🚀", "snapshot_create a\u{1}b", "attachdisk", "attachnic 🚀", "poweroff\u{A0}--hard",
            "résume",
        ])
    func refused(line: String) {
        let error = #expect(throws: ActionError.self) { try Action(parsing: line) }
        #expect(error?.description.contains("\n") == false)
    }

    @Test("every action says how it is written, and reads what it says")
    func usages() throws {
        let examples = [
            "[--hard]": "--hard", "NAME": "x", "ID": "1", "TEMPLATE": "X=[A=\"1\"]", "MODE": "600",
            "HOST_ID": "1",
            "OPERATION": "3", "USER_ID": "2",
        ]
        for description in Action.all {
            let words = description.usage.split(separator: " ").map(String.init)
            #expect(words.first == description.name)
            let line = words.map { examples[$0] ?? $0 }.joined(separator: " ")
            #expect(try Action(parsing: line).description == line)
            #expect(!description.summary.isEmpty)
        }
        let commands = [
            "resume", "stop", "suspend", "terminate", "reboot", "poweroff", "resched", "unresched", "hold",
            "release",
        ]
        #expect(Action.all.prefix(10).map(\.name) == commands)
    }
}
