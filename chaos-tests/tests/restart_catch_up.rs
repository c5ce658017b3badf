//! A node that was away catches up, by log or by snapshot, to the same state.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;

const DATE: &str = "2021-12-16";
const CATCH_UP: Duration = Duration::from_secs(60);
const CHUNK_TRADES: usize = 1_000;
/// A follower in either city; whichever does not lead is taken.
const CANDIDATES: [u64; 2] = [13, 23];

/// Six nodes with a small log, a market and an open day.
async fn start(name: &str, snapshot_log_bytes: u64) -> anyhow::Result<(Cluster, Market)> {
    let plan = scratch::plan(name, Layout::DualCity, |raft| {
        raft.snapshot_log_bytes = Some(snapshot_log_bytes);
        raft.snapshot_keep_entries = Some(8);
        raft.lagging_log_bytes = Some(0);
    })?;
    let cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(2)).await?;
    let registry = cluster.registry()?;
    let market = Market::set_up(&cluster.officers()?, 20, 10_000_000, 1_000_000_000_000).await?;
    registry.open_day(open_day(DATE)).await?;
    Ok((cluster, market))
}

async fn follower(cluster: &Cluster) -> anyhow::Result<u64> {
    let leader = cluster.leader().await?.node_id;
    Ok(CANDIDATES.into_iter().find(|id| *id != leader).expect("only one leads"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_catches_up_by_log() -> anyhow::Result<()> {
    // No snapshot is taken: the log alone has what the node missed.
    let (mut cluster, market) = start("catch-up-by-log", 1 << 30).await?;
    let away = follower(&cluster).await?;
    cluster.stop(away).await?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, 10_000)?)?;
    day.submit(&cluster.exchange()?, CHUNK_TRADES, |_| {}).await?;
    let others = cluster.agreed_state(CATCH_UP).await?;

    let back = cluster.restart(away).await?;
    assert!(back.applied_log_index < others.log_index, "it cannot know what it missed");
    let caught_up = cluster.applied(away, others.log_index, CATCH_UP).await?;
    assert_eq!(caught_up.counters.expect("counters").snapshots_installed, 0);
    assert_eq!(cluster.agreed_state(CATCH_UP).await?.digest, others.digest);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_too_long_catches_up_by_snapshot() -> anyhow::Result<()> {
    let (mut cluster, market) = start("catch-up-by-snapshot", 256 << 10).await?;
    let away = follower(&cluster).await?;
    cluster.kill(away)?;
    let stood_at = cluster.leader().await?.last_log_index;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, 40_000)?)?;
    day.submit(&cluster.exchange()?, CHUNK_TRADES, |_| {}).await?;
    eventually("the log that the node misses to be purged everywhere", CATCH_UP, || async {
        let statuses = cluster.statuses(0).await?;
        Ok(statuses.iter().all(|status| status.purged_log_index > stood_at).then_some(()))
    })
    .await?;
    let others = cluster.agreed_state(CATCH_UP).await?;

    cluster.restart(away).await?;
    let caught_up = cluster.applied(away, others.log_index, CATCH_UP).await?;
    assert!(caught_up.counters.expect("counters").snapshots_installed > 0);
    assert_eq!(cluster.agreed_state(CATCH_UP).await?.digest, others.digest);

    // The installed state is as durable as the node's own.
    cluster.kill(away)?;
    cluster.restart(away).await?;
    cluster.applied(away, others.log_index, CATCH_UP).await?;
    assert_eq!(cluster.agreed_state(CATCH_UP).await?.digest, others.digest);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_killed_whole_comes_back_with_everything_it_answered() -> anyhow::Result<()> {
    let (mut cluster, market) = start("restart-whole", 256 << 10).await?;
    let exchange = cluster.exchange()?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, 20_000)?)?;
    day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
    let before = cluster.agreed_state(CATCH_UP).await?;
    for id in cluster.node_ids() {
        cluster.kill(id)?;
    }
    for id in cluster.node_ids() {
        cluster.restart(id).await?;
    }
    cluster.leader().await?;
    let after = cluster.agreed_state(CATCH_UP).await?;
    assert!(after.log_index >= before.log_index);
    assert_eq!(after.digest, before.digest);

    day.confirm(&cluster.registry()?, &exchange).await?;
    let report = exchange.deliver_day(DATE, 0, |_| {}).await?;
    assert_eq!((report.delivered, report.held.len()), (20_000, 0));
    cluster.agreed_state(CATCH_UP).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_disk_is_refused_under_its_old_id_and_the_others_go_on()
-> anyhow::Result<()> {
    let (mut cluster, market) = start("lost-disk", 256 << 10).await?;
    let exchange = cluster.exchange()?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, 20_000)?)?;
    day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
    let leader = cluster.leader().await?;
    let wiped = follower(&cluster).await?;
    cluster.kill(wiped)?;
    cluster.wipe(wiped)?;
    let empty = cluster.restart(wiped).await?;
    assert!(!empty.bootstrapped, "it remembers what was on the lost disk");

    day.confirm(&cluster.registry()?, &exchange).await?;
    let report = exchange.deliver_day(DATE, 0, |_| {}).await?;
    assert_eq!((report.delivered, report.held.len()), (20_000, 0));
    let after = cluster.leader().await?;
    assert_eq!(
        (after.node_id, after.term),
        (leader.node_id, leader.term),
        "it disturbed the others"
    );
    let statuses = cluster.statuses(0).await?;
    let still_empty = statuses.iter().find(|status| status.node_id == wiped).expect("it answers");
    assert_eq!(still_empty.applied_log_index, 0, "it was let in again");
    Ok(())
}
