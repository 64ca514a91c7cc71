/// The product's version.
public enum Version {
    /// As `onegatefs --version` prints it.
    public static let text = "0.1.0"
}
