// swift-tools-version: 6.1
import PackageDescription

// libFuzzer brings a `main` of its own and wants everything instrumented, so its driver is only built when it is asked for
// (scripts/fuzz). Else the same properties are a test.
let fuzzed: [Target.Dependency] = [
    "FUSE", "OneGate", "OneGateFS", "OneGateSimulator",
    .product(name: "OrderedCollections", package: "swift-collections"),
]
let fuzzing: Target =
    Context.environment["ONEGATEFS_FUZZING"] == nil
    ? .testTarget(
        name: "FuzzTests", dependencies: fuzzed, path: "Fuzzing", exclude: ["Driver"],
        sources: ["Properties", "Replay"], resources: [.copy("Corpus")])
    : .executableTarget(
        name: "fuzz", dependencies: fuzzed, path: "Fuzzing", exclude: ["Replay", "Corpus"],
        sources: ["Properties", "Driver"])

let package = Package(
    name: "onegatefs",
    products: [
        .executable(name: "onegatefs", targets: ["onegatefs"]),
        .executable(name: "onegate-simulator", targets: ["onegate-simulator"]),
        .library(name: "FUSE", targets: ["FUSE"]),
        .library(name: "OneGate", targets: ["OneGate"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.10.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.36.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CFUSE", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"]), .yum(["fuse3-devel"])]),
        .target(name: "FUSE", dependencies: ["CFUSE"]),
        .target(
            name: "OneGate",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "OneGateSimulator",
            dependencies: [
                "OneGate",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "OneGateFS",
            dependencies: [
                "FUSE", "OneGate",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .executableTarget(
            name: "onegatefs",
            dependencies: [
                "OneGateFS",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            // The static runtime asks for every symbol to be exported, which keeps alive what nobody calls:
            // 3 MB. Only plug-ins would need them.
            linkerSettings: [
                .unsafeFlags(["-Xlinker", "--no-export-dynamic"], .when(configuration: .release))
            ]),
        .executableTarget(
            name: "onegate-simulator",
            dependencies: [
                "OneGateSimulator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "FUSETests", dependencies: ["FUSE"]),
        .testTarget(
            name: "OneGateTests",
            dependencies: [
                "OneGate",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            resources: [.copy("Recordings")]),
        .testTarget(
            name: "OneGateSimulatorTests", dependencies: ["OneGateSimulator"],
            resources: [.copy("Recordings")]),
        .executableTarget(
            name: "poll-simulation", dependencies: ["OneGateFS"], path: "Benchmarks/PollSimulation"),
        .executableTarget(
            name: "microbenchmarks", dependencies: ["FUSE", "OneGate", "OneGateFS"], path: "Benchmarks/Micro"),
        .executableTarget(name: "hello", dependencies: ["FUSE"], path: "Examples/Hello"),
        .executableTarget(
            name: "vm-show",
            dependencies: ["OneGate", .product(name: "Logging", package: "swift-log")],
            path: "Examples/VMShow"),
        .testTarget(name: "OneGateFSTests", dependencies: ["OneGateFS", "poll-simulation"]),
        .testTarget(
            name: "MountTests",
            dependencies: ["OneGate", "OneGateSimulator", "onegatefs", "onegate-simulator"]),
        fuzzing,
    ],
    swiftLanguageModes: [.v6]
)
