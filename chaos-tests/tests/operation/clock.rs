//! A node whose clock runs ahead does not lead.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use registry_chaos_tests::cluster::Layout;
use registry_chaos_tests::wait::eventually;

use super::{DEADLINE, nobody_noticed, probes, some_more, start, stop};

/// As far as a leader's clock may run ahead of most others.
const LIMIT_MS: i64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_clock_runs_ahead_hands_over_and_moves_no_ledger_time() -> anyhow::Result<()>
{
    let mut cluster = start("clock-ahead", Layout::DualCity, &[]).await?;
    let leader = cluster.leader().await?;
    let followers = cluster.node_ids().into_iter().filter(|id| *id != leader.node_id);
    let wrong = followers.max().expect("six nodes");
    cluster.stop(wrong).await?;
    cluster.launch_with(wrong, &["--clock-offset-ms", "60000"])?;
    cluster.answering(wrong, DEADLINE).await?;
    let operator = cluster.operator()?;
    let endpoint = cluster.endpoint(wrong)?;
    eventually("the node to notice its clock", DEADLINE, || async {
        let alarms = operator.status(&endpoint, 0).await?.alarms;
        Ok(alarms.iter().any(|alarm| alarm.contains("ms ahead of most others")).then_some(()))
    })
    .await?;
    let working = probes(&cluster)?;
    some_more(&working).await?;
    cluster.applied(wrong, cluster.leader().await?.last_log_index, DEADLINE).await?;

    // It is made to lead all the same.
    let before = cluster.leader().await?.term;
    let moved = operator.hand_over("", wrong).await?;
    assert_eq!(moved.to_node_id, wrong);
    eventually("another leader", DEADLINE, || async {
        let next = cluster.leader().await?;
        Ok((next.node_id != wrong && next.term > before).then_some(()))
    })
    .await?;
    let logs = stop(working).await?;
    nobody_noticed(&cluster, &logs).await?;
    for log in &logs {
        let gap = log.longest_write_gap();
        assert!(gap < Duration::from_secs(5), "{}: no write answered for {gap:?}", log.name);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let latest = i64::try_from(now.as_millis())? + LIMIT_MS;
    for status in cluster.statuses(0).await? {
        assert!(status.ledger_time_ms <= latest, "{} is ahead", status.node_name);
    }
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
