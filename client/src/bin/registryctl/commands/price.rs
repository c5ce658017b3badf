//! `price`: the price board.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::{GetDailyPriceRequest, ListDailyPricesRequest};

use crate::args::Global;
use crate::exit::Usage;
use crate::output::{Page, Record};
use crate::views::{market, stamp};

/// The price board.
#[derive(Debug, Subcommand)]
pub(crate) enum PriceCommand {
    /// One day's line.
    Show(Show),
    /// Several days' lines.
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// E.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// E.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// First day, YYYY-MM-DD.
    #[arg(long, default_value = "")]
    from: String,
    /// Last day, YYYY-MM-DD.
    #[arg(long, default_value = "")]
    to: String,
    /// Days per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

impl PriceCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Show(show) => show.run(global).await,
            Self::List(list) => list.run(global).await,
        }
    }
}

impl Show {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = GetDailyPriceRequest {
            instrument: self.instrument.clone(),
            date: self.date.clone(),
            consistency: global.consistency(),
        };
        let reply = global.reads()?.get_daily_price(request).await?;
        Ok(Page::default()
            .one(market::price(&reply.price.unwrap_or_default()))
            .stamp(stamp(reply.stamp)))
    }
}

impl List {
    /// Malformed dates are the node's to refuse.
    fn check(&self) -> Result<(), Usage> {
        match (self.from.as_str(), self.to.as_str()) {
            ("", _) | (_, "") => Ok(()),
            (from, to) if from.len() == 10 && to.len() == 10 && from > to => {
                Err(Usage(format!("--from {from} is later than --to {to}")))
            }
            _ => Ok(()),
        }
    }

    async fn run(&self, global: &Global) -> Result<Page> {
        self.check()?;
        let request = ListDailyPricesRequest {
            instrument: self.instrument.clone(),
            from_date: self.from.clone(),
            to_date: self.to.clone(),
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_daily_prices(request).await?;
        Ok(Page::default()
            .many("prices", reply.prices.iter().map(market::price).collect())
            .one(Record::default().with("next_from_date", reply.next_from_date))
            .stamp(stamp(reply.stamp)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_does_not_end_before_it_begins() {
        let cases = [
            ("2021-12-16", "2021-12-15", false),
            ("2021-12-16", "2021-12-16", true),
            ("", "2021-12-16", true),
            ("2021-12-16", "", true),
        ];
        for (from, to, good) in cases {
            let list = List {
                instrument: "CCER".to_owned(),
                from: from.to_owned(),
                to: to.to_owned(),
                page_size: 1,
            };
            assert_eq!(list.check().is_ok(), good, "{from} {to}");
        }
    }
}
