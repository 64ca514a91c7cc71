import Testing

/// The tests that mount. Each mounts its own file system in a temporary folder, and uses it from child processes.
@Suite(
    "A mounted file system", .timeLimit(.minutes(2)),
    .enabled(
        if: TestMount.isPossible, "needs /dev/fuse, and root or fusermount3: nothing can be mounted here"))
struct MountedTests {}
