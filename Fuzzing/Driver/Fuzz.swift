import Glibc

/// What libFuzzer, which brings `main`, calls with each input; see https://llvm.org/docs/LibFuzzer.html.
///
/// `ONEGATEFS_FUZZING` names the target.
@_cdecl("LLVMFuzzerTestOneInput")
public func checkInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do { try Fuzz.target.check(Array(UnsafeBufferPointer(start: start, count: count))) } catch {
        print("\(Fuzz.target.name): \(error)")
        fflush(nil)
        // libFuzzer keeps the input that leads to this.
        abort()
    }
    return 0
}

enum Fuzz {
    static let target: FuzzTarget = {
        let name = getenv("ONEGATEFS_FUZZING").map { String(cString: $0) }
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            print("ONEGATEFS_FUZZING is to be one of: \(FuzzTarget.all.map(\.name).joined(separator: " "))")
            exit(2)
        }
        return target
    }()
}
