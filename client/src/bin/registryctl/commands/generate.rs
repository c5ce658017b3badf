//! `generate-population` and `generate-day`: sample input.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use registry_client::sample::{
    DEFAULT_FIRM_COUNT, DEFAULT_INSTRUMENT, DayOptions, HeldPlan, Population, fund, generate_day,
};

use super::files;
use crate::output::{Page, Record};

/// Make sample firms: invented names, valid credit codes.
#[derive(Debug, Args)]
pub(crate) struct GeneratePopulation {
    /// How many firms.
    #[arg(long, default_value_t = DEFAULT_FIRM_COUNT)]
    firms: usize,
    /// The same seed gives the same firms.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CSV file to write.
    #[arg(long)]
    out: PathBuf,
}

/// Make a day's trades that add up to its published figures exactly.
#[derive(Debug, Args)]
pub(crate) struct GenerateDay {
    /// CSV file of published figures.
    #[arg(long)]
    figures: PathBuf,
    /// Which row; not needed for a file of one day.
    #[arg(long)]
    date: Option<String>,
    /// CSV file of the firms that trade.
    #[arg(long)]
    population: PathBuf,
    /// The same seed gives the same trades.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is traded.
    #[arg(long, default_value = DEFAULT_INSTRUMENT)]
    instrument: String,
    /// Number of listed trades; default: a mean of about 500 t.
    #[arg(long)]
    listed_trades: Option<u64>,
    /// CSV file of trades to write.
    #[arg(long)]
    out: PathBuf,
    /// Also write the firms with what they need to deliver the trades.
    #[arg(long)]
    funded_population: Option<PathBuf>,
    /// Trades to be held for want of goods, when funding.
    #[arg(long, default_value_t = HeldPlan::default().goods_short)]
    goods_short: usize,
    /// Trades to be held for want of money, when funding.
    #[arg(long, default_value_t = HeldPlan::default().cash_short)]
    cash_short: usize,
}

impl GeneratePopulation {
    pub(crate) fn run(&self) -> Result<Page> {
        let population = Population::generate(self.firms, self.seed);
        files::write_population(&self.out, &population)?;
        let record = Record::default()
            .with("firms", population.firms().len())
            .with("file", self.out.display().to_string());
        Ok(Page::default().one(record))
    }
}

impl GenerateDay {
    pub(crate) fn run(&self) -> Result<Page> {
        let figures = files::figures(&self.figures, self.date.as_deref())?;
        let mut population = files::population(&self.population)?;
        let options =
            DayOptions { instrument: self.instrument.clone(), listed_trades: self.listed_trades };
        let trades = generate_day(&figures, &population, self.seed, &options)?;
        files::write_trade_file(&self.out, &trades)?;
        let mut record = Record::default()
            .with("date", figures.date.to_string())
            .with("trades", trades.len())
            .with("file", self.out.display().to_string());
        if let Some(path) = &self.funded_population {
            let plan = HeldPlan { goods_short: self.goods_short, cash_short: self.cash_short };
            let held = fund(&mut population, &trades, plan)?;
            files::write_population(path, &population)?;
            record = record
                .with("held_trades", held.len())
                .with("funded_population", path.display().to_string());
        }
        Ok(Page::default().one(record))
    }
}
