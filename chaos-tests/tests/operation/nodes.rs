//! Nodes join, take another's place and are let go.

use registry_chaos_tests::cluster::{Cluster, Layout};

use super::{DEADLINE, nobody_noticed, probes, record, start, stop, voters};

async fn seat(cluster: &Cluster, id: &str, replaces: &str) -> anyhow::Result<String> {
    let arguments = ["cluster", "seat", "--node-id", id, "--replaces", replaces];
    cluster.registryctl("operator-1", arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_the_place_of_another_also_of_the_leader_under_load() -> anyhow::Result<()> {
    let spares = [(14, "sh-4", "shanghai"), (24, "wh-4", "wuhan")];
    let mut cluster = start("replace-node", Layout::DualCity, &spares).await?;
    let working = probes(&cluster)?;
    let leader = cluster.leader().await?;
    let (new, name) = if leader.city == "shanghai" { (14, "sh-4") } else { (24, "wh-4") };
    cluster.restart(new).await?;
    cluster.admit(new, &leader.city).await?;
    // Asked again, after an answer was lost, it is admitted once.
    cluster.admit(new, &leader.city).await?;
    let old = leader.node_id;
    seat(&cluster, &new.to_string(), &old.to_string()).await?;
    let after = record(&cluster, "the new voter", |topology| {
        let in_force = voters(topology).concat();
        in_force.contains(&new) && !in_force.contains(&old)
    })
    .await?;
    let node = after.nodes.iter().find(|node| node.node_id == new).expect("recorded");
    assert_eq!((node.node_name.as_str(), node.standing.as_str()), (name, "voter"));
    cluster.kill(old)?;
    let logs = stop(working).await?;
    nobody_noticed(&cluster, &logs).await?;
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), 6);
    cluster.agreed_state(DEADLINE).await?;

    // The old one comes back, is refused, and its id is never used again.
    cluster.restart(old).await?;
    let refused = cluster.admit(old, &leader.city).await.expect_err("retired").to_string();
    assert!(refused.contains("NODE_ID_USED") && refused.contains("never used twice"), "{refused}");
    let status = cluster.operator()?.status(&cluster.endpoint(new)?, 0).await?;
    assert!(status.membership_as_layout && status.alarms.is_empty(), "{:?}", status.alarms);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_join_is_refused_and_nothing_changes() -> anyhow::Result<()> {
    let spares = [(14, "sh-4", "shanghai")];
    let mut cluster = start("refused-node", Layout::DualCity, &spares).await?;
    let before = cluster.agreed_state(DEADLINE).await?.digest;
    let refused = cluster.admit(14, "shanghai").await.expect_err("it does not run").to_string();
    assert!(refused.contains("does not answer") && refused.contains("start it"), "{refused}");
    cluster.restart(14).await?;
    let refused = cluster.admit(14, "wuhan").await.expect_err("another city").to_string();
    assert!(refused.contains("configured for shanghai, not for wuhan"), "{refused}");
    let refused = seat(&cluster, "14", "11").await.expect_err("not admitted").to_string();
    assert!(refused.contains("UNKNOWN_NODE"), "{refused}");
    assert_eq!(cluster.operator()?.statuses(0).await.len(), 6);
    let digest = cluster.statuses(0).await?[0].state_digest.to_vec();
    assert_eq!(digest, before);
    cluster.admit(14, "shanghai").await?;
    let refused = seat(&cluster, "14", "21").await.expect_err("another city").to_string();
    assert!(refused.contains("a place is taken within a city"), "{refused}");
    let retired = ["cluster", "retire", "--node-id", "14"];
    cluster.registryctl("operator-1", retired).await?;
    record(&cluster, "the node to be let go", |topology| {
        topology.nodes.iter().any(|node| node.node_id == 14 && node.standing == "retired")
    })
    .await?;
    Ok(())
}
