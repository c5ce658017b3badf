//! The chart of a session: what each node was, what was answered and what was done,
//! over one time axis.

use std::fmt::Write as _;

use super::session::{BUCKET_MS, ContestLine, NodeLine, ProbeLine, Session};

const WIDTH: f64 = 1_160.0;
const LABEL: f64 = 150.0;
const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
/// Room for the numbers of the steps.
const TOP: f64 = 38.0;
/// Answers in a tenth of a second that fill a row.
const FULL: f64 = 40.0;

struct Chart {
    out: String,
    lasted_ms: f64,
    y: f64,
}

/// An SVG element.
pub(super) fn timeline(session: &Session) -> String {
    let rows = session.nodes.len() + session.probes.len() + session.contest.sides.len();
    let height = TOP + ROW * (rows as f64 + 2.0);
    let lasted_ms = (session.lasted_ms.max(1)) as f64;
    let mut chart = Chart { out: String::new(), lasted_ms, y: TOP };
    chart.measured(session, height);
    for node in &session.nodes {
        chart.node(node);
    }
    for probe in &session.probes {
        chart.probe(probe);
    }
    chart.contest(&session.contest);
    chart.steps(session, height);
    chart.axis(height);
    format!(
        "<svg viewBox=\"0 0 {} {height:.0}\" role=\"img\" aria-label=\"timeline\">{}</svg>",
        WIDTH + LABEL + 10.0,
        chart.out
    )
}

impl Chart {
    fn x(&self, at_ms: u64) -> f64 {
        LABEL + WIDTH * (at_ms as f64 / self.lasted_ms).min(1.0)
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(element);
    }

    fn bar(&mut self, class: &str, from_ms: u64, until_ms: u64, title: &str) {
        let (x, y) = (self.x(from_ms), self.y);
        let width = (self.x(until_ms) - x).max(1.0);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{BAR}\"><title>{}</title></rect>",
            escaped(title)
        ));
    }

    fn label(&mut self, text: &str) {
        let y = self.y + BAR - 3.0;
        self.add(format_args!("<text x=\"0\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }

    /// Bands behind everything: when an interruption was measured.
    fn measured(&mut self, session: &Session, height: f64) {
        for of in &session.measured {
            let (x, until) = (self.x(of.from_ms), self.x(of.until_ms));
            self.add(format_args!(
                "<rect class=\"measured\" x=\"{x:.1}\" y=\"14\" width=\"{:.1}\" \
                 height=\"{:.1}\"><title>{}: nothing was answered for {} ms</title></rect>",
                (until - x).max(1.0),
                height - ROW - 14.0,
                of.event,
                of.rto_ms
            ));
        }
    }

    fn node(&mut self, node: &NodeLine) {
        self.label(&format!("{} ({})", node.name, node.city));
        let ends = node.changes.iter().skip(1).map(|change| change.at_ms);
        let ends = ends.chain([self.lasted_ms as u64]);
        for (change, until_ms) in node.changes.iter().zip(ends) {
            let title =
                format!("{}: {} {} from {} ms", node.name, change.state, change.more, change.at_ms);
            self.bar(change.state, change.at_ms, until_ms, &title);
        }
        self.y += ROW;
    }

    fn probe(&mut self, probe: &ProbeLine) {
        self.label(&format!("probe, {}", probe.city));
        let width = (WIDTH * BUCKET_MS as f64 / self.lasted_ms).max(1.0);
        for (at_ms, writes, reads, failed) in &probe.answered {
            let (x, bottom) = (self.x(*at_ms), self.y + BAR);
            let height = BAR * (f64::from(writes + reads) / FULL).min(1.0);
            let class = if *failed > 0 { "failed" } else { "answered" };
            let height = if *failed > 0 { BAR } else { height.max(1.0) };
            self.add(format_args!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"{height:.1}\"/>",
                bottom - height
            ));
        }
        for (from_ms, until_ms) in &probe.gaps_ms {
            let title = format!("no write answered for {} ms", until_ms - from_ms);
            self.bar("gap", *from_ms, *until_ms, &title);
        }
        self.y += ROW;
    }

    fn contest(&mut self, contest: &ContestLine) {
        for side in &contest.sides {
            self.label(&format!("same ids, {}", side.city));
            for (at_ms, granted) in &side.asked {
                let (x, y) = (self.x(*at_ms), self.y + BAR / 2.0);
                let class = if *granted { "granted" } else { "refused" };
                self.add(format_args!(
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\"/>"
                ));
            }
            self.y += ROW;
        }
    }

    fn steps(&mut self, session: &Session, height: f64) {
        for (number, step) in session.steps.iter().enumerate() {
            let (x, number) = (self.x(step.at_ms), number + 1);
            // Neighbours at three heights, so that they stay apart.
            let y = 11 + (number % 3) * 10;
            self.add(format_args!(
                "<line class=\"step\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y}\" y2=\"{:.1}\"/>\
                 <text class=\"number\" x=\"{x:.1}\" y=\"{y}\">{number}<title>{}</title></text>",
                height - ROW,
                escaped(&step.what)
            ));
        }
    }

    fn axis(&mut self, height: f64) {
        let seconds = self.lasted_ms / 1_000.0;
        let every = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
        let every = every.into_iter().find(|every| seconds / every <= 12.0).unwrap_or(3_600.0);
        let mut at = 0.0;
        while at <= seconds {
            let x = LABEL + WIDTH * at / seconds;
            self.add(format_args!(
                "<text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\">{at} s</text>",
                height - 6.0
            ));
            at += every;
        }
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
