//! Finds a TigerBeetle cluster, or starts one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::wait::eventually;
use tokio::net::TcpStream;

use super::Location;
use super::ledger::TigerBeetleLedger;
use super::transfers::BATCH_TRADES;
use crate::Kind;
use crate::drive::{Batches, Bounds, drive};
use crate::measure::Figures;
use crate::servers::{Servers, free_ports, on_path, run as run_to_end};

/// One batch is executed while the next is on its way.
const BATCHES: Batches = Batches { trades: BATCH_TRADES, in_flight: 4 };
/// Three replicas share this machine; the default is 1 GiB each.
const CACHE_GRID: &str = "512MiB";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the replicas are.
#[derive(Debug)]
pub(crate) enum Cluster {
    /// Three replicas of this program, in a folder of their own.
    ToStart(PathBuf),
    /// They run already, with accounts of other runs perhaps.
    Running { id: u128, addresses: String, pids: Vec<u32> },
}

impl Cluster {
    /// # Errors
    /// When nothing names a cluster or a server program; says how to get one.
    pub(crate) fn find(location: &Location) -> anyhow::Result<Self> {
        if let Some(addresses) = location.tigerbeetle_addresses.clone() {
            return Ok(Self::Running {
                id: location.tigerbeetle_cluster_id,
                addresses,
                pids: location.tigerbeetle_pids.clone(),
            });
        }
        let program = location.tigerbeetle_server.clone().or_else(|| on_path("tigerbeetle"));
        program.map(Self::ToStart).context(
            "no server: run chaos-tests/compare/tigerbeetle-setup, or give --tigerbeetle-server \
             or --tigerbeetle-addresses",
        )
    }
}

/// Measures both cases; replicas that it starts are stopped again.
pub(crate) async fn run(
    cluster: &Cluster,
    parent: &Path,
    bounds: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    match cluster {
        Cluster::Running { id, addresses, pids } => {
            let ledger = TigerBeetleLedger::create(*id, addresses, BATCHES.in_flight).await?;
            drive(&ledger, pids, BATCHES, bounds).await
        }
        Cluster::ToStart(program) => {
            let mut servers = Servers::in_folder(parent, "KILL")?;
            let measured = async {
                let addresses = start(program, &mut servers).await?;
                let ledger = TigerBeetleLedger::create(0, &addresses, BATCHES.in_flight).await?;
                drive(&ledger, &servers.pids(), BATCHES, bounds).await
            };
            let measured = measured.await;
            servers.explain(measured)
        }
    }
}

async fn start(program: &Path, servers: &mut Servers) -> anyhow::Result<String> {
    let addresses: Vec<String> =
        free_ports(3)?.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let addresses = addresses.join(",");
    for replica in 0..crate::NODES {
        let file = servers.folder().join(format!("{replica}.tigerbeetle")).display().to_string();
        let format = [
            "format".to_owned(),
            "--cluster=0".to_owned(),
            format!("--replica={replica}"),
            format!("--replica-count={}", crate::NODES),
            file.clone(),
        ];
        run_to_end(program, &format, servers.folder()).await?;
        let start = [
            "start".to_owned(),
            format!("--addresses={addresses}"),
            format!("--cache-grid={CACHE_GRID}"),
            file,
        ];
        servers.start(&format!("replica-{replica}"), program, &start)?;
    }
    // The client would fill the screen with its attempts.
    eventually("the replicas", START_TIMEOUT, || async {
        for address in addresses.split(',') {
            TcpStream::connect(address).await?;
        }
        Ok(Some(()))
    })
    .await?;
    Ok(addresses)
}
