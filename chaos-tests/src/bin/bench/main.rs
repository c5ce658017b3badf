//! Measures the six-node cluster: delivered trades per second with chunks and
//! with single requests, processor time per trade, memory, how all of it goes
//! with the load and with the size of the day.
//!
//! Everything runs on one machine, the client included, so the figures are a
//! floor: they share its processors.

mod bed;
mod cases;
mod day;
mod measure;
mod national;
mod persons;
mod plot;
mod report;
mod single;
mod size;
mod snapshot;
mod stream;
mod sweep;
mod target;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use registry_chaos_tests::cluster::repository_root;
use tokio::signal::unix::{SignalKind, signal};

use cases::{CASES, Case};
use report::{Report, say};
use size::Size;

/// Verifications of pledges.
const VERIFY: &str = "verify";
/// Throughput and latency against load.
const SWEEP: &str = "sweep";
/// Cost of a trade against the size of the day and the number of accounts: a
/// tenth of the national day.
const GROWTH: &str = "growth";
const NATIONAL_DAY: &str = "national-day";
/// Two million persons of an inclusive platform; only when it is named.
const PERSONS: &str = "persons";
/// Snapshots to a node that was away; only when it is named.
const SNAPSHOT: &str = "snapshot";

/// Measures the cluster and writes target/bench/report.json and load.svg.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// What to run, by name; all but the national day, persons and snapshot when not given.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// Trades of each case that sends chunks.
    #[arg(long, default_value_t = 400_000)]
    trades: u64,
    /// Runs the national day too: 5.2 million trades between 3.8 million
    /// accounts, about 20 GB of disk and 12 GB of memory.
    #[arg(long)]
    national: bool,
    /// Share of the national day's accounts and trades.
    #[arg(long, default_value_t = 1.0)]
    national_scale: f64,
    /// Runs everything with counts too small to measure, to see that it works.
    #[arg(long, conflicts_with = "trades")]
    quick: bool,
    /// Where the report goes; the clusters work in folders below it.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What a run does.
struct Plan {
    size: Size,
    cases: Vec<&'static Case>,
    verify: bool,
    sweep: bool,
    /// The national day, or the share of it that shows growth.
    day: Option<(&'static str, f64)>,
    persons: bool,
    snapshot: bool,
}

// One thread: the nodes need the processors, and nothing here runs for long.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let plan = Plan::of(&args)?;
    let out = args.out.unwrap_or_else(|| repository_root().join("target/bench"));
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    // Dropping a run stops its processes.
    tokio::select! {
        done = Box::pin(run(&plan, &out)) => done,
        _ = interrupted.recv() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    }
}

impl Plan {
    fn of(args: &Args) -> anyhow::Result<Self> {
        anyhow::ensure!(args.national_scale > 0.0, "--national-scale must be above 0");
        let size = if args.quick { Size::smoke() } else { Size::full(args.trades) };
        let chosen = |name: &str| args.cases.iter().any(|case| case == name);
        let all = args.cases.is_empty();
        let known: Vec<&str> = CASES
            .iter()
            .map(|case| case.name)
            .chain([VERIFY, SWEEP, GROWTH, NATIONAL_DAY, PERSONS, SNAPSHOT])
            .collect();
        for name in &args.cases {
            let found = known.contains(&name.as_str());
            anyhow::ensure!(found, "no case {name:?}; there are {}", known.join(", "));
        }
        let day = if args.national || chosen(NATIONAL_DAY) {
            Some((NATIONAL_DAY, args.national_scale))
        } else {
            (all || chosen(GROWTH)).then_some((GROWTH, size.growth_scale))
        };
        let cases = CASES.iter().filter(|case| all || chosen(case.name)).collect();
        let (verify, sweep) = (all || chosen(VERIFY), all || chosen(SWEEP));
        let (persons, snapshot) = (chosen(PERSONS), chosen(SNAPSHOT));
        Ok(Self { size, cases, verify, sweep, day, persons, snapshot })
    }
}

async fn run(plan: &Plan, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let path = out.join("report.json");
    let size = &plan.size;
    let mut report = Report {
        processors: measure::processors(),
        fsync_ms: measure::fsync_ms(out)?,
        smoke: size.smoke,
        ..Default::default()
    };
    for case in &plan.cases {
        say(&format!("{} ...", case.name))?;
        let measured = Box::pin(case.run(out, size, report.fsync_ms, &report.cases));
        let measured = measured.await.with_context(|| format!("case {}", case.name))?;
        report.cases.push(measured);
        report.write(&path)?;
    }
    if plan.verify {
        say(&format!("{VERIFY} ..."))?;
        report.verify = Box::pin(verify::run(out, size)).await.context(VERIFY)?;
        report.write(&path)?;
    }
    for place in sweep::PLACES.into_iter().filter(|_| plan.sweep) {
        say(&format!("{SWEEP} {} ...", place.name))?;
        let points = Box::pin(sweep::run(out, place, size));
        report.sweep.extend(points.await.with_context(|| format!("{SWEEP} {}", place.name))?);
        report.write(&path)?;
    }
    if let Some((name, scale)) = plan.day {
        say(&format!("{name} ..."))?;
        let measured = Box::pin(national::run(out, scale, size.smoke));
        let (national, growth) = measured.await.with_context(|| format!("case {name}"))?;
        (report.national, report.growth) = (Some(national), growth);
        report.write(&path)?;
    }
    if plan.persons {
        say(&format!("{PERSONS} ..."))?;
        let measured = Box::pin(persons::run(out, size.smoke)).await;
        report.persons = Some(measured.with_context(|| format!("case {PERSONS}"))?);
        report.write(&path)?;
    }
    if plan.snapshot {
        say(&format!("{SNAPSHOT} ..."))?;
        let measured = Box::pin(snapshot::run(out, size.smoke)).await;
        report.snapshots = Some(measured.with_context(|| format!("case {SNAPSHOT}"))?);
        report.write(&path)?;
    }
    report.print()?;
    if plan.sweep {
        let drawn = out.join("load.svg");
        std::fs::write(&drawn, plot::load(&report.sweep))
            .with_context(|| format!("writing {}", drawn.display()))?;
        say(&format!("\nDrawn in {}", drawn.display()))?;
    }
    say(&format!("\nWritten to {}", path.display()))
}
