/// One diagram of a plot in SVG, with a logarithmic vertical axis.
struct Panel {
    var title: String
    var unit: String
    /// The ends of the axes.
    var across: ClosedRange<Double>
    var up: ClosedRange<Double>
    var marks: [Double]
    var acrossUnit: String
    /// A line from point to point, with gaps where there is no height.
    var curve: [(x: Double, y: Double?)] = []
    /// What is written into the upper right corner.
    var note: String?
    /// Times that are shaded, with what they are.
    var spans: [(range: ClosedRange<Double>, name: String)] = []
    /// Heights that are marked, with what they are.
    var limits: [(y: Double, name: String)] = []
    /// Bars from the bottom, each this wide.
    var bars: [(x: Double, width: Double, y: Double)] = []

    static let size = (width: 560.0, height: 210.0)
    private static let margin = (left: 62.0, right: 14.0, top: 26.0, bottom: 34.0)

    /// The diagram with its upper left corner at a place.
    func svg(x left: Double, y top: Double) -> String {
        let width = Self.size.width - Self.margin.left - Self.margin.right
        let height = Self.size.height - Self.margin.top - Self.margin.bottom
        func x(_ value: Double) -> Double {
            (value - across.lowerBound) / (across.upperBound - across.lowerBound) * width
        }
        func y(_ value: Double) -> Double {
            let decades = Decade.logarithm(up.upperBound) - Decade.logarithm(up.lowerBound)
            let share =
                (Decade.logarithm(max(value, up.lowerBound)) - Decade.logarithm(up.lowerBound)) / decades
            return height * (1 - min(share, 1))
        }
        var out =
            "<g transform=\"translate(\(short(left + Self.margin.left)),\(short(top + Self.margin.top)))\">\n"
        for span in spans {
            let begin = x(span.range.lowerBound)
            let end = x(span.range.upperBound)
            out += "<rect class=\"span\" x=\"\(short(begin))\" y=\"0\" width=\"\(short(end - begin))\""
            out += " height=\"\(short(height))\"/>"
            out += text(span.name, begin + 3, 11, "start", "note")
        }
        var decade = Decade.power(Decade.logarithm(up.lowerBound).rounded(.up))
        while decade <= up.upperBound * 1.0001 {
            out += line(0, y(decade), width, y(decade), "grid")
            out += text(short(decade), -6, y(decade) + 4, "end", "label")
            decade *= 10
        }
        for mark in marks {
            out += line(x(mark), height, x(mark), height + 4, "axis")
            out += text(short(mark), x(mark), height + 16, "middle", "label")
        }
        out += text(acrossUnit, width, height + 29, "end", "label")
        for bar in bars where bar.y > 0 {
            out += "<rect class=\"bar\" x=\"\(short(x(bar.x)))\" y=\"\(short(y(bar.y)))\""
            out += " width=\"\(short(x(bar.x + bar.width) - x(bar.x)))\""
            out += " height=\"\(short(height - y(bar.y)))\"/>"
        }
        for part in curve.split(whereSeparator: { $0.y == nil }) {
            let points = part.map { "\(short(x($0.x), digits: 1)),\(short(y($0.y ?? 0), digits: 1))" }
            out += "<polyline points=\"\(points.joined(separator: " "))\"/>\n"
        }
        if let note { out += text(note, width - 4, 12, "end", "note") }
        for limit in limits {
            out += line(0, y(limit.y), width, y(limit.y), "limit")
            out += text(limit.name, width - 3, y(limit.y) + 11, "end", "note")
        }
        out += "<rect class=\"frame\" width=\"\(short(width))\" height=\"\(short(height))\"/>"
        out += text(title, 0, -9, "start", "title")
        out += text(unit, width, -9, "end", "label")
        return out + "</g>\n"
    }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(short(x1))\" y1=\"\(short(y1))\" x2=\"\(short(x2))\" y2=\"\(short(y2))\"/>\n"
    }

    private func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(short(x))\" y=\"\(short(y))\" text-anchor=\"\(anchor)\">\(text)</text>\n"
    }

}

/// A number with no more digits than a reader needs.
func short(_ number: Double, digits: Int = 2) -> String {
    let scale = Decade.power(Double(digits))
    let rounded = (number * scale).rounded() / scale
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
}
