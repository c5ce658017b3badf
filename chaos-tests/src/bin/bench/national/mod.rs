//! A day of a thousand times the national market: 5.2 million trades between
//! 3.8 million accounts, on six nodes in two cities; and how the cost of a
//! trade grows towards it.

mod growth;
pub(crate) mod restart;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use registry_chaos_tests::day::DaySums;
use registry_chaos_tests::market::Market;
use serde::Serialize;

use crate::bed::{Bed, NO_DISTANCE};
use crate::day::{self, DATE, Part, SettledDay};
use crate::measure::{Taken, each_us, percentile_ms, rounded};
use crate::report::{grouped, say};
use crate::size::{CASH_FEN_EACH, TONNES_EACH};
use crate::stream::CHUNK_TRADES;
use crate::target::{self, Target};

pub(crate) use growth::Growth;
pub(crate) use restart::Restart;

const ACCOUNTS: f64 = 3_800_000.0;
const TRADES: f64 = 5_200_000.0;
/// Accounts of the market that growth is measured from.
const FEW_ACCOUNTS: u64 = 4_000;
/// The day is cut into so many parts, of which the first and the last third are compared;
/// into four when a part would be too short to be measured.
const PARTS: u64 = 10;
const PART_TRADES: u64 = 130_000;
/// Time for six nodes to have applied the same.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(120);

/// What the day took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct National {
    /// Share of the national day; targets are judged at 1 or more.
    pub(crate) scale: f64,
    pub(crate) accounts: u64,
    pub(crate) trades: u64,
    /// Taking over the accounts' books; no part of the day.
    pub(crate) load_s: f64,
    pub(crate) accounts_per_s: f64,
    pub(crate) load_cpu_us_per_account: f64,
    /// The exchange's own sums and hashes; no part of the day.
    pub(crate) exchange_sums_s: f64,
    pub(crate) steps: Vec<Step>,
    /// The same for successive parts of the stream and of the delivery.
    pub(crate) stream_cpu_us_by_part: Vec<f64>,
    pub(crate) deliver_cpu_us_by_part: Vec<f64>,
    /// What the nodes still wrote after the day.
    pub(crate) afterwards_cpu_us_per_trade: f64,
    pub(crate) day_s: f64,
    pub(crate) day_target: Target,
    pub(crate) trades_per_s: f64,
    pub(crate) cpu_us_per_trade: f64,
    pub(crate) client_cpu_us_per_trade: f64,
    pub(crate) links_cpu_us_per_trade: f64,
    /// Of the processors, taken by processes that are no part of this.
    pub(crate) others_percent: f64,
    pub(crate) chunk_p50_ms: f64,
    pub(crate) chunk_p99_ms: f64,
    /// By node, at the end of the day.
    pub(crate) peak_rss_mib: BTreeMap<String, f64>,
    pub(crate) memory_target: Target,
    /// Elections since the cluster was formed; 0 when no load was too much.
    pub(crate) elections: u64,
    pub(crate) restarts: Vec<Restart>,
}

/// One step of the day.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) seconds: f64,
    pub(crate) cpu_us_per_trade: f64,
}

/// Runs the day at `scale`, and before it as many trades between few accounts.
pub(crate) async fn run(
    out: &Path,
    scale: f64,
    smoke: bool,
) -> anyhow::Result<(National, Vec<Growth>)> {
    let accounts = ((ACCOUNTS * scale) as u64).max(2);
    let trades = ((TRADES * scale) as u64).max(PARTS);
    let part_trades = (trades / PARTS).max(PART_TRADES.min(trades / 4));

    let small = Day::begin(out, "growth", FEW_ACCOUNTS.min(accounts)).await?;
    let (between_few, _) = Box::pin(small.settle(trades, part_trades)).await?;
    let few = small.market.firms();
    small.bed.stop().await?;

    let mut national = Day::begin(out, "national-day", accounts).await?;
    let (day, exchange_sums) = Box::pin(national.settle(trades, part_trades)).await?;
    let mut report = national.report(scale, &day, exchange_sums).await?;
    report.restarts = Box::pin(restart::both(&mut national.bed)).await?;
    national.bed.stop().await?;

    let mut growth = growth::lines(&day, &between_few, few, accounts);
    if smoke || scale < 1.0 {
        report.judge_nothing();
    }
    if smoke {
        growth = growth.into_iter().map(Growth::unjudged).collect();
    }
    Ok((report, growth))
}

