/// What is simulated. All times are in seconds from the beginning.
package struct Scenario: Sendable {
    /// What happens, in a few words.
    package var name: String
    /// How many guests watch one source each.
    package var guests: Int
    /// What they watch.
    package var source: SimulatedSource
    /// How long it lasts.
    package var duration: Int64
    /// The guests come at random times in this long.
    package var joining: Int64 = 0
    /// When the server refuses connections.
    package var outage: Range<Int64>?
    /// From when on the server needs how many times as long.
    package var slowdown: (from: Int64, factor: Int64)?
    /// Until when others keep the server so busy that guests wait at least so many seconds.
    package var crowd: (until: Int64, wait: Int64)?
    /// The time in which polls are counted for each guest.
    package var settled: Range<Int64>
    /// The interval that guests ask for, and the one that the first guest asks for.
    package var interval = 5.0
    package var greedyInterval = 5.0
    /// In how many of a million answers there is a change.
    package var changesPerMillion: UInt64 = 10_000
    /// The same seed gives the same course of events.
    package var seed: UInt64 = 1

    /// A server that is well all the time, with guests that all come at its beginning.
    package init(
        _ name: String, guests: Int, source: SimulatedSource, duration: Int64, settled: Range<Int64>
    ) {
        self.name = name
        self.guests = guests
        self.source = source
        self.duration = duration
        self.settled = settled
    }

    /// What the plot in `docs/` shows: all guests start at once; after four hours the server is
    /// gone for ten minutes, after six and a half it becomes three times slower for good.
    package static func day(_ name: String, guests: Int, source: SimulatedSource) -> Scenario {
        var day = Scenario(
            name, guests: guests, source: source, duration: 10 * 3600, settled: 2 * 3600..<4 * 3600)
        day.outage = 14_400..<15_000
        day.slowdown = (23_400, 3)
        day.greedyInterval = 0.1
        return day
    }
}
