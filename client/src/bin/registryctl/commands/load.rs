//! `load-population`: fill an empty registry.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use registry_client::amount::{format_fen, parse_fen};
use registry_client::sample::DEFAULT_INSTRUMENT;
use registry_client::workflow::{LoadOptions, load_population, renumber};

use super::control::Checker;
use super::{files, progress};
use crate::args::Global;
use crate::output::{Page, Record};

/// Fill an empty registry with banks, an instrument, firms, allowances and money.
#[derive(Debug, Args)]
pub(crate) struct LoadPopulation {
    /// CSV file of the firms.
    #[arg(long)]
    population: PathBuf,
    /// What the firms hold.
    #[arg(long, default_value = DEFAULT_INSTRUMENT)]
    instrument: String,
    /// Base of the first day's price limits, yuan per tonne: the previous close.
    #[arg(long)]
    reference_price: String,
    /// Part of the request ids; the same run again goes on where it stopped and
    /// needs the same files and flags.
    #[arg(long, default_value = "1")]
    run: String,
    /// Firms loaded at once.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Open accounts one after another, so that numbers equal the file's.
    #[arg(long)]
    keep_numbers: bool,
    /// CSV file of a day's trades: what sellers lack stays in their registered position.
    #[arg(long)]
    trades: Option<PathBuf>,
    #[command(flatten)]
    checker: Checker,
    /// Write the trades with the registry's account numbers.
    #[arg(long, requires = "trades")]
    trades_out: Option<PathBuf>,
}

impl LoadPopulation {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let population = files::population(&self.population)?;
        let trades = match &self.trades {
            Some(path) => files::trades(path)?,
            None => Vec::new(),
        };
        let reference_price_fen = parse_fen(&self.reference_price).context("--reference-price")?;
        let mut options = LoadOptions::new(&self.run, reference_price_fen)
            .with_reserves_for(&population, &trades);
        options.instrument.clone_from(&self.instrument);
        options.in_flight = self.in_flight;
        options.keep_numbers = self.keep_numbers;

        let bar = progress::bar("firms");
        let report =
            load_population(&self.checker.officers(global)?, &population, &options, |at| {
                bar.set_length(at.total);
                bar.set_position(at.done);
            })
            .await?;
        bar.finish();
        if let Some(path) = &self.trades_out {
            files::write_trade_file(path, &renumber(&trades, &report.accounts)?)?;
        }
        let record = Record::default()
            .with("banks", report.banks)
            .with("accounts", report.accounts.len())
            .with("issued_tco2e", report.issued_tco2e.to_string())
            .with("deposited_yuan", format_fen(report.deposited_fen))
            .with("elapsed_s", format!("{:.1}", report.elapsed.as_secs_f64()));
        Ok(Page::default().one(record))
    }
}
