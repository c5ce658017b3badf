//! Measures the six-node cluster: delivered trades per second with chunks and
//! with single requests, processor time per trade, peak memory.
//!
//! Everything runs on one machine, the client included, so the figures are a
//! floor: they share its processors.

mod cases;
mod chunks;
mod measure;
mod single;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use registry_chaos_tests::cluster::repository_root;
use tokio::signal::unix::{SignalKind, signal};

use cases::{CASES, Case};
use measure::Measured;

/// Measures the cluster and writes target/bench/report.json.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Trades of each case that sends chunks.
    #[arg(long, default_value_t = 200_000)]
    trades: u64,
    /// Cases to run, by name; all when not given.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// Where the report goes; the clusters work in folders below it.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(serde::Serialize)]
struct Report {
    cases: Vec<Measured>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let out = args.out.unwrap_or_else(|| repository_root().join("target/bench"));
    let chosen = chosen(&args.cases)?;
    let mut report = Report { cases: Vec::new() };
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    for case in chosen {
        say(&format!("{} ...", case.name))?;
        let run = Box::pin(case.run(&out, args.trades));
        // Dropping a run stops its processes.
        let measured = tokio::select! {
            measured = run => measured.with_context(|| format!("case {}", case.name))?,
            _ = interrupted.recv() => anyhow::bail!("interrupted"),
            _ = terminated.recv() => anyhow::bail!("terminated"),
        };
        report.cases.push(measured);
    }
    let path = out.join("report.json");
    let text = serde_json::to_string_pretty(&report).context("encoding the report")? + "\n";
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    say(&table(&report.cases).to_string())?;
    say(
        "Latencies are of one request: a chunk's from sending to its answer, or one trade's settlement.",
    )?;
    say(&format!("Written to {}", path.display()))
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Case>> {
    if names.is_empty() {
        return Ok(CASES.iter().collect());
    }
    let find = |name: &String| {
        let known = || CASES.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
        CASES
            .iter()
            .find(|case| case.name == name)
            .with_context(|| format!("no case {name:?}; there are {}", known()))
    };
    names.iter().map(find).collect()
}

fn table(cases: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header([
        "case",
        "layout",
        "voters",
        "RTT ms",
        "trades",
        "trades/s",
        "CPU us/trade",
        "p50 ms",
        "p99 ms",
        "peak RSS MiB",
    ]);
    for case in cases {
        table.add_row([
            case.name.clone(),
            case.layout.clone(),
            case.voters.to_string(),
            case.rtt_ms.to_string(),
            case.trades.to_string(),
            format!("{:.0}", case.trades_per_s),
            format!("{:.1}", case.cpu_us_per_trade),
            format!("{:.1}", case.p50_ms),
            format!("{:.1}", case.p99_ms),
            format!("{:.0}", case.peak_rss_mib),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing to standard output")
}
