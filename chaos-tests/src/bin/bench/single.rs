//! The immediate path: one trade, one request, one answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use registry_client::ExchangeClient;
use registry_client::proto::{SettleTradeRequest, Trade, TradeStatus};

use crate::bed::Bed;
use crate::day::DATE;
use crate::measure::Taken;

/// As many callers as share a connection.
const CALLERS_PER_CONNECTION: usize = 256;

/// What settling some trades took.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) taken: Taken,
    /// Of each trade, from its request to its answer.
    pub(crate) latencies: Vec<Duration>,
}

/// Settles trades, `callers` at once, until `stretch` has passed or there are
/// no more. The first trades find the leader and open the connections and are
/// not measured.
pub(crate) async fn settle(
    bed: &Bed,
    mut trades: impl Iterator<Item = Trade>,
    callers: usize,
    stretch: Duration,
) -> anyhow::Result<Settled> {
    let mut clients = Vec::new();
    for _ in 0..callers.div_ceil(CALLERS_PER_CONNECTION) {
        let client = bed.cluster.exchange()?;
        settle_one(&client, trades.next().context("no trades")?).await?;
        clients.push(client);
    }
    let began = bed.mark();
    let in_time = trades.take_while(|_| began.at.elapsed() < stretch);
    let settling = futures::stream::iter(in_time.zip(clients.iter().cycle()))
        .map(|(trade, client)| settle_one(client, trade))
        .buffer_unordered(callers)
        .try_collect();
    let latencies: Vec<Duration> = settling.await?;
    let taken = began.until(&bed.mark());
    ensure!(!latencies.is_empty(), "no trade was settled");
    Ok(Settled { taken, latencies })
}

async fn settle_one(exchange: &ExchangeClient, trade: Trade) -> anyhow::Result<Duration> {
    let number = trade.trade_number;
    let request =
        SettleTradeRequest { date: DATE.to_owned(), trade: Some(trade), ..Default::default() };
    let sent = Instant::now();
    let reply =
        exchange.settle_trade(request).await.with_context(|| format!("settling trade {number}"))?;
    let elapsed = sent.elapsed();
    let status = reply.result.map(|result| result.status());
    ensure!(status == Some(TradeStatus::Delivered), "trade {number} is {status:?}");
    Ok(elapsed)
}
