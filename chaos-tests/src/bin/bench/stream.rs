//! Chunks sent and answered, each with the time between the two.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use registry_client::proto::Trade;
use registry_client::{ExchangeClient, SubmitOptions};

/// Trades in a chunk.
pub(crate) const CHUNK_TRADES: usize = 4_096;

/// Sends the chunks of an open day; `on_accepted` hears the day's trades so
/// far. Answers the time of each chunk from sending to its answer.
pub(crate) async fn send(
    exchange: &ExchangeClient,
    date: &str,
    chunks: impl Iterator<Item = Vec<Trade>>,
    options: &SubmitOptions,
    mut on_accepted: impl FnMut(u64),
) -> anyhow::Result<Vec<Duration>> {
    let sent = RefCell::new(Vec::new());
    let mut latencies: Vec<Duration> = Vec::new();
    let noted = chunks.inspect(|_| sent.borrow_mut().push(Instant::now()));
    let submitted = exchange.submit_trades(date, noted, options, |reply| {
        let answered = latencies.len();
        latencies.push(sent.borrow()[answered].elapsed());
        on_accepted(reply.trades_accepted);
    });
    submitted.await.context("sending the chunks")?;
    Ok(latencies)
}
