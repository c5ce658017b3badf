//! The leader moves to the other city on purpose.

use std::time::Duration;

use registry_chaos_tests::cluster::Layout;
use registry_chaos_tests::wait::eventually;

use super::{DEADLINE, nobody_noticed, probes, record, some_more, start, stop};

/// Switchovers there and back.
const TIMES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_moves_to_the_other_city_and_back_and_no_request_fails() -> anyhow::Result<()> {
    let cluster = start("switchover", Layout::DualCity, &[]).await?;
    let mut gaps = Vec::new();
    for _ in 0..TIMES {
        for _ in 0..2 {
            let from = cluster.leader().await?.city;
            let to = if from == "shanghai" { "wuhan" } else { "shanghai" };
            let probes = probes(&cluster)?;
            some_more(&probes).await?;
            let told =
                cluster.registryctl("operator-1", ["failover", "switchover", "--to", to]).await?;
            assert!(told.contains(&format!("leads in {to}")), "{told}");
            assert_eq!(cluster.leader().await?.city, to);
            let logs = stop(probes).await?;
            nobody_noticed(&cluster, &logs).await?;
            gaps.extend(logs.iter().map(|log| log.longest_write_gap()));
        }
    }
    gaps.sort_unstable();
    assert!(gaps[gaps.len() / 2] < Duration::from_secs(1), "without an answer for {gaps:?}");
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_comes_back_to_the_preferred_city() -> anyhow::Result<()> {
    let mut cluster = start("preferred-city", Layout::DualCity, &[]).await?;
    cluster.registryctl("operator-1", ["failover", "prefer", "--city", "wuhan"]).await?;
    let leads_in = async |cluster: &registry_chaos_tests::cluster::Cluster, city: &'static str| {
        eventually(city, DEADLINE, || async {
            let leader = cluster.leader().await?;
            Ok((leader.city == city).then_some(leader.node_id))
        })
        .await
    };
    let first = leads_in(&cluster, "wuhan").await?;
    // Whoever leads next, in the end it is one of the preferred city again.
    cluster.kill(first)?;
    leads_in(&cluster, "wuhan").await?;
    cluster.restart(first).await?;
    cluster.registryctl("operator-1", ["failover", "prefer", "--anywhere"]).await?;
    record(&cluster, "no preference", |topology| topology.preferred_city.is_empty()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchover_is_not_begun_when_the_preflight_finds_something() -> anyhow::Result<()> {
    let mut cluster = start("switchover-preflight", Layout::DualCity, &[]).await?;
    let switchover = async |cluster: &registry_chaos_tests::cluster::Cluster, to: &str| {
        let arguments = ["failover", "switchover", "--to", to];
        cluster.registryctl("operator-1", arguments).await
    };
    let before = cluster.leader().await?;
    let told = switchover(&cluster, "beijing").await.expect_err("no such city").to_string();
    assert!(told.contains("beijing is none of shanghai, wuhan"), "{told}");
    let to = if before.city == "shanghai" { "wuhan" } else { "shanghai" };
    let down = cluster.nodes_in(to)[..2].to_vec();
    for id in &down {
        cluster.kill(*id)?;
    }
    let told = switchover(&cluster, to).await.expect_err("no quorum there").to_string();
    assert!(
        told.contains("quorum after the step: 3 of 3 answer; 1 of 3 answer")
            || told.contains("quorum after the step: 1 of 3 answer; 3 of 3 answer"),
        "{told}"
    );
    for id in &down {
        cluster.restart(*id).await?;
    }
    let looked = ["failover", "switchover", "--dry-run", "--to", to];
    eventually("the cluster to be well again", DEADLINE, || async {
        Ok(Some(cluster.registryctl("operator-1", looked).await?))
    })
    .await?;
    Ok(())
}
