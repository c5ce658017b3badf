//! The cities lose sight of each other, or a node of its city: the side without a
//! quorum says so at once, and everybody catches up afterwards.

use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::Layout;
use registry_chaos_tests::wait::eventually;
use registry_client::ClientError;
use registry_client::proto::{Consistency, DepositRequest, GetAccountRequest};

use super::{DEADLINE, start};

fn account(consistency: Consistency) -> GetAccountRequest {
    GetAccountRequest { account_id: 1, consistency: consistency.into() }
}

fn deposit(request_id: &str) -> DepositRequest {
    DepositRequest {
        request_id: request_id.to_owned(),
        account_id: 1,
        bank_id: registry_chaos_tests::market::bank_of(1),
        amount_yuan: "1.00".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_other_city_everybody_says_so_and_stale_reads_say_how_stale()
-> anyhow::Result<()> {
    let cluster = start("cut-cities", Layout::DualCity, &[]).await?;
    let registry = cluster.registry()?;
    registry.deposit(deposit("before")).await?;
    cluster.links()?.cut("shanghai", "wuhan");
    let cut_at = Instant::now();
    // Longer than a leader that hears nobody goes on taking entries.
    let patience = Duration::from_secs(2);
    let answered = eventually("a write to be refused at once", DEADLINE, || async {
        let began = Instant::now();
        let refused = registry.with_timeout(patience).deposit(deposit("during")).await;
        let Err(refused) = refused else { anyhow::bail!("a write was acknowledged") };
        assert!(began.elapsed() < patience + Duration::from_secs(1), "it hung {refused}");
        Ok(matches!(refused, ClientError::Unavailable { .. }).then_some(()))
    });
    answered.await?;
    for city in ["shanghai", "wuhan"] {
        let near = cluster.connect_to("registry-officer-1", &cluster.nodes_in(city))?;
        let near = registry_client::RegistryClient::new(near).with_timeout(patience);
        let began = Instant::now();
        let read = near.reads().get_account(account(Consistency::Linearizable)).await;
        assert!(matches!(read, Err(ClientError::Unavailable { .. })), "{city}: {read:?}");
        assert!(began.elapsed() < patience + Duration::from_secs(1), "{city}: it hung");
        let stale = near.reads().get_account(account(Consistency::StaleOk)).await?;
        let stamp = stale.stamp.unwrap_or_default();
        let longest = i64::try_from(cut_at.elapsed().as_millis())? + 1_000;
        assert!(stamp.stale && (1..=longest).contains(&stamp.stale_ms), "{city}: {stamp:?}");
    }
    cluster.links()?.heal();
    eventually("writes after the link is whole", DEADLINE, || async {
        Ok(Some(registry.with_timeout(patience).deposit(deposit("after")).await?))
    })
    .await?;
    let after = registry.reads().get_account(account(Consistency::Linearizable)).await?;
    let held = after.account.unwrap_or_default().cash[0].available_yuan.clone();
    registry.deposit(deposit("during")).await?;
    assert!(["2.00", "3.00"].contains(&held.as_str()), "{held}");
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_heard_and_hears_nobody_is_replaced() -> anyhow::Result<()> {
    let cluster = start("deaf-leader", Layout::DualCity, &[]).await?;
    let registry = cluster.registry()?;
    let leader = cluster.leader().await?;
    let other = if leader.city == "shanghai" { "wuhan" } else { "shanghai" };
    // What the leader sends arrives in the other city, no answer comes back.
    cluster.links()?.black_hole(other, &leader.city);
    let moved =
        eventually("a leader in the other city, or none that hears nobody", DEADLINE, || {
            let (registry, cluster) = (&registry, &cluster);
            async move {
                // A city alone has no quorum either way: nobody may acknowledge a write.
                let written =
                    registry.with_timeout(Duration::from_secs(2)).deposit(deposit("x")).await;
                anyhow::ensure!(written.is_err(), "a write was acknowledged by one city");
                let statuses = cluster.statuses(0).await?;
                let old = statuses.iter().find(|status| status.node_id == leader.node_id);
                let gone = old.is_none_or(|old| old.quorum_age_ms > 2_000);
                Ok(gone.then_some(()))
            }
        });
    moved.await?;
    cluster.links()?.heal();
    eventually("writes after the link is whole", DEADLINE, || async {
        let patient = registry.with_timeout(Duration::from_secs(3));
        Ok(Some(patient.deposit(deposit("after")).await?))
    })
    .await?;
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
