//! A node that needs a snapshot gets it, whatever happens to the connection,
//! to itself and to its disk meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::link::{Command, RouteReport};
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::persons::{PLATFORM, grant, owner, owners};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::PlatformClient;

const DATE: &str = "2021-12-16";
const RTT: Duration = Duration::from_millis(12);
const TIMEOUT: Duration = Duration::from_secs(90);
const CHUNK_TRADES: usize = 2_000;
const TRADES: u64 = 100_000;

/// A cluster that one node has missed so much of that it needs a snapshot.
struct Bed {
    cluster: Cluster,
    leader: u64,
    /// In the other city than the leader, and down.
    away: u64,
    log_index: u64,
    /// What the leader will send.
    snapshot_bytes: u64,
}

impl Bed {
    async fn start(name: &str) -> anyhow::Result<Self> {
        let plan = scratch::plan(name, Layout::DualCity, |raft| {
            raft.snapshot_log_bytes = Some(1 << 20);
            raft.snapshot_keep_entries = Some(8);
            raft.lagging_log_bytes = Some(0);
        })?;
        let mut cluster = Cluster::start_bootstrapped(plan, RTT).await?;
        let market =
            Market::set_up(&cluster.officers()?, 40, 10_000_000, 1_000_000_000_000).await?;
        cluster.registry()?.open_day(open_day(DATE)).await?;
        let leader = cluster.leader().await?;
        let other_city = if leader.city == "wuhan" { "shanghai" } else { "wuhan" };
        let away = cluster.nodes_in(other_city)[1];
        cluster.kill(away)?;
        let day = ExchangeDay::new(DATE, market.trades(DATE, 1, TRADES)?)?;
        day.submit(&cluster.exchange()?, CHUNK_TRADES, |_| {}).await?;
        let log_index = cluster.agreed_state(TIMEOUT).await?.log_index;
        eventually("the log that the node misses to be purged everywhere", TIMEOUT, || async {
            let statuses = cluster.statuses(0).await?;
            let purged =
                statuses.iter().all(|status| status.purged_log_index > leader.last_log_index);
            Ok(purged.then_some(()))
        })
        .await?;
        let leader = cluster.leader().await?.node_id;
        let snapshot_bytes = size_of(&snapshots(&cluster, leader))?;
        Ok(Self { cluster, leader, away, log_index, snapshot_bytes })
    }

    /// Bytes that came to the node over all routes.
    fn received(&self) -> anyhow::Result<u64> {
        let to_it = |report: &RouteReport| report.route.to_node == self.away;
        let reports = self.cluster.links()?.report();
        Ok(reports.iter().filter(|it| to_it(it)).map(|it| it.counts.there.bytes_delivered).sum())
    }

    /// Waits until so much of the snapshot has arrived in the node's folder.
    async fn arrived(&self, percent: u64) -> anyhow::Result<()> {
        let folder = snapshots(&self.cluster, self.away);
        eventually("a part of the snapshot to arrive", TIMEOUT, || async {
            let arrived = size_of(&folder).unwrap_or(0);
            Ok((arrived * 100 >= self.snapshot_bytes * percent).then_some(()))
        })
        .await
    }

    /// Waits until the node has what the others have, by a snapshot.
    async fn caught_up(&self) -> anyhow::Result<()> {
        let status = self.cluster.applied(self.away, self.log_index, TIMEOUT).await?;
        assert!(status.counters.expect("counters").snapshots_installed > 0, "not by a snapshot");
        self.cluster.agreed_state(TIMEOUT).await?;
        Ok(())
    }
}

fn snapshots(cluster: &Cluster, node: u64) -> PathBuf {
    let config = cluster.plan().configs().find(|config| config.node.id == node).expect("a node");
    cluster.plan().work_dir().join(&config.node.data_dir).join("snapshots")
}

/// All files below a folder.
fn size_of(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for item in std::fs::read_dir(folder)? {
        let item = item?;
        bytes += match item.file_type()?.is_dir() {
            true => size_of(&item.path())?,
            false => item.metadata()?.len(),
        };
    }
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_snapshot_goes_on_where_it_stopped() -> anyhow::Result<()> {
    let mut bed = Bed::start("snapshot-resume").await?;
    let before = bed.received()?;
    // Some six seconds for the whole.
    let slow = Command::bandwidth(bed.leader, bed.away, bed.snapshot_bytes / 6);
    bed.cluster.links()?.apply_all(&slow);
    bed.cluster.restart(bed.away).await?;

    bed.arrived(25).await?;
    let report = bed.cluster.links()?.report();
    let (one, other) = (bed.leader.into(), bed.away.into());
    let reset = Command::Reset { one, other, refuse_ms: 500 };
    bed.cluster.links()?.apply(&reset);
    bed.arrived(50).await?;
    assert!(reset.bites(&report, &bed.cluster.links()?.report()) > 0, "no connection was lost");

    bed.cluster.kill(bed.away)?;
    bed.cluster.restart(bed.away).await?;
    bed.caught_up().await?;
    let received = bed.received()? - before;
    assert!(
        received < bed.snapshot_bytes * 13 / 10,
        "{received} bytes came for a snapshot of {}",
        bed.snapshot_bytes
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_snapshot_is_enough_under_load_because_the_log_waits_for_who_gets_it()
-> anyhow::Result<()> {
    let mut bed = Bed::start("snapshot-under-load").await?;
    bed.cluster.stop_all().await?;
    // Until here the log waited for nobody; from here on it does.
    for path in bed.cluster.plan().config_paths() {
        let waiting = std::fs::read_to_string(path)?
            .replace("lagging_log_bytes = 0", "lagging_log_bytes = 1073741824");
        std::fs::write(path, waiting)?;
    }
    for id in bed.cluster.node_ids().into_iter().filter(|id| *id != bed.away) {
        bed.cluster.restart(id).await?;
    }
    let leader = bed.cluster.leader().await?;
    let slow = Command::bandwidth(leader.node_id, bed.away, bed.snapshot_bytes / 4);
    bed.cluster.links()?.apply_all(&slow);
    grant(&bed.cluster.officers()?, 1 << 40).await?;
    let platform = PlatformClient::new(bed.cluster.connect_as(&format!("platform-{PLATFORM}"))?);
    bed.cluster.restart(bed.away).await?;
    // Several times what the log keeps for nobody, while the snapshot is under way.
    let rounds = async {
        for round in 0.. {
            let lines: Vec<_> = (1..=20_000).map(|number| (owner(number), 1_000)).collect();
            if round == 0 {
                platform.open_all(PLATFORM, "load", &owners(1, 20_000), |_| {}).await?;
            }
            let first = platform.platform(PLATFORM).await?.last_batch_number + 1;
            let name = format!("load-{round}");
            platform.credit_all(PLATFORM, &name, first, &lines, |_| {}).await?;
            let statuses = bed.cluster.statuses(0).await?;
            let installed = statuses.iter().find(|status| status.node_id == bed.away);
            let installed = installed.and_then(|status| status.counters.as_ref());
            if installed.is_some_and(|counters| counters.snapshots_installed > 0) {
                break;
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(TIMEOUT, rounds).await??;
    let log_index = bed.cluster.leader().await?.applied_log_index;
    let status = bed.cluster.applied(bed.away, log_index, TIMEOUT).await?;
    assert_eq!(status.counters.expect("counters").snapshots_installed, 1, "the log was gone");
    bed.cluster.agreed_state(TIMEOUT).await?;
    Ok(())
}
