//! What is measured, each case on a cluster of its own.

use std::path::Path;
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, ClusterPlan, Layout, repository_root};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};

use crate::measure::{Measured, Taken};
use crate::{chunks, single};

/// The benchmark's settlement day.
pub(crate) const DATE: &str = "2021-12-16";

const FIRMS: u64 = 500;
/// More than any firm sells or buys in the largest case.
const TONNES_EACH: i64 = 1_000_000_000;
const CASH_FEN_EACH: i64 = 1_000_000_000_000_000;

/// One way to load a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    layout: Layout,
    rtt_ms: u64,
    load: Load,
}

#[derive(Clone, Copy, Debug)]
enum Load {
    /// The whole day's way: chunks, manifest, clearing, delivery.
    Chunks,
    /// Immediate settlement, trade by trade.
    Single { callers: usize, trades: u64 },
}

/// All cases, in the order they run.
pub(crate) const CASES: &[Case] = &[
    Case { name: "chunks-12ms", layout: Layout::DualCity, rtt_ms: 12, load: Load::Chunks },
    Case { name: "chunks-0ms", layout: Layout::DualCity, rtt_ms: 0, load: Load::Chunks },
    Case { name: "chunks-one-city", layout: Layout::SingleCity, rtt_ms: 0, load: Load::Chunks },
    Case {
        name: "single-light-12ms",
        layout: Layout::DualCity,
        rtt_ms: 12,
        load: Load::Single { callers: 1, trades: 300 },
    },
    Case {
        name: "single-256-callers-12ms",
        layout: Layout::DualCity,
        rtt_ms: 12,
        load: Load::Single { callers: 256, trades: 20_000 },
    },
];

/// What a load gives to the report.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) delivered: u64,
    pub(crate) taken: Taken,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Case {
    /// Starts a cluster, loads it, measures and stops it.
    pub(crate) async fn run(&self, out: &Path, trades: u64) -> anyhow::Result<Measured> {
        let plan =
            ClusterPlan::variant(&repository_root(), &out.join(self.name), self.layout, |_| {})?;
        let voters = plan.configs().count();
        let mut cluster =
            Cluster::start_bootstrapped(plan, Duration::from_millis(self.rtt_ms)).await?;
        let registry = cluster.registry()?;
        let market = Market::set_up(&registry, FIRMS, TONNES_EACH, CASH_FEN_EACH).await?;
        registry.open_day(open_day(DATE)).await?;
        let outcome = match self.load {
            Load::Chunks => {
                // The exchange's own sums are its work, not the registry's.
                let day = ExchangeDay::new(DATE, market.trades(DATE, 1, trades)?)?;
                chunks::deliver(&cluster, &day).await?
            }
            Load::Single { callers, trades } => {
                single::settle(&cluster, market.trades(DATE, 1, trades)?, callers).await?
            }
        };
        cluster.stop_all().await?;
        let trades = outcome.delivered as f64;
        Ok(Measured {
            name: self.name.to_owned(),
            layout: match self.layout {
                Layout::DualCity => "dual-city".to_owned(),
                Layout::SingleCity => "single-city".to_owned(),
            },
            voters,
            rtt_ms: self.rtt_ms,
            trades: outcome.delivered,
            trades_per_s: rounded(trades / outcome.taken.elapsed.as_secs_f64()),
            cpu_us_per_trade: rounded(outcome.taken.cpu_us as f64 / trades),
            p50_ms: rounded(outcome.p50_ms),
            p99_ms: rounded(outcome.p99_ms),
            peak_rss_mib: rounded(outcome.taken.peak_rss_kib as f64 / 1024.0),
        })
    }
}

/// To hundredths: more digits would claim more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
