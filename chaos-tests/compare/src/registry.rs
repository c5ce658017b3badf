//! The registry itself, measured by the benchmark.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use registry_chaos_tests::cluster::find_binary;
use registry_chaos_tests::wait::eventually;
use serde::Deserialize;

use crate::Kind;
use crate::drive::Bounds;
use crate::measure::Figures;
use crate::servers::Servers;

/// The benchmark's case of each kind: one city, as the others have one.
const CASES: [(Kind, &str); 2] =
    [(Kind::Batches, "chunks-one-city"), (Kind::Single, "single-256-callers-one-city")];
const TIMEOUT: Duration = Duration::from_secs(180);

/// The benchmark's executable.
#[derive(Debug)]
pub(crate) struct Program(PathBuf);

/// Of the benchmark's report, what the comparison needs.
#[derive(Debug, Deserialize)]
struct Report {
    cases: Vec<Measured>,
}

#[derive(Debug, Deserialize)]
struct Measured {
    name: String,
    voters: u32,
    trades: u64,
    trades_per_s: f64,
    cpu_us_per_trade: f64,
    client_cpu_us_per_trade: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
}

impl Program {
    /// # Errors
    /// When the benchmark is not built; says how to.
    pub(crate) fn find() -> anyhow::Result<Self> {
        find_binary("bench", "REGISTRY_BENCH").map(Self)
    }
}

/// Runs the benchmark in a folder below `parent`.
pub(crate) async fn run(
    program: &Program,
    parent: &Path,
    bounds: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    // The benchmark ends its own processes when it is asked to.
    let mut bench = Servers::in_folder(parent, "TERM")?;
    let out = bench.folder().join("bench");
    let arguments = [
        format!("--cases={}", CASES.map(|(_, name)| name).join(",")),
        format!("--trades={}", bounds.batched_trades),
        format!("--out={}", out.display()),
    ];
    bench.start("bench", &program.0, &arguments)?;
    let ended = eventually("the benchmark", TIMEOUT, || {
        let ended = bench.first_exited();
        async move { ended }
    });
    let ended = ended.await.and_then(|status| {
        ensure!(status.success(), "the benchmark ended with {status}");
        Ok(())
    });
    bench.explain(ended)?;
    let path = out.join("report.json");
    let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    figures(&text)
}

fn figures(report: &[u8]) -> anyhow::Result<Vec<(Kind, Figures)>> {
    let report: Report = serde_json::from_slice(report).context("the benchmark's report")?;
    CASES
        .into_iter()
        .map(|(kind, name)| {
            let case = report.cases.iter().find(|case| case.name == name);
            let case = case.with_context(|| format!("the report has no case {name}"))?;
            ensure!(case.voters == crate::NODES, "{name} has {} voters", case.voters);
            let figures = Figures {
                trades: case.trades,
                trades_per_s: case.trades_per_s,
                cpu_us_per_trade: Some(case.cpu_us_per_trade),
                client_cpu_us_per_trade: case.client_cpu_us_per_trade,
                p50_ms: case.p50_ms,
                p99_ms: case.p99_ms,
            };
            Ok((kind, figures))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_s_report_is_read_with_whatever_else_it_has() {
        let case = |name: &str, trades_per_s| {
            format!(
                r#"{{"name": "{name}", "layout": "single-city", "voters": 3, "rtt_ms": 0,
                "trades": 9, "trades_per_s": {trades_per_s}, "cpu_us_per_trade": 7.5,
                "p50_ms": 1.5, "p99_ms": 2.5, "peak_rss_mib": 3.5}}"#
            )
        };
        let report = format!(
            r#"{{"machine": "x", "cases": [{}, {}, {}]}}"#,
            case("other", 1.0),
            case("single-256-callers-one-city", 2.0),
            case("chunks-one-city", 3.0)
        );
        let read = figures(report.as_bytes()).expect("both cases are there");
        let speeds: Vec<(Kind, f64)> =
            read.iter().map(|(kind, figures)| (*kind, figures.trades_per_s)).collect();
        assert_eq!(speeds, [(Kind::Batches, 3.0), (Kind::Single, 2.0)]);
        assert!(figures(br#"{"cases": []}"#).is_err());
    }
}