/// A cluster that has taken over the books and is about to settle a day.
struct Day {
    bed: Bed,
    market: Market,
    loading: Taken,
    /// When the cluster was formed.
    term: u64,
}

impl Day {
    async fn begin(out: &Path, name: &str, accounts: u64) -> anyhow::Result<Self> {
        let bed = Bed::start(out, name, NO_DISTANCE).await?;
        let term = bed.cluster.leader().await?.term;
        let began = bed.mark();
        let officers = bed.officers()?;
        let loading = Market::take_over(&officers, accounts, TONNES_EACH, CASH_FEN_EACH);
        let market = bed.cluster.with_logs(Box::pin(loading).await)?;
        let loading = began.until(&bed.mark());
        say(&format!(
            "  {} accounts opened in {:.1} s",
            grouped(accounts),
            loading.elapsed.as_secs_f64()
        ))?;
        bed.cluster.agreed_state(AGREEMENT_TIMEOUT).await?;
        // What is still written behind the answers is no cost of the day.
        bed.rest().await;
        Ok(Self { bed, market, loading, term })
    }

    /// Answers the day and the time of the exchange's own sums before it.
    async fn settle(
        &self,
        trades: u64,
        part_trades: u64,
    ) -> anyhow::Result<(SettledDay, Duration)> {
        let began = Instant::now();
        let sums = DaySums::of(DATE, self.market.each_trade(DATE, 1, trades)?)?;
        let exchange_sums = began.elapsed();
        // Made while they are sent: the day is never in memory here.
        let chunks = self.market.each_chunk(DATE, 1, trades, CHUNK_TRADES)?;
        let settled = Box::pin(day::settle(&self.bed, &sums, chunks, part_trades)).await;
        let settled = self.bed.cluster.with_logs(settled)?;
        self.bed.cluster.agreed_state(AGREEMENT_TIMEOUT).await?;
        say(&format!(
            "  {} trades settled in {:.1} s",
            grouped(trades),
            settled.whole().elapsed.as_secs_f64()
        ))?;
        Ok((settled, exchange_sums))
    }

    async fn report(
        &self,
        scale: f64,
        day: &SettledDay,
        exchange_sums: Duration,
    ) -> anyhow::Result<National> {
        let (accounts, trades) = (self.market.firms(), day.trades);
        let whole = day.whole();
        let mut latencies = day.chunk_latencies.clone();
        let steps = day.steps().map(|(name, taken)| Step {
            name,
            seconds: rounded(taken.elapsed.as_secs_f64()),
            cpu_us_per_trade: each_us(taken.used.nodes_us, trades),
        });
        let term = self.bed.cluster.leader().await?.term;
        Ok(National {
            scale,
            accounts,
            trades,
            load_s: rounded(self.loading.elapsed.as_secs_f64()),
            accounts_per_s: self.loading.per_second(accounts),
            load_cpu_us_per_account: each_us(self.loading.used.nodes_us, accounts),
            exchange_sums_s: rounded(exchange_sums.as_secs_f64()),
            steps: steps.to_vec(),
            stream_cpu_us_by_part: day.stream_parts.iter().map(Part::cpu_us).collect(),
            deliver_cpu_us_by_part: day.deliver_parts.iter().map(Part::cpu_us).collect(),
            afterwards_cpu_us_per_trade: each_us(day.afterwards.used.nodes_us, trades),
            day_s: rounded(whole.elapsed.as_secs_f64()),
            day_target: target::national_day(whole.elapsed.as_secs_f64()),
            trades_per_s: whole.per_second(trades),
            cpu_us_per_trade: each_us(whole.used.nodes_us, trades),
            client_cpu_us_per_trade: each_us(whole.used.client_us, trades),
            links_cpu_us_per_trade: each_us(whole.used.links_us, trades),
            others_percent: whole.others_percent(),
            chunk_p50_ms: percentile_ms(&mut latencies, 0.5),
            chunk_p99_ms: percentile_ms(&mut latencies, 0.99),
            peak_rss_mib: self.bed.peak_rss_mib(),
            memory_target: target::national_memory(self.bed.greatest_rss_mib()),
            elections: term - self.term,
            restarts: Vec::new(),
        })
    }
}

impl National {
    fn judge_nothing(&mut self) {
        let restarts = self.restarts.iter_mut().map(|restart| &mut restart.target);
        for target in restarts.chain([&mut self.day_target, &mut self.memory_target]) {
            target.met = None;
        }
    }
}
