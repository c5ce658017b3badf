//! Delivery with its results.

use anyhow::Result;
use clap::Args;

use crate::args::Global;
use crate::commands::progress;
use crate::output::{Page, Record};
use crate::views::{day, stamp};

#[derive(Debug, Args)]
pub(crate) struct Deliver {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Results up to this sequence number are known already.
    #[arg(long, default_value_t = 0)]
    after: u64,
}

impl Deliver {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let bar = progress::bar("deliver");
        let exchange = global.exchange()?;
        let report = exchange
            .deliver_day(&self.date, self.after, |reply| {
                bar.set_length(reply.trade_count);
                bar.set_position(reply.through_sequence);
            })
            .await?;
        bar.finish();
        let record = Record::default()
            .with("date", self.date.as_str())
            .with("trade_count", report.trade_count)
            .with("through_sequence", report.through_sequence)
            .with("delivered", report.delivered)
            .with("held", report.held.len())
            .with("stream_resumptions", report.resumptions);
        Ok(Page::default()
            .one(record)
            .many("held_trades", report.held.iter().map(day::result).collect())
            .stamp(stamp(Some(report.stamp))))
    }
}
