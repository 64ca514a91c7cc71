/// A small generator of random numbers, the same for the same seed (SplitMix64, by Steele, Lea
/// and Flood: "Fast Splittable Pseudorandom Number Generators").
package struct PollJitter: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Guests must have different seeds, or they poll in step.
    package init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A random number in a range, every one as likely.
    package mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        let unit = Double(next() >> 11) * 0x1p-53
        return range.lowerBound + unit * (range.upperBound - range.lowerBound)
    }
}
