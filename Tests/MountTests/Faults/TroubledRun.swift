import Foundation
import Glibc
import OneGateSimulator
import Synchronization
import Testing

/// Programs that read and write on two mounts while things go wrong, and what may not happen whatever does: a lie, an
/// acknowledged write that is lost, an action that is repeated, a call that hangs, a crash.
final class TroubledRun: Sendable {
    static let timeout = 1.0
    static let age = Duration.milliseconds(300)
    /// No call waits for more than the turns of those before it, a request and its reading back, each for a second at most; the
    /// rest is for a busy machine.
    static let callLimit = Duration.seconds(10)

    struct Figures: Sendable {
        var calls = 0
        var failures: [Int32: Int] = [:]
        var acknowledged = 0
        var actions = 0
        var troubles = 0
        var longest = Duration.zero
        /// Reads that were cut by a program that wrote at the same moment.
        var cut = 0
        /// Values that were left empty by an open with O_TRUNC whose write(2) failed in the kernel.
        var emptied = 0
    }

    let simulator: Simulator
    let elsewhere: Simulator
    private let names: NameService?
    let mounts: [TroubledMount]
    private let histories: [History]
    private let figures = Mutex(Figures())
    private let problems = Mutex<[String]>([])
    private let isOver = Mutex(false)
    private let counter = Atomic<Int>(0)

    init(log: String? = nil) throws {
        simulator = try Simulator(cloud: .panacea())
        elsewhere = try Simulator(cloud: .panacea())
        names = try NameService()
        let options = ["ttl=0.2", "watch=0.5", "timeout=\(Self.timeout)"]
        mounts = [
            try TroubledMount(simulator, vm: 8, options: options, names: names, log: log),
            try TroubledMount(simulator, vm: 9, options: options, names: names, log: log),
        ]
        histories = (0..<6).map { History(vm: 8 + $0 % 2, name: "TROUBLED_\($0)") }
    }

    func end() { for mount in mounts { mount.end() } }

    var summary: Figures { figures.withLock { $0 } }
    var found: [String] { problems.withLock { $0 } }

    private func problem(_ words: String) {
        problems.withLock { if $0.count < 20 { $0.append(words) } }
        isOver.withLock { $0 = true }
    }

    // MARK: Running

    /// Runs programs while something happens.
    func run(_ happening: (_ isOver: () -> Bool) -> Void) {
        isOver.withLock { $0 = false }
        let group = DispatchGroup()
        func start(_ seed: UInt64, _ body: @escaping @Sendable (inout PropertyTests.Generator) -> Void) {
            group.enter()
            Thread { [self] in
                var random = PropertyTests.Generator(state: seed)
                while !isOver.withLock({ $0 }) { body(&random) }
                group.leave()
            }.start()
        }
        for writer in 0..<3 {
            let own = histories.enumerated().filter { $0.offset % 3 == writer }.map(\.element)
            start(.random(in: 0...UInt64.max)) { [self] random in
                change(own[Int.random(in: 0..<own.count, using: &random)], &random)
            }
        }
        for _ in 0..<3 { start(.random(in: 0...UInt64.max)) { [self] random in read(&random) } }
        happening { isOver.withLock { $0 } }
        isOver.withLock { $0 = true }
        group.wait()
    }

    /// One trouble after the other for some time.
    func suffer(_ troubles: [Trouble], for time: Duration, seed: UInt64) {
        var random = PropertyTests.Generator(state: seed)
        let deadline = ContinuousClock.now + time
        run { isOver in
            while ContinuousClock.now < deadline, !isOver() {
                guard let trouble = troubles.randomElement(using: &random) else { return }
                let end = trouble.begin(
                    simulator, timeout: Self.timeout, names: names, elsewhere: elsewhere.endpoint,
                    renew: renew,
                    using: &random)
                figures.withLock { $0.troubles += 1 }
                usleep(.random(in: 20_000...400_000, using: &random))
                end()
                usleep(.random(in: 0...200_000, using: &random))
            }
        }
        if elsewhere.requestCount > 0 { problem("a redirection was followed") }
        for mount in mounts where mount.daemon?.isRunning != true {
            problem("a daemon ended: \(mount.daemon.map { "\($0.finish())" } ?? "")")
        }
    }

    private func renew() { for mount in mounts { mount.renew() } }

    /// After all of it, both mounts show what the server has.
    func settle() {
        simulator.clearFaults()
        names?.recover()
        for history in histories {
            for mount in mounts {
                eventually("\(history.path) is as the server has it") {
                    let stored = simulator.cloud.attribute(vm: history.vm, name: history.name)?.scalar
                    let (text, number) = content(mount, history)
                    return number == 0 ? text == stored : number == ENOENT && stored == nil
                }
            }
        }
    }

    // MARK: Programs

    /// Makes a call and notes how long it took.
    private func call<Result>(_ what: String, _ body: () throws -> Result) rethrows -> Result {
        let begin = ContinuousClock.now
        let result = try body()
        // A lock that is waited for sets it, too.
        let number = errno
        defer { errno = number }
        let time = ContinuousClock.now - begin
        figures.withLock { figures in
            figures.calls += 1
            figures.longest = max(figures.longest, time)
        }
        if time > Self.callLimit { problem("\(what) took \(time)") }
        return result
    }

