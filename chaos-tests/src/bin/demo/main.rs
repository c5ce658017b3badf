//! The registry's main job on one machine: two cities of real node processes
//! settle a published day, and everything is stopped again.

mod cluster;
mod console;
mod kept;
mod pledge;
mod report;
mod run;
mod show;
mod year_end;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use registry_chaos_tests::cluster::repository_root;
use tokio::signal::unix::{SignalKind, signal};

use console::Console;

/// Starts six nodes as two cities, settles a published trading day and prints
/// what came of it.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Leave nodes and links running; `demo stop` ends them.
    #[arg(long)]
    keep: bool,
    /// Round-trip time between the cities.
    #[arg(long, default_value_t = 12)]
    rtt_ms: u64,
    /// Day to settle, one of deploy/sample-days/figures.csv.
    #[arg(long, default_value = "2021-12-16")]
    day: String,
    /// What the firms and the single trades are made from.
    #[arg(long, default_value_t = 20_211_216)]
    seed: u64,
    /// Firms that trade.
    #[arg(long, default_value_t = registry_client::sample::DEFAULT_FIRM_COUNT)]
    firms: usize,
    /// Use free ports in place of those in deploy/.
    #[arg(long)]
    free_ports: bool,
    /// Where nodes, certificates, logs and the report go; emptied at the
    /// start. [default: target/demo]
    #[arg(long, global = true)]
    work_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a cluster with a few accounts and leaves it running, with a target file for
    /// `registryctl drill`.
    Cluster(cluster::ClusterArgs),
    /// Ends the processes that `demo --keep` or `demo cluster` left running.
    Stop,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let work_dir = args.work_dir.clone().unwrap_or_else(|| repository_root().join("target/demo"));
    let mut console = Console::new();
    let outcome = match args.command {
        Some(Command::Stop) => stop(&console, &work_dir).await,
        Some(Command::Cluster(of)) => tokio::select! {
            outcome = Box::pin(cluster::start(&console, &of, &work_dir)) => outcome,
            outcome = asked_to_stop() => outcome,
        },
        None => {
            let settings = run::Settings {
                keep: args.keep,
                free_ports: args.free_ports,
                rtt_ms: args.rtt_ms,
                day: args.day,
                seed: args.seed,
                firms: args.firms,
                work_dir,
            };
            // Dropping the run stops its processes.
            tokio::select! {
                outcome = Box::pin(run::run(&mut console, settings)) => outcome,
                outcome = asked_to_stop() => outcome,
            }
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&format!("\nThe demonstration failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn stop(console: &Console, work_dir: &std::path::Path) -> anyhow::Result<()> {
    let mut stopped = Vec::new();
    for folder in cluster::folders(work_dir) {
        stopped.extend(kept::stop(&folder).await?);
    }
    if stopped.is_empty() {
        console.say("Nothing runs.");
    } else {
        console.say(&format!("Stopped {}.", stopped.join(", ")));
    }
    Ok(())
}

/// Ctrl-C or SIGTERM.
async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    anyhow::bail!("asked to stop; every process it had started is stopped")
}
