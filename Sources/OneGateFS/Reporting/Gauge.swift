/// A value of `.onegatefs/metrics` that goes up and down.
struct Gauge {
    let name: String
    let help: String
    /// A value for each combination of labels, which are written as in `{source="vm"}`.
    let samples: [(labels: String, value: Double)]

    /// A gauge without labels.
    init(_ name: String, _ help: String, _ value: Double) {
        self.init(name, help, [("", value)])
    }

    /// A gauge with a value for each combination of labels. With none it is left out.
    init(_ name: String, _ help: String, _ samples: [(labels: String, value: Double)]) {
        self.name = name
        self.help = help
        self.samples = samples
    }
}
