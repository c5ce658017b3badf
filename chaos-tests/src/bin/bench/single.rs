//! The immediate path: one trade, one request, one answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use registry_chaos_tests::cluster::Cluster;
use registry_client::ExchangeClient;
use registry_client::proto::{SettleTradeRequest, Trade, TradeStatus};

use crate::cases::{DATE, Outcome};
use crate::measure::{Stretch, percentile_ms};

pub(crate) async fn settle(
    cluster: &Cluster,
    trades: Vec<Trade>,
    callers: usize,
) -> anyhow::Result<Outcome> {
    let exchange = cluster.exchange()?;
    let mut trades = trades.into_iter();
    // The first call finds the leader and opens the connection.
    let first = trades.next().context("no trades")?;
    settle_one(&exchange, first).await?;

    let stretch = Stretch::begin(cluster);
    let mut latencies: Vec<Duration> = futures::stream::iter(trades)
        .map(|trade| settle_one(&exchange, trade))
        .buffer_unordered(callers)
        .try_collect()
        .await?;
    let taken = stretch.end(cluster);
    Ok(Outcome {
        delivered: latencies.len() as u64,
        taken,
        p50_ms: percentile_ms(&mut latencies, 0.5),
        p99_ms: percentile_ms(&mut latencies, 0.99),
    })
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
