//! `settle-day`: a whole settlement day from the exchange's trades.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use registry_client::amount::format_fen;
use registry_client::workflow::{DayPlan, SettleReport, TopUps, settle_day};
use registry_client::{ExchangeClient, RegistryClient};

use super::{files, progress::StageBars, row::Cut};
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::day;

/// Settle a whole day: open, chunks, manifest, clear, confirm, deliver, held
/// trades, statements, final. Run again, it goes on where the day stands.
#[derive(Debug, Args)]
pub(crate) struct SettleDay {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of the day's trades, with the registry's account numbers.
    #[arg(long)]
    trades: PathBuf,
    /// Identity DIR/USER that acts for the registry, e.g. pki/registry-officer-1.
    #[arg(long, env = "REGISTRY_OFFICER_IDENTITY")]
    registry_identity: PathBuf,
    /// Identity DIR/USER that acts for the exchange, e.g. pki/exchange-sh.
    #[arg(long, env = "REGISTRY_EXCHANGE_IDENTITY")]
    exchange_identity: PathBuf,
    /// Part of the request ids; the same run again goes on where it stopped and
    /// needs the same file and --chunk-trades.
    #[arg(long, default_value = "1")]
    run: String,
    /// Trades per chunk, at most 8192.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=8192))]
    chunk_trades: u32,
    /// Chunks unanswered at once.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Time for top-ups after delivery, ms; 0 for the registry's default.
    #[arg(long, default_value_t = 0)]
    topup_window_ms: i64,
    /// Deposit and move what held trades lack, then try them again.
    #[arg(long)]
    cover_shortfall: bool,
}

impl SettleDay {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let mut plan = DayPlan::new(&self.date, files::wire_trades(&self.trades)?, &self.run);
        let cut = Cut::new(&self.trades, &plan.trades, self.chunk_trades, 1);
        plan.chunk_trades = self.chunk_trades as usize;
        plan.in_flight = self.in_flight;
        plan.topup_window_ms = self.topup_window_ms;
        if self.cover_shortfall {
            plan.topups = TopUps::CoverShortfall;
        }
        let registry = RegistryClient::new(global.connector_of(&self.registry_identity)?);
        let exchange = ExchangeClient::new(global.connector_of(&self.exchange_identity)?);
        let mut bars = StageBars::default();
        let settled = settle_day(&registry, &exchange, &plan, |at| bars.show(at)).await;
        bars.finish();
        Ok(page(&settled.map_err(|error| cut.explain(error.into()))?))
    }
}

fn page(report: &SettleReport) -> Page {
    let stages = report.stages.iter().map(|(stage, time)| {
        Record::default()
            .with("stage", stage.as_str())
            .with("elapsed_ms", u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    });
    Page::default()
        .one(
            day::day(&report.day)
                .with("submitted_trades", report.totals.trade_count)
                .with("submitted_tco2e", report.totals.quantity_tco2e.to_string())
                .with("submitted_yuan", format_fen(report.totals.amount_fen))
                .with("reconciliation_yuan", report.clearing.reconciliation_yuan.as_str())
                .with("topups", report.topups.len())
                .with("stream_resumptions", report.resumptions),
        )
        .many("banks", report.clearing.banks.iter().map(day::bank).collect())
        .many("first_held", report.first_held.iter().map(day::held).collect())
        .many("still_held", report.still_held.iter().map(day::held).collect())
        .many("stages", stages.collect())
}
