//! Two cities and a third place: a lost city is survived without an operator.

use std::time::Duration;

use registry_chaos_tests::cluster::Layout;
use registry_chaos_tests::wait::eventually;

use super::{DEADLINE, nobody_noticed, probes, record, some_more, start, stop, voters};

#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_the_leading_city_is_survived_within_five_seconds() -> anyhow::Result<()> {
    let mut cluster = start("witnessed-city-lost", Layout::Witnessed, &[]).await?;
    let first = record(&cluster, "five voters", |_| true).await?;
    assert_eq!(voters(&first), [[11, 12, 21, 22, 31]]);
    let leader = cluster.leader().await?;
    assert_ne!(leader.city, "beijing", "the third place does not lead");
    let working = probes(&cluster)?;
    some_more(&working).await?;
    let lost = cluster.nodes_in(&leader.city);
    for id in &lost {
        cluster.kill(*id)?;
    }
    let next = eventually("a leader in the other city", DEADLINE, || async {
        let next = cluster.leader().await?;
        Ok((next.city != leader.city && next.city != "beijing").then_some(next))
    })
    .await?;
    let logs = stop(working).await?;
    nobody_noticed(&cluster, &logs).await?;
    for log in &logs {
        let gap = log.longest_write_gap();
        assert!(gap < Duration::from_secs(5), "{}: no answer for {gap:?}", log.name);
    }
    assert_ne!(next.city, leader.city);
    for id in &lost {
        cluster.restart(*id).await?;
    }
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), 5);
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_place_leads_only_to_hand_over_when_it_alone_has_the_newest_entries()
-> anyhow::Result<()> {
    let mut cluster = start("witness-has-the-newest", Layout::Witnessed, &[]).await?;
    cluster.registryctl("operator-1", ["failover", "prefer", "--city", "shanghai"]).await?;
    let leader = eventually("a leader in shanghai", DEADLINE, || async {
        let leader = cluster.leader().await?;
        Ok((leader.city == "shanghai").then_some(leader))
    })
    .await?;
    // Wuhan stands still: what is committed now only Shanghai and Beijing have.
    for id in [21, 22] {
        cluster.pause(id)?;
    }
    let working = probes(&cluster)?;
    let before = leader.last_log_index;
    eventually("entries that Wuhan lacks", DEADLINE, || async {
        let now = cluster.operator()?.status(&cluster.endpoint(leader.node_id)?, 0).await?;
        Ok((now.last_log_index > before + 5).then_some(()))
    })
    .await?;
    for id in [11, 12] {
        cluster.kill(id)?;
    }
    for id in [21, 22] {
        cluster.resume(id)?;
    }
    eventually("a leader in wuhan", DEADLINE, || async {
        Ok((cluster.leader().await?.city == "wuhan").then_some(()))
    })
    .await?;
    let logs = stop(working).await?;
    for log in &logs {
        assert!(log.failures().is_empty(), "{}: {:?}", log.name, log.failures());
        cluster.has_everything_of(log).await?;
    }
    for id in [11, 12] {
        cluster.restart(id).await?;
    }
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
