//! How much of everything a run measures.

use std::time::Duration;

/// More than any firm sells in the largest load.
pub(crate) const TONNES_EACH: i64 = 1_000_000;
/// More than any firm pays in the largest load.
pub(crate) const CASH_FEN_EACH: i64 = 100_000_000_000;

/// Counts of one run.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    /// Accounts of an ordinary market.
    pub(crate) firms: u64,
    /// Trades of each case that sends chunks.
    pub(crate) trades: u64,
    /// Trades of each case with many callers.
    pub(crate) single_trades: u64,
    /// Trades of the case with one caller.
    pub(crate) light_trades: u64,
    /// Recognised pledges to verify.
    pub(crate) pledges: u64,
    /// Verifications by many callers at once.
    pub(crate) verifications: u64,
    /// Verifications by one caller.
    pub(crate) light_verifications: u64,
    /// Chunks at each point of the load sweep.
    pub(crate) sweep_chunks: u64,
    /// Time of each point with callers.
    pub(crate) sweep_stretch: Duration,
    /// Share of the national day at which growth is measured without it.
    pub(crate) growth_scale: f64,
    /// Too small to judge: it shows only that everything works.
    pub(crate) smoke: bool,
}

impl Size {
    pub(crate) fn full(trades: u64) -> Self {
        Self {
            firms: 4_000,
            trades,
            single_trades: 100_000,
            light_trades: 1_000,
            pledges: 1_000,
            verifications: 200_000,
            light_verifications: 1_000,
            sweep_chunks: 64,
            sweep_stretch: Duration::from_millis(1_500),
            growth_scale: 0.1,
            smoke: false,
        }
    }

    pub(crate) fn smoke() -> Self {
        Self {
            firms: 20,
            trades: 16_384,
            single_trades: 1_000,
            light_trades: 20,
            pledges: 10,
            verifications: 2_000,
            light_verifications: 20,
            sweep_chunks: 2,
            sweep_stretch: Duration::from_millis(50),
            growth_scale: 0.001,
            smoke: true,
        }
    }
}
