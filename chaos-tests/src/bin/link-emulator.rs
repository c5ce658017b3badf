//! Emulates the wide-area network between the cities for node processes that
//! run on one machine: one route per pair of nodes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use registry_chaos_tests::cluster::NodeConfig;
use registry_chaos_tests::link::{
    LinkControl, LinkEmulator, LinkQuality, listen, routes_between, serve,
};
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
    #[arg(required_unless_present = "send", conflicts_with = "send")]
    configs: Vec<PathBuf>,
    /// Round-trip time between the cities, half of it each way.
    #[arg(long, default_value_t = 12)]
    rtt_ms: u64,
    /// Between the cities everything takes up to so much more, each way, at random.
    #[arg(long, default_value_t = 0)]
    jitter_ms: u64,
    /// What each route between the cities carries in each direction, in
    /// millions of bytes; without it, whatever the machine can.
    #[arg(long, value_parser = rate)]
    bandwidth_mb_per_s: Option<u64>,
    /// Decides every jitter.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Takes commands at this Unix socket, one JSON object per line.
    #[arg(long)]
    control: Option<PathBuf>,
    /// Sends this command to the emulator at `--control`, prints the answer and ends.
    #[arg(long, requires = "control", value_name = "JSON")]
    send: Option<String>,
}

/// Bytes per second from millions of them.
fn rate(text: &str) -> Result<u64, String> {
    let mb_per_s: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    let bytes_per_s = mb_per_s * 1e6;
    match (1.0..=1e12).contains(&bytes_per_s) {
        true => Ok(bytes_per_s as u64),
        false => Err("between 0.000001 and 1000000 MB/s".to_owned()),
    }
}

impl Args {
    fn quality(&self) -> LinkQuality {
        LinkQuality {
            rtt: Duration::from_millis(self.rtt_ms),
            jitter: Duration::from_millis(self.jitter_ms),
            bytes_per_s: self.bandwidth_mb_per_s,
            seed: self.seed,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    match (&args.send, &args.control) {
        (Some(command), Some(control)) => {
            let reply = LinkControl::at(control).send(command).await?;
            writeln!(std::io::stdout(), "{reply}")?;
            Ok(())
        }
        _ => emulate(&args).await,
    }
}

async fn emulate(args: &Args) -> anyhow::Result<()> {
    let configs = args
        .configs
        .iter()
        .map(|path| NodeConfig::read(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let links = LinkEmulator::start_with(routes_between(&configs)?, args.quality()).await?;
    let links = Arc::new(links);
    let control = match &args.control {
        Some(path) => Some(tokio::spawn(serve(Arc::clone(&links), listen(path).await?))),
        None => None,
    };
    announce(args, &links)?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    if let (Some(task), Some(path)) = (control, &args.control) {
        task.abort();
        // Whoever comes next removes what is left.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

fn announce(args: &Args, links: &LinkEmulator) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for route in links.routes() {
        let distance = match route.from_city == route.to_city {
            true => "no distance",
            false => "between cities",
        };
        writeln!(
            out,
            "{} -> {}: {} -> {}, {distance}",
            route.from_node, route.to_node, route.near, route.far
        )?;
    }
    write!(out, "between cities: {} ms round trip, ", args.rtt_ms)?;
    write!(out, "up to {} ms jitter each way (seed {}), ", args.jitter_ms, args.seed)?;
    match args.bandwidth_mb_per_s {
        Some(bytes_per_s) => writeln!(out, "{bytes_per_s} bytes/s per route and direction")?,
        None => writeln!(out, "no limit of bandwidth")?,
    }
    if let Some(path) = args.control.as_deref().map(Path::display) {
        writeln!(out, "commands at {path}")?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    Ok(())
}
