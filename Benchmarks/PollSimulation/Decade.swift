#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Powers of ten and back.
enum Decade {
    static func power(_ exponent: Double) -> Double { pow(10, exponent) }

    static func logarithm(_ number: Double) -> Double { log10(number) }
}
