//! A copy of a stopped node's data folder, audited without its cluster: the same
//! root and the same state as the cluster had there, and not a byte changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::cluster::{Cluster, Layout, ServedCopy};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::pledging::{Close, offer, pledge, recent_trading_days, settle_close};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::journal::audit_node;
use registry_client::pki::{self, Role};
use registry_client::proto::{Consistency, OpenBankRequest};
use registry_client::{BankClient, FirmClient};

const RTT: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(60);
const FIRMS: u64 = 20;
const TRADES: u64 = 10_000;
const CHUNK_TRADES: usize = 1_000;
/// Followers in both cities; those that do not lead are taken.
const CANDIDATES: [u64; 3] = [12, 13, 23];

/// A settled day, a pledge, and a day that is being delivered.
async fn start() -> anyhow::Result<Cluster> {
    let plan = scratch::plan("audit-copy", Layout::DualCity, |raft| {
        raft.snapshot_log_bytes = Some(256 << 10);
        raft.snapshot_keep_entries = Some(8);
        raft.lagging_log_bytes = Some(0);
    })?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let (officers, exchange) = (cluster.officers()?, cluster.exchange()?);
    let registry = officers.maker();
    let market = Market::set_up(&officers, FIRMS, 10_000_000, 1_000_000_000_000).await?;
    pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, "1")?;
    let days = recent_trading_days(2)?;
    let close = Close { date: days[0].clone(), price_fen: 4_306 };
    settle_close(registry, &exchange, market.trades(&close.date, 1, 1)?.remove(0), &close).await?;
    let firm = FirmClient::new(cluster.connect_as("firm-1")?);
    let bank = BankClient::new(cluster.connect_as("bank-102")?);
    pledge(&firm, &bank, &officers, offer(1, 102, 1_000, &close)).await?;
    registry.open_day(open_day(&days[1])).await?;
    let day = ExchangeDay::new(&days[1], market.trades(&days[1], 1, TRADES)?)?;
    day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
    day.confirm(registry, &exchange).await?;
    exchange.deliver_day(&days[1], 0, |_| {}).await?;
    Ok(cluster)
}

fn data_of(cluster: &Cluster, node: u64) -> PathBuf {
    let mut configs = cluster.plan().configs();
    let config = configs.find(|config| config.node.id == node).expect("a node");
    cluster.plan().work_dir().join(&config.node.data_dir)
}

/// Every file with its content.
fn bytes_of(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        match path.is_dir() {
            true => files.extend(bytes_of(&path)?),
            false => drop(files.insert(path.clone(), fs::read(&path)?)),
        }
    }
    Ok(files)
}

fn largest_table(folder: &Path) -> anyhow::Result<PathBuf> {
    let files = bytes_of(folder)?.into_iter();
    let tables = files.filter(|(path, _)| path.extension().is_some_and(|of| of == "sst"));
    tables.max_by_key(|(_, bytes)| bytes.len()).map(|(path, _)| path).context("a table")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_node_is_audited_alone_and_agrees_with_its_cluster() -> anyhow::Result<()> {
    let mut cluster = start().await?;
    let leader = cluster.leader().await?.node_id;
    let mut followers = CANDIDATES.into_iter().filter(|id| *id != leader);
    let (stopped, killed) =
        (followers.next().context("a follower")?, followers.next().context("another")?);
    cluster.agreed_state(DEADLINE).await?;
    eventually("a snapshot", DEADLINE, || async {
        let statuses = cluster.statuses(0).await?;
        let of_stopped = statuses.iter().find(|status| status.node_id == stopped);
        Ok(of_stopped.is_some_and(|status| status.snapshot_log_index > 0).then_some(()))
    })
    .await?;
    let live =
        audit_node(cluster.registry()?.reads(), Consistency::Linearizable, |_, _| {}).await?;
    cluster.stop(stopped).await?;

    // A node that runs keeps its folder to itself.
    let said = ServedCopy::refusal(&cluster, stopped, &data_of(&cluster, leader)).await?;
    assert!(said.contains("is in use by a running node"), "{said}");

    let folder = cluster.plan().work_dir().join("copy");
    scratch::copy(&data_of(&cluster, stopped), &folder)?;
    let before = bytes_of(&folder)?;
    let served = ServedCopy::start(&cluster, stopped, &folder).await?;
    let status = served.status().await?;
    assert_eq!(status.last_log_index, status.applied_log_index, "it was stopped in order");
    let report = served.audit().await?;
    served.stop().await?;
    assert!(bytes_of(&folder)? == before, "the copy was changed");
    assert_eq!((report.root_sha256, &report.counts), (live.root_sha256, &live.counts));
    assert_eq!((report.accounts, report.pledges, report.freezes), (FIRMS, 1, 0));
    let on_leader =
        cluster.operator()?.status(&cluster.endpoint(leader)?, status.applied_log_index).await?;
    assert_eq!(status.state_digest, on_leader.digest_at_index, "the state at that log index");

    // The newest snapshot of the copy is one, too.
    let snapshots: Result<Vec<_>, _> = fs::read_dir(folder.join("snapshots"))?.collect();
    let snapshots = snapshots?.into_iter().map(|item| item.path());
    let whole = snapshots.filter(|path| path.join("snapshot.manifest").exists());
    let snapshot = whole.max().context("a snapshot")?;
    let served = ServedCopy::start(&cluster, stopped, &snapshot).await?;
    let of_snapshot = served.audit().await?;
    served.stop().await?;
    assert!(of_snapshot.counts.events <= report.counts.events);

    // A node that was killed has written less than it had applied, and says so.
    let bank = OpenBankRequest { bank_id: 999, name: "Bank".to_owned(), ..Default::default() };
    cluster.registry()?.open_bank(bank).await?;
    cluster.kill(killed)?;
    let served = ServedCopy::start(&cluster, killed, &data_of(&cluster, killed)).await?;
    let status = served.status().await?;
    let of_killed = served.audit().await?;
    served.stop().await?;
    assert!(status.applied_log_index <= status.last_log_index);
    assert!(of_killed.stamp.log_index == status.applied_log_index && of_killed.stamp.stale);

    // A byte that rotted is noticed, at the start or when it is read.
    let table = largest_table(&folder.join("ledger"))?;
    let mut bytes = fs::read(&table)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&table, bytes)?;
    match ServedCopy::start(&cluster, stopped, &folder).await {
        Err(refused) => assert!(format!("{refused:#}").contains("damaged"), "{refused:#}"),
        Ok(served) => drop(served.audit().await.expect_err("a damaged copy")),
    }

    // Nothing that was done here hinders the nodes.
    cluster.restart(stopped).await?;
    cluster.restart(killed).await?;
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
