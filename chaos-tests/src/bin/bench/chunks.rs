//! The batch path: a day's trades in chunks, to the last delivery result.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use registry_chaos_tests::cluster::Cluster;
use registry_chaos_tests::day::ExchangeDay;
use registry_client::SubmitOptions;

use crate::cases::Outcome;
use crate::measure::{Stretch, percentile_ms};

const TRADES_PER_CHUNK: usize = 4_096;

pub(crate) async fn deliver(cluster: &Cluster, day: &ExchangeDay) -> anyhow::Result<Outcome> {
    let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
    let chunks = day.chunks(TRADES_PER_CHUNK);
    let sent = RefCell::new(Vec::with_capacity(chunks.len()));
    let mut latencies: Vec<Duration> = Vec::with_capacity(chunks.len());

    let stretch = Stretch::begin(cluster);
    let taken_when_sent = chunks.into_iter().inspect(|_| sent.borrow_mut().push(Instant::now()));
    let options = SubmitOptions::default();
    let submitted = exchange.submit_trades(day.date(), taken_when_sent, &options, |_| {
        let answered = latencies.len();
        latencies.push(sent.borrow()[answered].elapsed());
    });
    submitted.await.context("sending the chunks")?;
    day.confirm(&registry, &exchange).await?;
    let report = exchange.deliver_day(day.date(), 0, |_| {}).await.context("delivering")?;
    let taken = stretch.end(cluster);

    let expected = day.trades().len() as u64;
    ensure!(
        report.delivered == expected,
        "{} of {expected} trades were delivered",
        report.delivered
    );
    Ok(Outcome {
        delivered: report.delivered,
        taken,
        p50_ms: percentile_ms(&mut latencies, 0.5),
        p99_ms: percentile_ms(&mut latencies, 0.99),
    })
}
