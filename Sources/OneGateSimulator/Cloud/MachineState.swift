/// The states of a VM and their names, as the core numbers them (`include/VirtualMachine.h`).
public enum MachineState {
    /// The names of the states, by number; nil where there is none.
    public static let names: [String?] = [
        "INIT", "PENDING", "HOLD", "ACTIVE", "STOPPED", "SUSPENDED", "DONE", nil, "POWEROFF", "UNDEPLOYED",
        "CLONING", "CLONING_FAILURE",
    ]

    /// The names of the states inside ACTIVE, by number; nil where there is none.
    public static let lifecycleNames: [String?] = [
        "LCM_INIT", "PROLOG", "BOOT", "RUNNING", "MIGRATE", "SAVE_STOP", "SAVE_SUSPEND", "SAVE_MIGRATE",
        "PROLOG_MIGRATE", "PROLOG_RESUME", "EPILOG_STOP", "EPILOG", "SHUTDOWN", nil, nil, "CLEANUP_RESUBMIT",
        "UNKNOWN", "HOTPLUG", "SHUTDOWN_POWEROFF", "BOOT_UNKNOWN", "BOOT_POWEROFF", "BOOT_SUSPENDED",
        "BOOT_STOPPED", "CLEANUP_DELETE", "HOTPLUG_SNAPSHOT", "HOTPLUG_NIC", "HOTPLUG_SAVEAS",
        "HOTPLUG_SAVEAS_POWEROFF", "HOTPLUG_SAVEAS_SUSPENDED", "SHUTDOWN_UNDEPLOY", "EPILOG_UNDEPLOY",
        "PROLOG_UNDEPLOY", "BOOT_UNDEPLOY",
    ]

    static let pending = 1
    static let hold = 2
    static let active = 3
    static let stopped = 4
    static let suspended = 5
    static let done = 6
    static let poweroff = 8
    static let undeployed = 9
    static let cloning = 10

    static let running = 3

    /// The number of a state's name: of one inside ACTIVE as `(3, number)`, of another as `(number, 0)`.
    public static func numbers(named name: String) -> (state: Int, lifecycle: Int)? {
        if name == "ACTIVE" { return (active, running) }
        if let number = names.firstIndex(of: name) { return (number, 0) }
        return lifecycleNames.firstIndex(of: name).map { (active, $0) }
    }

    /// The name that the core uses in messages: inside ACTIVE that of the inner state.
    static func name(state: Int, lifecycle: Int) -> String {
        let list = state == active ? lifecycleNames : names
        let number = state == active ? lifecycle : state
        return (list.indices.contains(number) ? list[number] : nil) ?? String(number)
    }
}

/// The states of a OneFlow service and of its roles, as OneFlow numbers them.
enum FlowState {
    static let pending = 0
    static let deploying = 1
    static let running = 2
    static let warning = 4
    static let scaling = 8
    static let cooldown = 10
}
