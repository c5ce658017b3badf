//! Every node is stopped and started again, one after the other, under load.

use std::collections::BTreeSet;
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};

use super::{DEADLINE, nobody_noticed, probes, some_more, start, stop};

/// As for a switchover.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// Which node goes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// After all others, as the runbook has it: the leadership moves once.
    Last,
    /// Whenever it has not been restarted yet: it moves as often as it can.
    First,
}

async fn next(
    cluster: &Cluster,
    left: &BTreeSet<u64>,
    leader_goes: Leader,
) -> anyhow::Result<Option<u64>> {
    let leader = cluster.leader().await?.node_id;
    let follower = left.iter().copied().find(|id| *id != leader);
    let leader = left.contains(&leader).then_some(leader);
    Ok(match leader_goes {
        Leader::Last => follower.or(leader),
        Leader::First => leader.or(follower),
    })
}

/// The runbook's steps under load; answers how often the leader was stopped.
async fn all_restarted(name: &str, layout: Layout, leader_goes: Leader) -> anyhow::Result<usize> {
    let mut cluster = start(name, layout, &[]).await?;
    let working = probes(&cluster)?;
    some_more(&working).await?;
    let mut left: BTreeSet<u64> = cluster.node_ids().into_iter().collect();
    let mut leaders_stopped = 0;
    while let Some(id) = next(&cluster, &left, leader_goes).await? {
        leaders_stopped += usize::from(cluster.leader().await?.node_id == id);
        left.remove(&id);
        cluster.stop(id).await?;
        some_more(&working).await?;
        cluster.restart(id).await?;
        // The next one goes when this one counts again.
        let newest = cluster.leader().await?.last_log_index;
        cluster.applied(id, newest, DEADLINE).await?;
    }
    let logs = stop(working).await?;
    nobody_noticed(&cluster, &logs).await?;
    // Nobody waited for an election: each leader that was stopped had handed over.
    let mut handed_over = 0;
    for id in cluster.node_ids() {
        handed_over += cluster.log(id)?.matches("leadership handed over").count();
    }
    assert!(handed_over >= leaders_stopped, "{handed_over} of {leaders_stopped} handed over");
    for log in &logs {
        let (writes, reads) = (log.longest_write_gap(), log.longest_read_gap());
        eprintln!("{name}, {}: no write for {writes:?}, no read for {reads:?}", log.name);
        assert!(writes < LONGEST_GAP, "{}: no write answered for {writes:?}", log.name);
        assert!(reads < LONGEST_GAP, "{}: no read answered for {reads:?}", log.name);
    }
    for status in cluster.statuses(0).await? {
        assert!(status.membership_as_layout && status.alarms.is_empty(), "{:?}", status.alarms);
    }
    let nodes = cluster.node_ids().len();
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), nodes);
    cluster.agreed_state(DEADLINE).await?;
    Ok(leaders_stopped)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_six_nodes_are_restarted_one_by_one_and_no_request_fails() -> anyhow::Result<()> {
    let stopped = all_restarted("rolling-upgrade", Layout::DualCity, Leader::Last).await?;
    assert_eq!(stopped, 1, "the leadership moved more often than it must");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_leader_is_stopped_in_turn_and_no_request_fails() -> anyhow::Result<()> {
    let stopped = all_restarted("rolling-leaders", Layout::DualCity, Leader::First).await?;
    // The second may hand over to the first, which has been restarted.
    assert!(stopped >= 2, "only {stopped} leaders were stopped");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_of_the_witnessed_layout_are_restarted_and_no_request_fails() -> anyhow::Result<()>
{
    let stopped = all_restarted("rolling-witnessed", Layout::Witnessed, Leader::First).await?;
    assert!(stopped >= 2, "only {stopped} leaders were stopped");
    Ok(())
}
