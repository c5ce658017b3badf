//! Held trades: list, try again, end.

use anyhow::Result;
use clap::Args;
use registry_client::proto::{HeldTradesRequest, TradeResultsReply, TradeStatus};

use super::Date;
use crate::args::Global;
use crate::output::Page;
use crate::views::{day, stamp};

#[derive(Debug, Args)]
pub(crate) struct Numbers {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Trade numbers, comma separated, at most 1000.
    #[arg(long, value_delimiter = ',', required = true)]
    trades: Vec<u64>,
}

pub(super) async fn list(global: &Global, date: &Date) -> Result<Page> {
    let trades = global.reads()?.all_trades(&date.date, TradeStatus::Held).await?;
    Ok(Page::default().many("held_trades", trades.iter().map(day::trade_record).collect()))
}

impl Numbers {
    pub(super) async fn retry(&self, global: &Global) -> Result<Page> {
        Ok(page(&global.registry()?.retry_held(self.request(global)).await?))
    }

    pub(super) async fn fail(&self, global: &Global) -> Result<Page> {
        Ok(page(&global.registry()?.fail_held(self.request(global)).await?))
    }

    fn request(&self, global: &Global) -> HeldTradesRequest {
        HeldTradesRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            trade_numbers: self.trades.clone(),
        }
    }
}

fn page(reply: &TradeResultsReply) -> Page {
    Page::default()
        .many("results", reply.results.iter().map(day::result).collect())
        .stamp(stamp(reply.stamp))
}
