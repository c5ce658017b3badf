//! Single trades over shared streams: the leader dies under 64 callers, and a
//! node stops while a stream is open and idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_chaos_tests::books::Books;
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::proto::{Consistency, GetDayRequest, SettleTradeRequest, Trade, TradeStatus};
use registry_client::{ExchangeClient, RegistryClient};
use tokio::task::JoinSet;

const DATE: &str = "2021-12-16";
const CALLERS: u64 = 64;
const TRADES_EACH: u64 = 40;
/// Answers before the leader dies.
const ANSWERS: u64 = 400;
const RTT: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// Well under the time that a stopping node waits for callers that do not leave.
const PROMPT: Duration = Duration::from_secs(2);

async fn start(name: &str) -> anyhow::Result<(Cluster, RegistryClient, Market)> {
    let plan = scratch::plan(name, Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let registry = cluster.registry()?;
    let market = Market::set_up(&cluster.officers()?, CALLERS, 1_000_000, 100_000_000_000).await?;
    registry.open_day(open_day(DATE)).await?;
    Ok((cluster, registry, market))
}

fn request(trade: &Trade) -> SettleTradeRequest {
    SettleTradeRequest {
        request_id: format!("single-{}", trade.trade_number),
        date: DATE.to_owned(),
        trade: Some(trade.clone()),
    }
}

/// Settles a caller's trades one after another; answers their log indexes.
async fn settle_all(
    exchange: ExchangeClient,
    trades: Vec<Trade>,
    answered: Arc<AtomicU64>,
) -> anyhow::Result<Vec<(Trade, u64)>> {
    let mut settled = Vec::new();
    for trade in trades {
        let reply = exchange.settle_trade(request(&trade)).await?;
        let result = reply.result.expect("a result");
        assert_eq!(result.trade_number, trade.trade_number, "another caller's answer");
        assert_eq!(result.status(), TradeStatus::Delivered);
        answered.fetch_add(1, Ordering::Relaxed);
        settled.push((trade, reply.stamp.expect("a stamp").log_index));
    }
    Ok(settled)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trade_is_settled_once_though_the_leader_dies_under_64_callers() -> anyhow::Result<()>
{
    let (mut cluster, registry, market) = start("settle-leader-kill").await?;
    let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
    let mut expected = Books::read(&accounts)?;
    let trades = market.trades(DATE, 1, CALLERS * TRADES_EACH)?;
    for trade in &trades {
        expected.deliver(trade)?;
    }

    // All callers share one connector, and so one stream per node.
    let exchange = cluster.exchange()?;
    let answered = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for own in trades.chunks(TRADES_EACH as usize) {
        callers.spawn(settle_all(exchange.clone(), own.to_vec(), answered.clone()));
    }
    eventually("answers before the leader dies", PATIENCE, || async {
        Ok((answered.load(Ordering::Relaxed) >= ANSWERS).then_some(()))
    })
    .await?;
    let killed = cluster.leader().await?.node_id;
    cluster.kill(killed)?;
    assert!(answered.load(Ordering::Relaxed) < CALLERS * TRADES_EACH, "over before the kill");
    let mut settled = Vec::new();
    while let Some(caller) = callers.join_next().await {
        settled.extend(caller??);
    }
    assert_eq!(settled.len(), trades.len());

    // Each is in the day once, and every holding and balance says so.
    let records = registry.reads().all_trades(DATE, TradeStatus::Unspecified).await?;
    let mut numbers: Vec<u64> =
        records.iter().map(|record| record.trade.as_ref().expect("a trade").trade_number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=CALLERS * TRADES_EACH).collect::<Vec<_>>());
    let get = GetDayRequest { date: DATE.to_owned(), ..Default::default() };
    let day = registry.reads().get_day(get).await?.day.expect("a day");
    let tonnes: i64 = trades.iter().map(|trade| trade.quantity_tco2e).sum();
    let counts = (day.trade_count, day.delivered_count, day.held_count, day.quantity_tco2e);
    assert_eq!(counts, (CALLERS * TRADES_EACH, CALLERS * TRADES_EACH, 0, tonnes));
    let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
    expected.must_equal(&Books::read(&accounts)?)?;

    // What was answered stays answered.
    for (trade, log_index) in settled.iter().step_by(37) {
        let again = exchange.settle_trade(request(trade)).await?;
        assert_eq!(again.stamp.expect("a stamp").log_index, *log_index, "{}", trade.trade_number);
    }
    let survivors = cluster.agreed_state(PATIENCE).await?;
    cluster.restart(killed).await?;
    cluster.applied(killed, survivors.log_index, PATIENCE).await?;
    for state in cluster.held_states(PATIENCE).await? {
        assert_eq!(state.digest, survivors.digest, "node {}", state.node_name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_at_once_though_an_idle_stream_of_trades_is_open() -> anyhow::Result<()> {
    let (mut cluster, registry, market) = start("settle-idle-stop").await?;
    let exchange = cluster.exchange()?;
    let trades = market.trades(DATE, 1, 3)?;
    let first = exchange.settle_trade(request(&trades[0])).await?;
    assert_eq!(first.result.expect("a result").status(), TradeStatus::Delivered);

    // The client keeps its stream to the leader open; nothing is under way.
    let stopped = cluster.leader().await?.node_id;
    let asked = Instant::now();
    cluster.stop(stopped).await?;
    let took = asked.elapsed();
    assert!(took < PROMPT, "the node took {took:?} to stop");

    // The same client goes on with the next leader, over a new stream.
    for trade in &trades[1..] {
        let reply = exchange.settle_trade(request(trade)).await?;
        assert_eq!(reply.result.expect("a result").status(), TradeStatus::Delivered);
    }
    let get = GetDayRequest { date: DATE.to_owned(), ..Default::default() };
    assert_eq!(registry.reads().get_day(get).await?.day.expect("a day").delivered_count, 3);
    Ok(())
}
