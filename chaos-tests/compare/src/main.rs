//! Settles the benchmark's trades on other systems, each replicated to three
//! nodes with every commit on disk in a majority, on the same machine in the
//! same run, and prints how they compare.
//!
//! Everything shares one machine's processors, the client included; what a
//! ratio says is how much work each system does for the same trade.

mod drive;
mod etcd;
mod measure;
mod postgres;
mod registry;
mod report;
mod servers;
mod tigerbeetle;
mod trades;

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum, value_parser};
use registry_chaos_tests::cluster::repository_root;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use drive::Bounds;
use measure::Figures;
use report::Rounds;

/// Of every system.
const NODES: u32 = 3;

/// Compares the registry with other systems and writes target/bench/compare.json.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Systems to measure.
    #[arg(long, value_delimiter = ',', default_value = "registry,postgres,etcd,tigerbeetle")]
    systems: Vec<System>,
    /// Trades in batches, per system and round.
    #[arg(long, default_value_t = 200_000, value_parser = value_parser!(u64).range(1..))]
    trades: u64,
    /// Trades one by one, per system and round; the registry's are the benchmark's.
    #[arg(long, default_value_t = 20_000, value_parser = value_parser!(u64).range(1..))]
    single_trades: u64,
    /// Nothing more is sent after so long in one case, the registry's excepted.
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u64).range(1..))]
    seconds: u64,
    /// The systems take turns so often; the figures are medians.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the report goes; the systems work in folders below it.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    tigerbeetle: tigerbeetle::Location,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum System {
    Registry,
    Postgres,
    Etcd,
    Tigerbeetle,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Registry => "registry",
            Self::Postgres => "PostgreSQL",
            Self::Etcd => "etcd",
            Self::Tigerbeetle => "TigerBeetle",
        })
    }
}

/// How the trades are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Thousands in one request.
    Batches,
    /// One in one request, many requests at once.
    Single,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batches => f.pad("batches"),
            Self::Single => write!(f, "{} callers", drive::CALLERS),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let out = args.out.clone().unwrap_or_else(|| repository_root().join("target/bench"));
    std::fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize().with_context(|| format!("finding {}", out.display()))?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    // Dropping a run stops its processes.
    let rounds = tokio::select! {
        rounds = Box::pin(all_rounds(&args, &out)) => rounds?,
        _ = interrupted.recv() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    };
    let path = out.join("compare.json");
    rounds.write(&path)?;
    say(&rounds.table().to_string())?;
    say("Latencies are of one request: a batch, or one trade.")?;
    say(&format!("Written to {}", path.display()))?;
    rounds.ended_well()
}

async fn all_rounds(args: &Args, out: &Path) -> anyhow::Result<Rounds> {
    let bounds = Bounds {
        batched_trades: args.trades,
        single_trades: args.single_trades,
        longest: Duration::from_secs(args.seconds),
    };
    let mut installed = Vec::new();
    let mut rounds = Rounds::default();
    for system in &args.systems {
        match Programs::find(*system, args) {
            Ok(programs) => installed.push((*system, programs)),
            Err(absent) => {
                say(&format!("{system}: {absent:#}"))?;
                rounds.absent(*system, &absent);
            }
        }
    }
    for round in 1..=args.rounds {
        for (system, programs) in &installed {
            if rounds.has_failed(*system) {
                continue;
            }
            say(&format!("{system}, round {round} of {} ...", args.rounds))?;
            match programs.run(out, bounds).await {
                Ok(measured) => rounds.add(*system, measured),
                Err(error) => {
                    say(&format!("{system} FAILED: {error:#}"))?;
                    rounds.fail(*system, &error);
                }
            }
        }
    }
    Ok(rounds)
}

/// What is needed to run a system.
enum Programs {
    Registry(registry::Program),
    Postgres(postgres::Programs),
    Etcd(etcd::Program),
    Tigerbeetle(tigerbeetle::Cluster),
}

impl Programs {
    fn find(system: System, args: &Args) -> anyhow::Result<Self> {
        match system {
            System::Registry => registry::Program::find().map(Self::Registry),
            System::Postgres => postgres::Programs::find().map(Self::Postgres),
            System::Etcd => etcd::Program::find().map(Self::Etcd),
            System::Tigerbeetle => {
                tigerbeetle::Cluster::find(&args.tigerbeetle).map(Self::Tigerbeetle)
            }
        }
    }

    async fn run(&self, out: &Path, bounds: Bounds) -> anyhow::Result<Vec<(Kind, Figures)>> {
        match self {
            Self::Registry(program) => registry::run(program, out, bounds).await,
            Self::Postgres(programs) => postgres::run(programs, out, bounds).await,
            Self::Etcd(program) => etcd::run(program, out, bounds).await,
            Self::Tigerbeetle(cluster) => tigerbeetle::run(cluster, out, bounds).await,
        }
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing to standard output")
}
