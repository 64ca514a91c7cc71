/// How the cloud and its OneGate server are configured, and what of it is out of order.
public struct Settings: Sendable {
    /// What a guest may do, by resource and action, as in `onegate-server.conf`.
    public struct Permissions: Hashable, Sendable {
        /// `vm.update` and so on.
        public private(set) var denied: Set<String> = []

        /// Everything is allowed.
        public init() {}

        /// Nothing is allowed.
        public static var none: Permissions {
            var permissions = Permissions()
            for name in all { permissions.denied.insert(name) }
            return permissions
        }

        /// Every permission that there is, as `resource.action`.
        public static let all = [
            "vm.show", "vm.show_by_id", "vm.update", "vm.update_by_id", "vm.action_by_id", "service.show",
            "service.change_cardinality", "vrouter.show", "vnet.show_by_id",
        ]

        /// One permission, as `resource.action`.
        public subscript(name: String) -> Bool {
            get { !denied.contains(name) }
            set { if newValue { denied.remove(name) } else { denied.insert(name) } }
        }
    }

    /// Attributes that guests may neither change nor erase; upper case, as the server compares them.
    public var restrictedAttributes = ["SCHED_REQUIREMENTS", "SERVICE_ID", "ROLE_NAME"]
    /// Actions that guests may not ask for; lower case, as the server compares them.
    public var restrictedActions = ["reboot"]
    /// Attributes that the core itself restricts to administrators: `NAME`, or `NAME/KEY` of a vector.
    public var coreRestrictedAttributes = [
        "CONTEXT/FILES", "NIC/MAC", "NIC/VLAN_ID", "NIC/BRIDGE", "NIC_ALIAS/MAC", "DISK/ORIGINAL_SIZE",
        "DEPLOY_ID", "CPU_COST", "MEMORY_COST", "DISK_COST", "PCI", "EMULATOR", "RAW/DATA", "USER_PRIORITY",
        "USER_INPUTS/CPU", "USER_INPUTS/MEMORY", "USER_INPUTS/VCPU", "TOPOLOGY/PIN_POLICY",
        "TOPOLOGY/HUGEPAGE_SIZE",
    ]
    /// What the server shows of a virtual network's template, in this order.
    public var networkAttributes = [
        "NETWORK_ADDRESS", "NETWORK_MASK", "GATEWAY", "GATEWAY6", "DNS", "GUEST_MTU", "METRIC", "IP6_METRIC",
        "SEARCH_DOMAIN",
    ]
    /// What guests may do.
    public var permissions = Permissions()
    /// The base URL that `GET /` tells, when the server stands behind a proxy.
    public var publicURL: String?
    /// OneFlow does not answer: everything about a service is 404.
    public var isOneFlowDown = false
    /// The core does not answer: everybody gets 401.
    public var isCoreDown = false
    /// How long a VM stays in each state on its way to another.
    public var transitionTime: Duration = .zero
    /// How long a role that was scaled up stays in SCALING.
    public var scalingTime: Duration = .zero
    /// How long a role that was scaled stays in COOLDOWN.
    public var cooldownTime: Duration = .zero
    /// How long OneFlow takes to see READY=YES.
    public var readyTime: Duration = .zero
    /// Whether there is a scheduler, which deploys what is PENDING.
    public var hasScheduler = true

    /// The defaults of a fresh installation.
    public init() {}
}
