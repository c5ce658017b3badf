//! The leader dies in the middle of the day's work: the day completes, nothing
//! is lost and nothing happens twice.

use std::time::Duration;

use registry_chaos_tests::books::Books;
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_client::RegistryClient;
use registry_client::proto::{Consistency, DayState, GetDayRequest, TradeStatus};

const DATE: &str = "2021-12-16";
const FIRMS: u64 = 60;
/// Several log entries' worth, so that delivery has a middle.
const TRADES: u64 = 40_000;
const CHUNK_TRADES: usize = 2_000;
const RTT: Duration = Duration::from_millis(12);
const CATCH_UP: Duration = Duration::from_secs(60);

struct Started {
    cluster: Cluster,
    registry: RegistryClient,
    day: ExchangeDay,
    /// What every account must hold in the end.
    expected: Books,
}

async fn start(name: &str) -> anyhow::Result<Started> {
    let plan = scratch::plan(name, Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let registry = cluster.registry()?;
    let market = Market::set_up(&cluster.officers()?, FIRMS, 1_000_000, 100_000_000_000).await?;
    registry.open_day(open_day(DATE)).await?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, TRADES)?)?;
    let mut expected =
        Books::read(&registry.reads().all_accounts(Consistency::Linearizable).await?)?;
    for trade in day.trades() {
        expected.deliver(trade)?;
    }
    Ok(Started { cluster, registry, day, expected })
}

/// Everything that must hold once the day is delivered and the dead node is back.
async fn check(started: &mut Started, killed: u64) -> anyhow::Result<()> {
    let Started { cluster, registry, day, expected } = started;
    let records = registry.reads().all_trades(DATE, TradeStatus::Unspecified).await?;
    day.all_delivered(&records)?;
    let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
    expected.must_equal(&Books::read(&accounts)?)?;
    let request = GetDayRequest { date: DATE.to_owned(), ..Default::default() };
    let after = registry.reads().get_day(request).await?.day.expect("a day");
    assert_eq!(after.state(), DayState::Delivered);
    assert_eq!((after.trade_count, after.delivered_count, after.held_count), (TRADES, TRADES, 0));

    let survivors = cluster.agreed_state(CATCH_UP).await?;
    cluster.restart(killed).await?;
    cluster.applied(killed, survivors.log_index, CATCH_UP).await?;
    let all = cluster.held_states(CATCH_UP).await?;
    assert_eq!(all.len(), 6);
    for state in all {
        assert_eq!(state.digest, survivors.digest, "node {}", state.node_name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_survives_its_leader_s_death_in_the_middle_of_delivery() -> anyhow::Result<()> {
    let mut started = start("leader-kill-delivery").await?;
    let exchange = started.cluster.exchange()?;
    started.day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
    started.day.confirm(&started.registry, &exchange).await?;

    let killed = started.cluster.leader().await?.node_id;
    let cluster = &mut started.cluster;
    let mut seen_before = None;
    let mut results = Vec::new();
    let report = exchange
        .deliver_day(DATE, 0, |reply| {
            results.extend(reply.results.iter().cloned());
            if seen_before.is_none() && !reply.results.is_empty() {
                seen_before = Some(results.len() as u64);
                cluster.kill(killed).expect("the leader runs");
            }
        })
        .await?;
    let seen_before = seen_before.expect("a first result");
    assert!(seen_before < TRADES, "the day was over before the leader died");
    assert!(report.resumptions > 0, "the leader's death broke no stream");
    let numbers: Vec<u64> = results.iter().map(|result| result.trade_number).collect();
    assert_eq!(numbers, (1..=TRADES).collect::<Vec<_>>(), "each result once, in order");
    assert!(results.iter().all(|result| result.status() == TradeStatus::Delivered));

    // Nothing but delivery was asked of the new leader: what it proposed is the rest.
    let leader = started.cluster.leader().await?;
    assert_ne!(leader.node_id, killed);
    assert!(
        leader.counters.expect("counters").proposals > 0,
        "nothing was left for the new leader"
    );
    check(&mut started, killed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_survives_its_leader_s_death_while_chunks_arrive() -> anyhow::Result<()> {
    let mut started = start("leader-kill-chunks").await?;
    let exchange = started.cluster.exchange()?;
    let killed = started.cluster.leader().await?.node_id;
    let cluster = &mut started.cluster;
    let mut acknowledged = 0;
    started
        .day
        .submit(&exchange, CHUNK_TRADES, |_| {
            acknowledged += 1;
            if acknowledged == 5 {
                cluster.kill(killed).expect("the leader runs");
            }
        })
        .await?;
    assert_eq!(acknowledged, TRADES / CHUNK_TRADES as u64, "each chunk is answered once");
    started.day.confirm(&started.registry, &exchange).await?;
    let report = exchange.deliver_day(DATE, 0, |_| {}).await?;
    assert_eq!((report.delivered, report.held.len()), (TRADES, 0));
    check(&mut started, killed).await
}
