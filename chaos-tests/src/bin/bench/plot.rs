//! The load sweep as one SVG drawing: throughput above, latency below, chunks
//! on the left, single trades on the right. It follows the reader's choice of
//! light or dark.

use std::fmt::Write as _;

use crate::report::grouped;
use crate::sweep::{self, Kind, Point};

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 760.0;
/// Of one panel's plot area.
const PANEL_WIDTH: f64 = 390.0;
const PANEL_HEIGHT: f64 = 240.0;
/// Left edges of the columns and upper edges of the rows.
const COLUMNS: [f64; 2] = [82.0, 582.0];
const ROWS: [f64; 2] = [124.0, 452.0];
/// Free space beside the first and the last point of a line.
const INSET: f64 = 18.0;

const STYLE: &str = "
svg { font-family: Helvetica, Arial, sans-serif; font-size: 12px; }
.ground { fill: #fbfbf9; } .ink { fill: #223344; } .soft { fill: #556677; }
.title { font-size: 17px; font-weight: bold; } .head { font-size: 14px; font-weight: bold; }
.grid { stroke: #dfe3e6; stroke-width: 1; } .axis { stroke: #8896a3; stroke-width: 1; }
.line { fill: none; stroke-width: 2; } .rare { stroke-dasharray: 5 4; stroke-width: 1.5; }
.hollow { fill: #fbfbf9; }
.a { stroke: #00795a; color: #00795a; } .b { stroke: #0067b1; color: #0067b1; }
.c { stroke: #c24e00; color: #c24e00; } .full { fill: currentColor; }
@media (prefers-color-scheme: dark) {
.ground { fill: #14181c; } .ink { fill: #e4e9ee; } .soft { fill: #a3b0bc; }
.grid { stroke: #2b333a; } .axis { stroke: #66737f; } .hollow { fill: #14181c; }
.a { stroke: #3cc79b; color: #3cc79b; } .b { stroke: #5cb3f2; color: #5cb3f2; }
.c { stroke: #f29a4a; color: #f29a4a; }
}
";

/// How places are told apart: by colour and by the form of the mark.
const CLASSES: [&str; 3] = ["a", "b", "c"];
const LEGEND: [&str; 3] =
    ["3 nodes, one city", "6 nodes, two cities, no distance", "6 nodes, two cities, 12 ms apart"];

/// Draws the sweep.
pub(crate) fn load(points: &[Point]) -> String {
    let mut out = Drawing::new();
    out.legend();
    let loads: [(Kind, &[usize], [&str; 3]); 2] = [
        (
            Kind::Chunks,
            &sweep::IN_FLIGHT,
            ["Chunks of 4,096 trades", "trades accepted a second", "chunks in flight"],
        ),
        (
            Kind::Single,
            &sweep::CALLERS,
            ["Trades one by one", "trades settled a second", "callers at once"],
        ),
    ];
    for (left, (kind, loads, [title, rate_label, x_label])) in COLUMNS.into_iter().zip(loads) {
        let of_kind: Vec<&Point> = points.iter().filter(|point| point.kind == kind).collect();
        let rates = of_kind.iter().map(|point| point.trades_per_s);
        let rate_scale = match kind {
            Kind::Chunks => Scale::linear(rates),
            Kind::Single => Scale::logarithmic(rates),
        };
        let times = of_kind.iter().flat_map(|point| [point.p50_ms, point.p99_ms]);
        let time_scale = Scale::logarithmic(times);
        let rate = Panel { left, top: ROWS[0], loads, scale: rate_scale };
        let time = Panel { left, top: ROWS[1], loads, scale: time_scale };
        out.text(left, ROWS[0] - 34.0, "head ink", "start", title);
        out.frame(&rate, rate_label, x_label);
        out.frame(&time, "ms from request to answer: p50 solid, p99 dashed", x_label);
        for (index, place) in sweep::PLACES.into_iter().enumerate() {
            let here: Vec<&&Point> =
                of_kind.iter().filter(|point| point.place == place.name).collect();
            let line = |value: fn(&Point) -> f64| -> Vec<(usize, f64)> {
                here.iter().map(|point| (point.load, value(point))).collect()
            };
            out.line(&rate, &line(|point| point.trades_per_s), index, false);
            out.line(&time, &line(|point| point.p99_ms), index, true);
            out.line(&time, &line(|point| point.p50_ms), index, false);
        }
    }
    out.finish()
}

/// One pair of axes.
struct Panel<'a> {
    left: f64,
    top: f64,
    /// The loads tried, at equal distances: each is a multiple of the last.
    loads: &'a [usize],
    scale: Scale,
}

impl Panel<'_> {
    fn x(&self, load: usize) -> f64 {
        let place = self.loads.iter().position(|known| *known == load).unwrap_or(0) as f64;
        let steps = (self.loads.len() - 1).max(1) as f64;
        self.left + INSET + place / steps * (PANEL_WIDTH - 2.0 * INSET)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL_HEIGHT * (1.0 - self.scale.share(value))
    }
}

/// The values of an axis from its lower to its upper end.
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    logarithmic: bool,
}

impl Scale {
    /// From 0, with four to eight ticks at round values.
    fn linear(values: impl Iterator<Item = f64>) -> Self {
        let highest = values.fold(1.0, f64::max);
        let magnitude = 10_f64.powf((highest / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| highest / step <= 8.0)
            .unwrap_or(magnitude * 10.0);
        let count = (highest / step).ceil() as u32;
        let ticks: Vec<f64> = (0..=count).map(|tick| f64::from(tick) * step).collect();
        Self { low: 0.0, high: f64::from(count) * step, ticks, logarithmic: false }
    }

    /// Between round values that hold all of them, with ticks at 1, 2 and 5
    /// times a power of ten.
    fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let lowest = positive.clone().fold(f64::INFINITY, f64::min).min(1e9);
        let highest = positive.fold(0.0, f64::max).max(lowest * 2.0);
        let round: Vec<f64> = (-3..10)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
            .collect();
        let low = round.iter().copied().filter(|tick| *tick <= lowest).fold(1e-3, f64::max);
        let high = round.iter().copied().filter(|tick| *tick >= highest).fold(5e9, f64::min);
        let ticks = round.into_iter().filter(|tick| (low..=high).contains(tick)).collect();
        Self { low, high, ticks, logarithmic: true }
    }

    /// Where a value stands between the lower end, 0, and the upper end, 1.
    fn share(&self, value: f64) -> f64 {
        if self.logarithmic {
            let value = value.max(self.low);
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// The text of an SVG file under way. Writing to a String cannot fail.
struct Drawing(String);

impl Drawing {
    fn new() -> Self {
        let mut out = Self(String::new());
        let _ = writeln!(
            out.0,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"Throughput and latency against load\">\n\
             <style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"
        );
        out.text(28.0, 34.0, "title ink", "start", "Throughput and latency against load");
        out
    }

    fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn stroke(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ =
            writeln!(self.0, "<path class=\"{class}\" d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1}\"/>");
    }

    fn legend(&mut self) {
        let mut x = 30.0;
        for (index, name) in LEGEND.into_iter().enumerate() {
            self.stroke(&format!("line {}", CLASSES[index]), [x, 58.0], [x + 30.0, 58.0]);
            self.mark(x + 15.0, 58.0, index, false);
            self.text(x + 38.0, 62.0, "ink", "start", name);
            x += 72.0 + name.len() as f64 * 6.3;
        }
    }

    /// Grid, axes and their labels.
    fn frame(&mut self, panel: &Panel, y_label: &str, x_label: &str) {
        let (right, bottom) = (panel.left + PANEL_WIDTH, panel.top + PANEL_HEIGHT);
        for tick in &panel.scale.ticks {
            let y = panel.y(*tick);
            self.stroke("grid", [panel.left, y], [right, y]);
            self.text(panel.left - 8.0, y + 4.0, "soft", "end", &label(*tick));
        }
        for load in panel.loads {
            let x = panel.x(*load);
            self.stroke("axis", [x, bottom], [x, bottom + 5.0]);
            self.text(x, bottom + 19.0, "soft", "middle", &grouped(*load as u64));
        }
        self.stroke("axis", [panel.left, bottom], [right, bottom]);
        self.text(panel.left, panel.top - 12.0, "soft", "start", y_label);
        self.text(panel.left + PANEL_WIDTH / 2.0, bottom + 38.0, "soft", "middle", x_label);
    }

    fn line(&mut self, panel: &Panel, points: &[(usize, f64)], index: usize, rare: bool) {
        let at: Vec<(f64, f64)> =
            points.iter().map(|(load, value)| (panel.x(*load), panel.y(*value))).collect();
        let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let class = if rare { "line rare" } else { "line" };
        let _ = writeln!(
            self.0,
            "<path class=\"{class} {}\" d=\"M{}\"/>",
            CLASSES[index],
            path.join(" L")
        );
        for (x, y) in at {
            self.mark(x, y, index, rare);
        }
    }

    /// A circle, square or triangle by the index of the place.
    fn mark(&mut self, x: f64, y: f64, index: usize, hollow: bool) {
        let class = format!("{} {}", CLASSES[index], if hollow { "hollow" } else { "full" });
        let _ = match index {
            0 => writeln!(
                self.0,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.6\"/>"
            ),
            1 => writeln!(
                self.0,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"6.6\" height=\"6.6\"/>",
                x - 3.3,
                y - 3.3
            ),
            _ => writeln!(
                self.0,
                "<path class=\"{class}\" d=\"M{x:.1} {:.1} l4.4 7.8 h-8.8 z\"/>",
                y - 4.8
            ),
        };
    }
}

/// A tick's value: whole numbers grouped, small ones as they are.
fn label(value: f64) -> String {
    if value >= 1.0 || value == 0.0 { grouped(value.round() as u64) } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_values_around_all_points() {
        let linear = Scale::linear([31_000.0, 187_000.0].into_iter());
        assert_eq!((linear.low, linear.high, linear.ticks.len()), (0.0, 200_000.0, 5));
        let logarithmic = Scale::logarithmic([0.7, 34.0].into_iter());
        assert_eq!((logarithmic.low, logarithmic.high), (0.5, 50.0));
        assert_eq!(logarithmic.ticks, [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert!(
            logarithmic.share(0.5).abs() < 1e-9 && (logarithmic.share(50.0) - 1.0).abs() < 1e-9
        );
    }
}
