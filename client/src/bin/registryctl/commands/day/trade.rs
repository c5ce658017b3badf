//! Single trades: list, amend, settle at once.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use registry_client::proto::{
    AmendTradeRequest, ListTradesRequest, SettleTradeRequest, TradeStatus,
};

use crate::args::Global;
use crate::commands::files;
use crate::output::{Page, Record};
use crate::views::{day, stamp};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Only trades with this status.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Start after this sequence number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Trades per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Accepted,
    Delivered,
    Held,
    Failed,
    Voided,
    ReserveCovered,
}

#[derive(Debug, Args)]
pub(crate) struct Amend {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// The trade's number.
    #[arg(long)]
    trade: u64,
    /// CSV file with the one trade that replaces it; without it the trade is voided.
    #[arg(long, conflicts_with = "void", required_unless_present = "void")]
    replacement: Option<PathBuf>,
    /// Take the trade out of the day.
    #[arg(long)]
    void: bool,
    /// Why, 1 to 200 bytes.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Settle {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file with the one trade.
    #[arg(long)]
    trade: PathBuf,
}

impl List {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let status = self.status.map_or(TradeStatus::Unspecified, |status| match status {
            Status::Accepted => TradeStatus::Accepted,
            Status::Delivered => TradeStatus::Delivered,
            Status::Held => TradeStatus::Held,
            Status::Failed => TradeStatus::Failed,
            Status::Voided => TradeStatus::Voided,
            Status::ReserveCovered => TradeStatus::ReserveCovered,
        });
        let request = ListTradesRequest {
            date: self.date.clone(),
            status: status.into(),
            after_sequence: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_trades(request).await?;
        let next = Record::default().with("next_after_sequence", reply.next_after_sequence);
        Ok(Page::default()
            .many("trades", reply.trades.iter().map(day::trade_record).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

impl Amend {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let replacement = self.replacement.as_deref().map(files::single_trade).transpose()?;
        let request = AmendTradeRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            trade_number: self.trade,
            replacement,
            reason: self.reason.clone(),
        };
        Ok(day::day_page(&global.exchange()?.amend_trade(request).await?))
    }
}

impl Settle {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = SettleTradeRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            trade: Some(files::single_trade(&self.trade)?),
        };
        let reply = global.exchange()?.settle_trade(request).await?;
        Ok(Page::default()
            .one(day::result(&reply.result.unwrap_or_default()))
            .stamp(stamp(reply.stamp)))
    }
}