    private func content(_ mount: TroubledMount, _ history: History) -> (text: String?, number: Int32) {
        do {
            let file = mount.path + "/" + history.path
            let descriptor = try SystemError.check("open", call("open") { open(file, O_RDONLY | O_CLOEXEC) })
            defer { close(descriptor) }
            let bytes = try call("read") { try Descriptor.readAll(descriptor) }
            // Not even a newline: somebody makes it, and has not written yet.
            if bytes.isEmpty { return (nil, 0) }
            return (String(decoding: bytes.dropLast(), as: UTF8.self), 0)
        } catch let error as SystemError {
            return (nil, error.number)
        } catch {
            return (nil, EIO)
        }
    }

    private func read(_ random: inout PropertyTests.Generator) {
        guard let history = histories.randomElement(using: &random),
            let mount = mounts.randomElement(using: &random)
        else { return }
        let generation = mount.generation
        let begin = ContinuousClock.now
        let (text, number) = content(mount, history)
        // Without its mount the path is another one.
        guard generation % 2 == 1, mount.generation == generation else { return }
        guard number == 0 || number == ENOENT else { return failed(number, history.path) }
        guard history.mayHaveBeen(text, from: begin, to: .now, age: Self.age) else {
            // A program of the same machine that truncates the file makes the kernel cut what others read of it at that
            // very moment.
            if number == 0, history.mayHaveBegun(with: text ?? "") {
                return figures.withLock { $0.cut += 1 }
            }
            let seen = text?.prefix(20) ?? (number == 0 ? "nothing at all" : "none")
            let stored = simulator.cloud.attribute(vm: history.vm, name: history.name)?.scalar
            return problem(
                "\(history.path) was read as \(seen); it was \(history.words); the server has"
                    + " \(stored?.prefix(20) ?? "none")")
        }
        usleep(.random(in: 0...20_000, using: &random))
    }

    /// The contract's errnos, and those of a mount that is not there.
    private static let errnos: Set<Int32> = [EACCES, EIO, EHOSTUNREACH, ETIMEDOUT, EINTR]
    private static let unmounted: Set<Int32> = [ENOTCONN, ECONNABORTED, ENODEV, EBADF]

    private func failed(_ number: Int32, _ path: String) {
        figures.withLock { $0.failures[number, default: 0] += 1 }
        if !Self.errnos.contains(number) { problem("\(path): \(String(cString: strerror(number)))") }
    }

    private func change(_ history: History, _ random: inout PropertyTests.Generator) {
        guard let mount = mounts.randomElement(using: &random) else { return }
        let generation = mount.generation
        let number: Int32
        let count = counter.add(1, ordering: .relaxed).newValue
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return act("s\(count)", mount, history, generation)
        case 1...2:
            history.begin(nil)
            let result = call("unlink") { unlink(mount.path + "/" + history.path) }
            number = result == 0 ? 0 : errno
        default:
            let length = [0, 0, 100, 3000, 8000].randomElement(using: &random) ?? 0
            let value = "\(count) " + String(repeating: "x", count: length) + "."
            history.begin(value)
            number = write(value, mount.path + "/" + history.path)
        }
        let stored = simulator.cloud.attribute(vm: history.vm, name: history.name)?.scalar
        if number == 0 {
            history.acknowledged()
            figures.withLock { $0.acknowledged += 1 }
            if !history.mayBe(stored) {
                problem(
                    "\(history.path) was acknowledged, and is \(stored?.prefix(20) ?? "none"), not \(history.words)"
                )
            }
        } else {
            if stored == "", !history.mayBe(stored) {
                // The kernel says of a write that it does not even send us no more than that the file was closed.
                history.begin("")
                figures.withLock { $0.emptied += 1 }
            }
            if !history.mayBe(stored) {
                problem(
                    "\(history.path) is \(stored?.prefix(20) ?? "none"), which nobody wrote: \(history.words)"
                )
            }
            // What a killed daemon had sent, the server may do later than what is asked for now.
            if Self.unmounted.contains(number) { usleep(500_000) }
            if generation % 2 == 1, mount.generation == generation, number != ENOENT || !history.mayBe(nil) {
                failed(number, history.path)
            }
        }
        usleep(.random(in: 0...20_000, using: &random))
    }

    private func write(_ value: String, _ path: String) -> Int32 {
        let descriptor = call("open") { open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else { return errno }
        let bytes = Array((value + "\n").utf8)
        let count = call("write") { Glibc.write(descriptor, bytes, bytes.count) }
        let number = count == bytes.count ? 0 : errno
        let closed = call("close") { close(descriptor) }
        return number != 0 ? number : closed == 0 ? 0 : errno
    }

    /// An action is sent at most once, and once if it is said to be done.
    private func act(_ name: String, _ mount: TroubledMount, _ history: History, _ generation: Int) {
        let path = mount.path + "/vm/\(history.vm)/control"
        let descriptor = call("open") { open(path, O_WRONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return }
        let bytes = Array("snapshot_create \(name)\n".utf8)
        let before = simulator.requestCount
        var results = [call("write") { Glibc.write(descriptor, bytes, bytes.count) }]
        // As a program does that tries again what failed.
        if results[0] != bytes.count {
            results.append(call("write") { Glibc.write(descriptor, bytes, bytes.count) })
        }
        call("close") { _ = close(descriptor) }
        let sent = simulator.requests.filter {
            $0.number > before && $0.method == "POST" && $0.status != 401 && $0.body.contains("\"\(name)\"")
        }
        figures.withLock { $0.actions += 1 }
        let isDone = results.last == bytes.count
        if sent.count > 1 || isDone && sent.isEmpty {
            problem("the action \(name) was sent \(sent.count) times; write(2) gave \(results)")
        }
    }
}
