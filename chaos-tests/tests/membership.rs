//! Every commit and every read needs a majority in each city.

use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::proto::{Account, Consistency, DepositRequest, GetAccountRequest};
use registry_client::{ClientError, RegistryClient};

const DEADLINE: Duration = Duration::from_secs(30);
/// For calls that must not succeed.
const PATIENCE: Duration = Duration::from_secs(4);

async fn start(name: &str) -> anyhow::Result<(Cluster, RegistryClient)> {
    let plan = scratch::plan(name, Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(4)).await?;
    let registry = cluster.registry()?;
    Market::set_up(&cluster.officers()?, 8, 100, 0).await?;
    Ok((cluster, registry))
}

async fn deposit(registry: &RegistryClient, request_id: &str) -> Result<String, ClientError> {
    let request = DepositRequest {
        request_id: request_id.to_owned(),
        account_id: 1,
        bank_id: 103,
        amount_yuan: "1.00".to_owned(),
    };
    let balance = registry.deposit(request).await?.balance;
    Ok(balance.map(|balance| balance.available_yuan).unwrap_or_default())
}

async fn account(
    registry: &RegistryClient,
    consistency: Consistency,
) -> Result<Account, ClientError> {
    let request = GetAccountRequest { account_id: 1, consistency: consistency.into() };
    Ok(registry.reads().get_account(request).await?.account.unwrap_or_default())
}

/// Kills two of a city's three nodes: the majority is gone, one node stands.
async fn without_majority_in(city: &str) -> anyhow::Result<()> {
    let (mut cluster, registry) = start(&format!("no-majority-in-{city}")).await?;
    assert_eq!(deposit(&registry, "before").await?, "1.00");
    let down: Vec<u64> = cluster.nodes_in(city)[..2].to_vec();
    for id in &down {
        cluster.kill(*id)?;
    }
    let impatient = registry.with_timeout(PATIENCE);
    let refused = deposit(&impatient, "during").await.expect_err("no majority in one city");
    assert!(
        matches!(refused, ClientError::Unknown { .. } | ClientError::Unavailable { .. }),
        "{refused}"
    );
    let refused =
        account(&impatient, Consistency::Linearizable).await.expect_err("no quorum round");
    assert!(matches!(refused, ClientError::Unavailable { .. }), "{refused}");
    let stale = account(&impatient, Consistency::StaleOk).await?;
    assert_eq!(stale.cash[0].available_yuan, "1.00", "an uncommitted deposit was applied");

    for id in &down {
        cluster.restart(*id).await?;
    }
    // The same request id gives the first deposit's answer, whether that one
    // was lost or committed late: one more yuan, not two.
    assert_eq!(deposit(&registry, "during").await?, "2.00");
    assert_eq!(deposit(&registry, "during").await?, "2.00");
    assert_eq!(account(&registry, Consistency::Linearizable).await?.cash[0].available_yuan, "2.00");
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_commits_without_a_majority_in_shanghai() -> anyhow::Result<()> {
    without_majority_in("shanghai").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_commits_without_a_majority_in_wuhan() -> anyhow::Result<()> {
    without_majority_in("wuhan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_lost_in_each_city_stops_nothing() -> anyhow::Result<()> {
    let (mut cluster, registry) = start("one-lost-in-each-city").await?;
    // The leader is one of them: the harder case.
    let leader = cluster.leader().await?;
    let other_city = if leader.city == "shanghai" { "wuhan" } else { "shanghai" };
    let lost = [leader.node_id, cluster.nodes_in(other_city)[1]];
    for id in lost {
        cluster.kill(id)?;
    }
    assert_eq!(deposit(&registry, "during").await?, "1.00");
    assert_eq!(account(&registry, Consistency::Linearizable).await?.cash[0].available_yuan, "1.00");
    let statuses = cluster.statuses(0).await?;
    assert_eq!(statuses.len(), 4);
    for status in statuses {
        assert!(status.membership_as_layout, "node {}", status.node_name);
        let sets: Vec<Vec<u64>> = status.voter_sets.into_iter().map(|set| set.node_ids).collect();
        assert_eq!(sets, [[11, 12, 13], [21, 22, 23]]);
    }
    for id in lost {
        cluster.restart(id).await?;
    }
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), 6);
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_node_is_dialled_again_with_pauses() -> anyhow::Result<()> {
    let (mut cluster, registry) = start("dead-node-dialled").await?;
    let leader = cluster.leader().await?;
    let dead = cluster.nodes_in(&leader.city).into_iter().find(|id| *id != leader.node_id);
    let log = cluster.plan().work_dir().join(format!("logs/{}.log", leader.node_name));
    let lines = || std::fs::read_to_string(&log).map(|text| text.lines().count());
    let before = lines()?;
    cluster.kill(dead.expect("three nodes in a city"))?;
    let started = Instant::now();
    for number in 1..=200 {
        assert_eq!(deposit(&registry, &format!("d-{number}")).await?, format!("{number}.00"));
    }
    // Each failed attempt is worth a line or two in the leader's log.
    let bound = 50 + 20 * started.elapsed().as_secs_f64().ceil() as usize;
    let written = lines()? - before;
    assert!(written < bound, "{written} lines in {:?}", started.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_cut_off_answers_unavailable_and_recovers_by_itself() -> anyhow::Result<()> {
    let (cluster, registry) = start("city-cut-off").await?;
    deposit(&registry, "before").await?;
    cluster.links()?.cut("shanghai", "wuhan");
    let impatient = registry.with_timeout(PATIENCE);
    let refused =
        account(&impatient, Consistency::Linearizable).await.expect_err("no quorum round");
    assert!(matches!(refused, ClientError::Unavailable { .. }), "{refused}");
    cluster.links()?.heal();
    eventually("a deposit after the link is whole", DEADLINE, || async {
        Ok(Some(deposit(&impatient, "after").await?))
    })
    .await?;
    assert_eq!(account(&registry, Consistency::Linearizable).await?.cash[0].available_yuan, "2.00");
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
