import ArgumentParser
import OneGateSimulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@main
struct OneGateSimulatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "onegate-simulator",
        abstract: "A stand-in for a OneGate server, on the loopback interface.",
        discussion: """
            Prints ONEGATE_ENDPOINT=URL once it listens, and runs until SIGINT or SIGTERM. Its cloud \
            is that of OpenNebula's documentation of OneGate: service 3 "PANACEA service" with VMs 8, \
            9 and 10, virtual router 0 with VM 12, and VM 11 alone. Faults and changes by hand are \
            made through /_simulator/.
            """)

    @Option(help: "The TCP port; 0 for any that is free.")
    var port = 0

    @Option(help: ArgumentHelp("A cloud, described in JSON.", valueName: "file"))
    var scenario: String?

    @Option(
        name: .customLong("env-dir"),
        help: ArgumentHelp("Write each VM's environment file to DIR/ID/one_env.", valueName: "dir"))
    var environmentDirectory: String?

    @Option(help: "The server to be like: current, or 6.10.")
    var dialect = Dialect.current

    func run() throws {
        // Blocked before any thread is made, so that all threads inherit it and sigwait gets them.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        let cloud = try scenario.map { try Cloud(scenarioText: try TextFile.read($0)) } ?? .panacea()
        let simulator = try Simulator(cloud: cloud, port: port, dialect: dialect)
        if let environmentDirectory { try simulator.writeEnvironmentFiles(to: environmentDirectory) }
        print("ONEGATE_ENDPOINT=\(simulator.endpoint)")
        fflush(nil)
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        simulator.stop()
    }
}

extension Dialect: ExpressibleByArgument {}
