//! A leader dies under load and is back before anyone missed it. What it had
//! sent and not yet synced must not get other content in its old term.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{Market, bank_of};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::RegistryClient;
use registry_client::proto::DepositRequest;
use tokio::task::JoinSet;

const ROUNDS: u64 = 6;
const WRITERS: u64 = 64;
/// Answers of one round before the leader dies.
const ANSWERS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);

/// What was asked and the log index of its answer.
type Answered = Arc<Mutex<Vec<(DepositRequest, u64)>>>;

fn deposit(request_id: String, account_id: u64) -> DepositRequest {
    let bank_id = bank_of(account_id);
    DepositRequest { request_id, account_id, bank_id, amount_yuan: "1.00".to_owned() }
}

async fn write_for_ever(registry: RegistryClient, answered: Answered, round: u64, writer: u64) {
    for number in 0.. {
        let request = deposit(format!("r{round}-w{writer}-{number}"), writer + 1);
        if let Ok(reply) = registry.deposit(request.clone()).await {
            let log_index = reply.stamp.expect("a stamp").log_index;
            answered.lock().expect("no writer panics").push((request, log_index));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_back_at_once_loses_nothing_and_splits_nothing() -> anyhow::Result<()> {
    let plan = scratch::plan("leader-restart", Layout::DualCity, |_| {})?;
    let mut cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(2)).await?;
    let registry = cluster.registry()?;
    Market::set_up(&cluster.officers()?, WRITERS, 10, 100).await?;
    let answered = Answered::default();
    for round in 0..ROUNDS {
        let leader = cluster.leader().await?.node_id;
        let before = answered.lock().expect("no writer panics").len();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write_for_ever(registry.clone(), answered.clone(), round, writer));
        }
        eventually("answers under load", PATIENCE, || async {
            let now = answered.lock().expect("no writer panics").len();
            Ok((now >= before + ANSWERS).then_some(()))
        })
        .await?;
        cluster.kill(leader)?;
        // Nobody asks again: a repeated request would heal what this looks for.
        writers.abort_all();
        cluster.restart(leader).await?;
        while writers.join_next().await.is_some() {}
        for number in 0..12 {
            registry.deposit(deposit(format!("after-{round}-{number}"), number + 1)).await?;
        }
        cluster.agreed_state(PATIENCE).await?;
    }
    let answered = std::mem::take(&mut *answered.lock().expect("no writer panics"));
    for (request, log_index) in answered {
        let again = registry.deposit(request.clone()).await?;
        let found = again.stamp.expect("a stamp").log_index;
        assert_eq!(found, log_index, "{} was answered and then lost", request.request_id);
    }
    Ok(())
}
