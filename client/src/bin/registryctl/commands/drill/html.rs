//! A report for people: one page that needs nothing beside it.

use std::fmt::Write as _;

use super::report::{DrillReport, Measure};
use super::session::Session;
use super::svg::{escaped, timeline};

const STYLE: &str = "
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem;
  color: #1b2430; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .6rem 0; }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid #d8dee6; }
.passed { color: #136f3a; } .not { color: #a8211b; }
svg { width: 100%; height: auto; font-size: 11px; }
code { font-size: .9em; word-break: break-all; }
.measured { fill: #f4ead1; } .leader { fill: #136f3a; } .follower { fill: #8fb8de; }
.candidate { fill: #d79b2e; } .learner { fill: #c9c3e6; } .down { fill: #3a3f47; }
.waiting { fill: #e3e7ec; } .superseded { fill: #b06a9a; }
.answered { fill: #3f7cb8; } .failed, .gap { fill: #cf3d35; } .gap { fill-opacity: .35; }
.granted { fill: #136f3a; } .refused { fill: #a9b2bd; }
.step { stroke: #1b2430; stroke-width: .5; stroke-dasharray: 2 3; }
.number, .axis { text-anchor: middle; } .axis { fill: #5b6673; }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
";

/// States with the colour of their bars, as in [`STYLE`].
const KEY: [(&str, &str); 8] = [
    ("leader", "#136f3a"),
    ("follower", "#8fb8de"),
    ("candidate", "#d79b2e"),
    ("learner", "#c9c3e6"),
    ("down", "#3a3f47"),
    ("waiting to be formed", "#e3e7ec"),
    ("superseded", "#b06a9a"),
    ("no answer", "#cf3d35"),
];

/// A whole HTML document.
pub(super) fn page(report: &DrillReport) -> String {
    let mut out = String::new();
    let add = &mut out;
    let verdict = if report.passed { "passed" } else { "failed" };
    let class = if report.passed { "passed" } else { "not" };
    let layout = escaped(&report.conditions.layout);
    let title = format!("Drill {}, {layout}", report.name);
    put(
        add,
        &format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: \
             {verdict}</title><style>{STYLE}</style></head><body><h1>{title}: \
             <span class=\"{class}\">{verdict}</span></h1>"
        ),
    );
    failures(add, report);
    measures(add, &report.measures);
    facts(add, report);
    for (number, session) in report.sessions.iter().enumerate() {
        session_of(add, number + 1, session);
    }
    put(add, "</body></html>\n");
    out
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

fn failures(out: &mut String, report: &DrillReport) {
    if report.failures.is_empty() {
        return;
    }
    put(out, "<ul class=\"not\">");
    for failure in &report.failures {
        put(out, &format!("<li>{}</li>", escaped(failure)));
    }
    put(out, "</ul>");
}

fn measures(out: &mut String, measures: &[Measure]) {
    let limit = |of: Option<u64>| of.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    put(
        out,
        "<table><tr><th>event</th><th>runs</th><th>RTO p50</th><th>allowed</th><th>RTO p99</th>\
         <th>allowed</th></tr>",
    );
    for of in measures {
        put(
            out,
            &format!(
                "<tr><td>{}</td><td>{}</td><td>{} ms</td><td>{}</td><td>{} ms</td><td>{}</td></tr>",
                of.event,
                of.runs,
                of.rto_ms_p50,
                limit(of.limit_ms_p50),
                of.rto_ms_p99,
                limit(of.limit_ms_p99)
            ),
        );
    }
    put(out, "</table>");
}

fn facts(out: &mut String, report: &DrillReport) {
    let conditions = &report.conditions;
    let rtt = conditions.rtt_ms.map_or("real".to_owned(), |ms| format!("{ms} ms, emulated"));
    let rows = [
        ("Log entries lost (RPO)", report.rpo_entries.to_string()),
        (
            "Acknowledged writes",
            format!("{}, of them lost: {}", report.acknowledged, report.acknowledged_lost),
        ),
        ("Failed requests", report.failed_requests.to_string()),
        (
            "Split brain",
            format!(
                "{} request ids asked for on both sides, each for another amount; granted on \
                 both: {}",
                report.contested, report.split_brain_writes
            ),
        ),
        ("Cluster", conditions.target.clone()),
        ("Round trip between the cities", rtt),
        ("Machine", conditions.machine()),
    ];
    put(out, "<table>");
    for (name, value) in rows {
        put(out, &format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(&value)));
    }
    put(out, "</table>");
}

fn session_of(out: &mut String, number: usize, session: &Session) {
    put(out, &format!("<h2>Cluster {number}</h2><p class=\"key\">"));
    for (state, colour) in KEY {
        put(out, &format!("<span style=\"background:{colour}\"></span>{state}"));
    }
    put(out, "</p>");
    put(out, &timeline(session));
    put(out, "<h2>What was done and found</h2><table>");
    for (number, step) in session.steps.iter().enumerate() {
        put(
            out,
            &format!(
                "<tr><td>{}</td><td>{:.3} s</td><td>{}</td></tr>",
                number + 1,
                step.at_ms as f64 / 1_000.0,
                escaped(&step.what)
            ),
        );
    }
    put(out, "</table><h2>States at the end</h2><table>");
    for of in &session.digests {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<tr><td>{}</td><td>log index {}</td><td><code>{}</code></td></tr>",
            escaped(&of.node),
            of.log_index,
            of.state_sha256
        );
    }
    put(out, "</table>");
}
