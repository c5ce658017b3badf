//! A cluster forms once, in one step, and takes nothing before.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{Market, credit_code};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::ClientError;
use registry_client::proto::{AccountKind, Consistency, ListBanksRequest, OpenAccountRequest};

const DEADLINE: Duration = Duration::from_secs(30);

fn account(number: u64) -> OpenAccountRequest {
    OpenAccountRequest {
        uscc: credit_code(number),
        name: format!("Firm {number}"),
        kind: AccountKind::Emitter.into(),
        ..Default::default()
    }
}

fn sets(voter_sets: &[registry_client::proto::VoterSet]) -> Vec<Vec<u64>> {
    voter_sets.iter().map(|set| set.node_ids.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_takes_no_writes_before_its_bootstrap_and_bootstraps_once() -> anyhow::Result<()>
{
    let plan = scratch::plan("bootstrap", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start(plan, Duration::from_millis(2)).await?;
    let statuses = cluster.statuses(0).await?;
    assert_eq!(statuses.len(), 6);
    assert!(statuses.iter().all(|status| !status.bootstrapped && status.voter_sets.is_empty()));

    let registry = cluster.registry()?.with_timeout(Duration::from_secs(2));
    let refused = registry.open_account(account(1)).await.expect_err("no cluster yet");
    assert!(matches!(refused, ClientError::Unavailable { .. }), "{refused}");
    let request = ListBanksRequest { consistency: Consistency::Linearizable.into() };
    let refused = registry.reads().list_banks(request).await.expect_err("no cluster yet");
    assert!(matches!(refused, ClientError::Unavailable { .. }), "{refused}");

    let formed = cluster.bootstrap().await?;
    assert_eq!(sets(&formed.voter_sets), [[11, 12, 13], [21, 22, 23]]);
    cluster.leader().await?;
    eventually("all six nodes to belong to the cluster", DEADLINE, || async {
        let statuses = cluster.statuses(0).await?;
        let belonging = statuses.iter().filter(|status| {
            status.bootstrapped
                && status.membership_as_layout
                && sets(&status.voter_sets) == [[11, 12, 13], [21, 22, 23]]
        });
        Ok((belonging.count() == 6).then_some(()))
    })
    .await?;

    let registry = cluster.registry()?;
    assert_eq!(registry.open_account(account(1)).await?.account_id, 1);
    let before = cluster.agreed_state(DEADLINE).await?;
    let again = cluster.operator()?.bootstrap("").await.expect_err("a second bootstrap");
    assert!(again.is_rejected_with("ALREADY_BOOTSTRAPPED"), "{again}");
    assert_eq!(cluster.agreed_state(DEADLINE).await?.digest, before.digest);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_city_alone_forms_no_dual_city_cluster() -> anyhow::Result<()> {
    let plan = scratch::plan("bootstrap-one-city", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start(plan, Duration::from_millis(2)).await?;
    cluster.links()?.cut("shanghai", "wuhan");
    let operator = cluster.operator()?.with_timeout(Duration::from_secs(6));
    operator.bootstrap("").await.expect_err("the other city does not answer");
    let statuses = cluster.statuses(0).await?;
    assert!(statuses.iter().all(|status| status.raft_state != "leader"), "{statuses:?}");

    cluster.links()?.heal();
    eventually("the bootstrap once both cities answer", DEADLINE, || async {
        match cluster.operator()?.bootstrap("").await {
            Ok(_) => Ok(Some(())),
            Err(error) if error.is_rejected_with("ALREADY_BOOTSTRAPPED") => Ok(Some(())),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    cluster.leader().await?;
    Market::set_up(&cluster.officers()?, 4, 10, 10).await?;
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), 6);
    Ok(())
}
