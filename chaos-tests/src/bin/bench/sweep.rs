//! Throughput and latency against load: chunks in flight, and callers that
//! settle trade by trade. All points of a place share a cluster and a day.

use std::path::Path;
use std::time::Duration;

use registry_chaos_tests::market::{Market, open_day};
use registry_client::SubmitOptions;
use serde::Serialize;

use crate::bed::{Bed, DISTANCE, NO_DISTANCE, ONE_CITY, Place};
use crate::day::DATE;
use crate::measure::{Taken, each_us, percentile_ms};
use crate::single;
use crate::size::{CASH_FEN_EACH, Size, TONNES_EACH};
use crate::stream::{self, CHUNK_TRADES};

/// Chunks sent and not yet answered.
pub(crate) const IN_FLIGHT: [usize; 5] = [1, 2, 4, 8, 16];
/// Requests of one trade at once.
pub(crate) const CALLERS: [usize; 6] = [1, 4, 16, 64, 256, 1_024];
/// Where every load is tried.
pub(crate) const PLACES: [Place; 3] = [ONE_CITY, NO_DISTANCE, DISTANCE];

/// More than any point can settle in its time.
const ENOUGH_TRADES: u64 = 1_000_000;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Chunks of 4,096 trades, accepted into the day.
    Chunks,
    /// Trades settled one by one.
    Single,
}

/// One load at one place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) kind: Kind,
    pub(crate) place: &'static str,
    pub(crate) layout: &'static str,
    pub(crate) voters: usize,
    pub(crate) rtt_ms: u64,
    /// Chunks in flight, or callers.
    pub(crate) load: usize,
    pub(crate) trades: u64,
    pub(crate) trades_per_s: f64,
    pub(crate) cpu_us_per_trade: f64,
    pub(crate) client_cpu_us_per_trade: f64,
    /// Of one request.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// All points of one place.
pub(crate) async fn run(out: &Path, place: Place, size: &Size) -> anyhow::Result<Vec<Point>> {
    let bed = Bed::start(out, &format!("sweep-{}", place.name), place).await?;
    let market =
        Market::take_over(&bed.officers()?, size.firms, TONNES_EACH, CASH_FEN_EACH).await?;
    bed.registry.open_day(open_day(DATE)).await?;
    let mut sweep = Sweep { bed, market, chunks: 0, next_number: 1, points: Vec::new() };
    // First, while little is left to be written behind the answers.
    for callers in CALLERS {
        Box::pin(sweep.single(callers, size.sweep_stretch)).await?;
    }
    for in_flight in IN_FLIGHT {
        Box::pin(sweep.chunks(in_flight, size.sweep_chunks)).await?;
    }
    sweep.bed.stop().await?;
    Ok(sweep.points)
}

struct Sweep {
    bed: Bed,
    market: Market,
    /// Chunks of the day so far.
    chunks: u32,
    /// Of the next trade.
    next_number: u64,
    points: Vec<Point>,
}

impl Sweep {
    async fn chunks(&mut self, in_flight: usize, count: u64) -> anyhow::Result<()> {
        let trades = count * CHUNK_TRADES as u64;
        let chunks = self.market.each_chunk(DATE, self.next_number, trades, CHUNK_TRADES)?;
        // Made before the clock starts.
        let chunks: Vec<_> = chunks.collect();
        let options =
            SubmitOptions { in_flight, first_chunk: self.chunks + 1, ..Default::default() };
        self.chunks += u32::try_from(chunks.len())?;
        let began = self.bed.mark();
        let sent = stream::send(&self.bed.exchange, DATE, chunks.into_iter(), &options, |_| {});
        let mut latencies = sent.await?;
        let taken = began.until(&self.bed.mark());
        self.next_number += trades;
        self.note(Kind::Chunks, in_flight, trades, taken, &mut latencies);
        Ok(())
    }

    async fn single(&mut self, callers: usize, stretch: Duration) -> anyhow::Result<()> {
        let trades = self.market.each_trade(DATE, self.next_number, ENOUGH_TRADES)?;
        self.next_number += ENOUGH_TRADES;
        let mut settled = single::settle(&self.bed, trades, callers, stretch).await?;
        let count = settled.latencies.len() as u64;
        self.note(Kind::Single, callers, count, settled.taken, &mut settled.latencies);
        Ok(())
    }

    fn note(
        &mut self,
        kind: Kind,
        load: usize,
        trades: u64,
        taken: Taken,
        latencies: &mut [Duration],
    ) {
        let place = self.bed.place;
        self.points.push(Point {
            kind,
            place: place.name,
            layout: place.layout_name(),
            voters: self.bed.voters(),
            rtt_ms: place.rtt_ms,
            load,
            trades,
            trades_per_s: taken.per_second(trades),
            cpu_us_per_trade: each_us(taken.used.nodes_us, trades),
            client_cpu_us_per_trade: each_us(taken.used.client_us, trades),
            p50_ms: percentile_ms(latencies, 0.5),
            p99_ms: percentile_ms(latencies, 0.99),
        });
    }
}
