//! Single figures: one load on a cluster of its own.

use std::path::Path;
use std::time::Duration;

use registry_chaos_tests::day::DaySums;
use registry_chaos_tests::market::{Market, open_day};
use serde::Serialize;

use crate::bed::{Bed, DISTANCE, NO_DISTANCE, ONE_CITY, Place};
use crate::day::{self, DATE};
use crate::measure::{Taken, each_us, percentile_ms, rounded};
use crate::single;
use crate::size::{CASH_FEN_EACH, Size, TONNES_EACH};
use crate::stream::CHUNK_TRADES;
use crate::target::{self, Target};

/// One way to load a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    place: Place,
    load: Load,
}

#[derive(Clone, Copy, Debug)]
enum Load {
    /// The whole day's way: chunks, manifest, clearing, delivery.
    Chunks,
    /// Immediate settlement, one trade after the other.
    Light,
    /// Immediate settlement by so many callers at once.
    Single { callers: usize },
}

const MANY: Load = Load::Single { callers: 256 };

/// All cases, in the order they run: what others are compared with goes first.
pub(crate) const CASES: &[Case] = &[
    Case { name: "chunks-one-city", place: ONE_CITY, load: Load::Chunks },
    Case { name: CHUNKS_NO_DISTANCE, place: NO_DISTANCE, load: Load::Chunks },
    Case { name: "chunks-12ms", place: DISTANCE, load: Load::Chunks },
    Case { name: "single-light-12ms", place: DISTANCE, load: Load::Light },
    Case { name: "single-256-callers-one-city", place: ONE_CITY, load: MANY },
    Case { name: "single-256-callers-0ms", place: NO_DISTANCE, load: MANY },
    Case { name: "single-256-callers-12ms", place: DISTANCE, load: MANY },
];

const CHUNKS_NO_DISTANCE: &str = "chunks-0ms";

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) layout: String,
    pub(crate) voters: usize,
    /// Between the cities.
    pub(crate) rtt_ms: u64,
    /// Delivered.
    pub(crate) trades: u64,
    pub(crate) trades_per_s: f64,
    /// User and system time of all nodes, followers included.
    pub(crate) cpu_us_per_trade: f64,
    /// Of the load generator.
    pub(crate) client_cpu_us_per_trade: f64,
    /// Of the emulated links.
    pub(crate) links_cpu_us_per_trade: f64,
    /// Of one request: a chunk's answer, or one trade's settlement.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Of the node that used most.
    pub(crate) peak_rss_mib: f64,
    /// Of the processors, taken by processes that are no part of this.
    pub(crate) others_percent: f64,
    #[serde(flatten)]
    pub(crate) target: Target,
}

impl Case {
    /// Starts a cluster, loads it, measures and stops it. `earlier` are the
    /// cases of this run so far.
    pub(crate) async fn run(
        &self,
        out: &Path,
        size: &Size,
        fsync_ms: f64,
        earlier: &[Measured],
    ) -> anyhow::Result<Measured> {
        let bed = Bed::start(out, self.name, self.place).await?;
        let market =
            Market::take_over(&bed.officers()?, size.firms, TONNES_EACH, CASH_FEN_EACH).await?;
        let mut measured = match self.load {
            Load::Chunks => self.chunks(&bed, market, size, earlier).await?,
            Load::Light => {
                let mut measured = self.single(&bed, market, size.light_trades, 1).await?;
                measured.target =
                    target::light(self.place, fsync_ms, measured.p50_ms, measured.p99_ms);
                measured
            }
            Load::Single { callers } => {
                let mut measured = self.single(&bed, market, size.single_trades, callers).await?;
                measured.target = target::single(self.place, measured.trades_per_s);
                measured
            }
        };
        bed.stop().await?;
        if size.smoke {
            measured.target = measured.target.unjudged();
        }
        Ok(measured)
    }

    async fn chunks(
        &self,
        bed: &Bed,
        market: Market,
        size: &Size,
        earlier: &[Measured],
    ) -> anyhow::Result<Measured> {
        // The exchange's own books are its work, not the registry's.
        let trades = market.trades(DATE, 1, size.trades)?;
        let sums = DaySums::of(DATE, &trades)?;
        let chunks: Vec<_> = trades.chunks(CHUNK_TRADES).map(<[_]>::to_vec).collect();
        drop(trades);
        let mut day = Box::pin(day::settle(bed, &sums, chunks.into_iter(), u64::MAX)).await?;
        let taken = day.settlement();
        let mut measured = self.measured(bed, day.trades, taken, &mut day.chunk_latencies);
        let near = earlier.iter().find(|case| case.name == CHUNKS_NO_DISTANCE);
        measured.target = target::chunks(
            self.place,
            measured.trades_per_s,
            measured.cpu_us_per_trade,
            near.map(|near| near.trades_per_s),
        );
        Ok(measured)
    }

    async fn single(
        &self,
        bed: &Bed,
        market: Market,
        trades: u64,
        callers: usize,
    ) -> anyhow::Result<Measured> {
        bed.registry.open_day(open_day(DATE)).await?;
        let trades = market.trades(DATE, 1, trades)?;
        let mut settled = single::settle(bed, trades.into_iter(), callers, Duration::MAX).await?;
        let count = settled.latencies.len() as u64;
        Ok(self.measured(bed, count, settled.taken, &mut settled.latencies))
    }

    fn measured(
        &self,
        bed: &Bed,
        trades: u64,
        taken: Taken,
        latencies: &mut [Duration],
    ) -> Measured {
        Measured {
            name: self.name.to_owned(),
            layout: self.place.layout_name().to_owned(),
            voters: bed.voters(),
            rtt_ms: self.place.rtt_ms,
            trades,
            trades_per_s: taken.per_second(trades),
            cpu_us_per_trade: each_us(taken.used.nodes_us, trades),
            client_cpu_us_per_trade: each_us(taken.used.client_us, trades),
            links_cpu_us_per_trade: each_us(taken.used.links_us, trades),
            p50_ms: percentile_ms(latencies, 0.5),
            p99_ms: percentile_ms(latencies, 0.99),
            peak_rss_mib: rounded(bed.greatest_rss_mib()),
            others_percent: taken.others_percent(),
            target: Target::default(),
        }
    }
}
