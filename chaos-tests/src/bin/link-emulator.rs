//! Emulates the wide-area network between the cities for node processes that
//! run on one machine: one delayed route per pair of nodes.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use registry_chaos_tests::cluster::NodeConfig;
use registry_chaos_tests::link::{LinkEmulator, routes_between};
use tokio::signal::unix::{SignalKind, signal};

/// Joins the cities of a cluster whose nodes run on one machine.
///
/// A link stands wherever a node's file dials a member at an address that is
/// not that member's own listener. Prints "ready" when every link listens,
/// and runs until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Configuration files of all nodes.
    #[arg(required = true)]
    configs: Vec<PathBuf>,
    /// Round-trip time between the cities, half of it each way.
    #[arg(long, default_value_t = 12)]
    rtt_ms: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let configs = args
        .configs
        .iter()
        .map(|path| NodeConfig::read(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let links =
        LinkEmulator::start(routes_between(&configs)?, Duration::from_millis(args.rtt_ms)).await?;
    let mut out = std::io::stdout().lock();
    for route in links.routes() {
        writeln!(out, "{} -> {}: {} -> {}", route.from_node, route.to_node, route.near, route.far)?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    drop(out);
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
