//! Links inside the cities too: any nodes can be parted, and what still has a
//! majority of both cities goes on.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::link::{Command, Isolation};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;

const RTT: Duration = Duration::from_millis(12);
const TIMEOUT: Duration = Duration::from_secs(60);

async fn start(name: &str) -> anyhow::Result<Cluster> {
    let plan = scratch::plan(name, Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan.linked_within_cities()?, RTT).await?;
    assert_eq!(cluster.links()?.routes().count(), 30);
    Ok(cluster)
}

/// Waits until these nodes name one of themselves as leader.
async fn leader_among(cluster: &Cluster, nodes: &[u64]) -> anyhow::Result<u64> {
    let named = eventually("a leader that these nodes name", TIMEOUT, || async {
        let statuses = cluster.statuses(0).await?;
        let seen = statuses.iter().filter(|status| nodes.contains(&status.node_id));
        let mut leaders: Vec<u64> = seen.map(|status| status.leader_id).collect();
        leaders.dedup();
        Ok(match leaders[..] {
            [leader] if nodes.contains(&leader) => Some(leader),
            _ => None,
        })
    });
    named.await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_leader_is_replaced_and_follows_when_healed() -> anyhow::Result<()> {
    let cluster = start("partition-leader").await?;
    let (links, all) = (cluster.links()?, cluster.node_ids());
    for way in [Isolation::Out, Isolation::Both] {
        let isolated = leader_among(&cluster, &all).await?;
        let rest: Vec<u64> = all.iter().copied().filter(|id| *id != isolated).collect();
        let (before, faults) = (links.report(), Command::isolate(isolated, way));
        links.apply_all(&faults);
        leader_among(&cluster, &rest).await?;
        for fault in &faults {
            assert!(fault.bites(&before, &links.report()) > 0, "{fault:?} never bit");
        }
        links.heal();
    }
    leader_among(&cluster, &all).await?;
    Market::set_up(&cluster.officers()?, 4, 1_000, 1_000).await?;
    cluster.agreed_state(TIMEOUT).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_one_half_does_not_hear_commits_over_the_bridge() -> anyhow::Result<()> {
    let cluster = start("partition-bridge").await?;
    let leader = cluster.leader().await?;
    let near: Vec<u64> =
        cluster.nodes_in(&leader.city).into_iter().filter(|id| *id != leader.node_id).collect();
    let other_city = if leader.city == "wuhan" { "shanghai" } else { "wuhan" };
    let far = cluster.nodes_in(other_city);
    // One node of each city, `near[0]` and `far[0]`, is in neither half.
    let faults = Command::partition(&[leader.node_id, far[1]][..], &[near[1], far[2]][..]);
    let links = cluster.links()?;
    let before = links.report();
    links.apply_all(&faults);
    Market::set_up(&cluster.officers()?, 4, 1_000, 1_000).await?;
    eventually("the partition to bite both ways", TIMEOUT, || async {
        let after = links.report();
        Ok(faults.iter().all(|fault| fault.bites(&before, &after) > 0).then_some(()))
    })
    .await?;
    links.heal();
    assert_eq!(cluster.held_states(TIMEOUT).await?.len(), 6);
    cluster.agreed_state(TIMEOUT).await?;
    Ok(())
}
