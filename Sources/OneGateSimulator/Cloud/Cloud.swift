import OneGate
import Synchronization

/// A cloud behind a simulated OneGate: its virtual machines, services, virtual routers, networks and
/// users, and how the server is configured. Tests change it directly; guests change it through
/// HTTP. Every call is atomic.
public final class Cloud: Sendable {
    private let state: Mutex<CloudState>
    private let start = ContinuousClock.now
    private let skipped = Mutex<Duration>(.zero)

    init(_ state: CloudState) { self.state = Mutex(state) }

    /// A cloud without anything.
    public convenience init() { self.init(CloudState()) }

    /// Does something with the state, after everything that was due by now and before everything
    /// that is due at once.
    func withState<Result: Sendable, Failure: Error>(
        _ body: (inout CloudState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let now = ContinuousClock.now - start + skipped.withLock { $0 }
        return try state.withLock { (state) throws(Failure) -> Result in
            state.advance(to: now)
            let result = try body(&state)
            state.advance(to: now)
            return result
        }
    }

    /// How the cloud is configured, and what of it is out of order.
    public var settings: Settings {
        get { withState { $0.settings } }
        set { withState { $0.settings = newValue } }
    }

    /// Changes the settings in one step.
    public func configure(_ body: (inout Settings) -> Void) { withState { body(&$0.settings) } }

    /// Lets time pass at once: transitions, scaling and cooldowns go on as if it had.
    public func elapse(_ duration: Duration) {
        skipped.withLock { $0 += duration }
        withState { _ in }
    }

    // MARK: VMs

    /// The IDs of all VMs, in order.
    public var machines: [Int] { withState { $0.machines.keys.sorted() } }

    /// The token of a VM, or nil.
    public func token(vm: Int) -> String? { withState { $0.machines[vm]?.token } }

    /// Gives a VM another token, as a new instance of it would have; nil for none.
    public func setToken(vm: Int, _ token: String?) { withState { $0.change(vm) { $0.token = token } } }

    /// The user template of a VM as the server shows it, SCHED_MESSAGE too; nil for no such VM.
    public func userTemplate(vm: Int) -> JSON? { withState { $0.machines[vm]?.userTemplate.json } }

    /// An attribute of a VM: a string, an object, or an array when it is repeated. Nil when there is none.
    public func attribute(vm: Int, name: String) -> JSON? {
        withState { $0.machines[vm]?.userTemplate.json(name) }
    }

    /// Stores an attribute exactly as given, as no server would check it: a string, an object of
    /// strings, or an array of both.
    public func setAttribute(vm: Int, name: String, value: JSON) {
        withState { state in
            state.change(vm) { $0.userTemplate.set(name, to: value) }
            state.noticeAttributes(of: vm)
        }
    }

    /// Replaces the whole user template, as `setAttribute` would.
    public func setUserTemplate(vm: Int, _ attributes: JSON) {
        withState { state in
            state.change(vm) { $0.userTemplate = UserTemplate(attributes) }
            state.noticeAttributes(of: vm)
        }
    }

    /// Erases an attribute, and tells whether there was one.
    @discardableResult
    public func eraseAttribute(vm: Int, name: String) -> Bool {
        withState { state in
            var wasThere = false
            state.change(vm) { wasThere = $0.userTemplate.erase(name) }
            return wasThere
        }
    }

    /// The state of a VM by number, and that inside ACTIVE; nil for no such VM.
    public func state(vm: Int) -> (state: Int, lcm: Int)? {
        withState { $0.machines[vm].map { (state: $0.state, lcm: $0.lifecycle) } }
    }

    /// Puts a VM into a state by number; any number, also one that no server knows.
    public func setState(vm: Int, state: Int, lcm: Int = 0) {
        withState {
            $0.change(vm) {
                $0.generation += 1
                ($0.state, $0.lifecycle) = (state, lcm)
            }
        }
    }

    /// Renames a VM.
    public func setName(vm: Int, _ name: String) { withState { $0.change(vm) { $0.name = name } } }

    /// Makes a VM readable for nobody but administrators, or readable again.
    public func setUnreadable(vm: Int, _ isUnreadable: Bool = true) {
        withState { $0.change(vm) { $0.isUnreadable = isUnreadable } }
    }

    /// Gives a VM a NIC on a network, with the next free address or the given one.
    public func attachNIC(vm: Int, network: Int, ip: String? = nil) {
        withState { $0.attachNIC(vm, network: network, ip: ip) }
    }

    /// Takes a NIC, or an alias, away by its NIC_ID.
    @discardableResult
    public func detachNIC(vm: Int, number: Int) -> Bool { withState { $0.detachNIC(vm, number: number) } }

    // MARK: Services

    /// The IDs of the VMs of a role, the oldest first.
    public func machines(service: Int, role: String) -> [Int] {
        withState { state in
            state.services[service]?.roles.first { $0.name == role }?.machines ?? []
        }
    }

    /// Brings a role to a number of VMs, whatever its limits: new ones come, the oldest go.
    public func scale(service: Int, role: String, to cardinality: Int) {
        withState { $0.scale(service: service, role: role, to: cardinality) }
    }

    /// Adds a VM to a role without touching its cardinality, and gives its ID; nil for no such role.
    @discardableResult
    public func addVM(service: Int, role: String) -> Int? {
        withState { $0.addMachines(1, service: service, role: role).first }
    }

    /// Takes a VM out of its role or router and terminates it. Its token goes on working.
    public func removeVM(_ vm: Int) { withState { $0.removeMachine(vm) } }

    /// The state of a service by number, or nil.
    public func state(service: Int) -> Int? { withState { $0.services[service]?.state } }

    /// Puts a service, or one of its roles, into a state by number.
    public func setState(service: Int, role: String? = nil, state number: Int) {
        withState { state in
            state.changeService(service) { service in
                guard let role else { return service.state = number }
                for index in service.roles.indices where service.roles[index].name == role {
                    service.roles[index].state = number
                }
            }
        }
    }

    /// Renames a service.
    public func setName(service: Int, _ name: String) {
        withState { $0.changeService(service) { $0.name = name } }
    }

    /// Deletes a service: its VMs stay, and what asks for it is answered 404.
    public func removeService(_ service: Int) { withState { $0.services[service] = nil } }

    // MARK: Out of order

    /// Whether OneFlow does not answer.
    public var isOneFlowDown: Bool {
        get { settings.isOneFlowDown }
        set { configure { $0.isOneFlowDown = newValue } }
    }

    /// Whether the core does not answer.
    public var isCoreDown: Bool {
        get { settings.isCoreDown }
        set { configure { $0.isCoreDown = newValue } }
    }
}

extension Cloud {
    /// Puts the server's address into the contexts of the VMs.
    func setEndpoint(_ endpoint: String) {
        withState { state in
            state.endpoint = endpoint
            for id in state.machines.keys {
                state.change(id) { machine in
                    guard var context = machine.template["CONTEXT"]?.members else { return }
                    context["ONEGATE_ENDPOINT"] = .string(endpoint)
                    machine.template["CONTEXT"] = .object(context)
                }
            }
        }
    }
}
