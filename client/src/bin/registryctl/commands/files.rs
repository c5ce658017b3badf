//! Sample files by their paths.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use registry_client::proto::Trade;
use registry_client::sample::{
    DayFigures, Population, SampleTrade, read_figures, read_trades, write_trades,
};
use registry_client::workflow::wire_trade;

pub(crate) fn trades(path: &Path) -> Result<Vec<SampleTrade>> {
    let trades = read_trades(open(path)?).with_context(|| path.display().to_string())?;
    Ok(trades)
}

/// Trades whose account numbers are the registry's.
pub(crate) fn wire_trades(path: &Path) -> Result<Vec<Trade>> {
    Ok(trades(path)?.iter().map(wire_trade).collect())
}

/// The only trade of a file.
pub(crate) fn single_trade(path: &Path) -> Result<Trade> {
    match trades(path)?.as_slice() {
        [trade] => Ok(wire_trade(trade)),
        trades => bail!("{} holds {} trades, exactly one is needed", path.display(), trades.len()),
    }
}

pub(crate) fn population(path: &Path) -> Result<Population> {
    Population::read(open(path)?).with_context(|| path.display().to_string())
}

/// The figures of one day, or of the only day in the file.
pub(crate) fn figures(path: &Path, date: Option<&str>) -> Result<DayFigures> {
    let days = read_figures(open(path)?).with_context(|| path.display().to_string())?;
    let mut chosen =
        days.into_iter().filter(|day| date.is_none_or(|date| day.date.to_string() == date));
    match (chosen.next(), chosen.next()) {
        (Some(day), None) => Ok(day),
        (None, _) => bail!("{} has no row for {}", path.display(), date.unwrap_or("any day")),
        (Some(_), Some(_)) => bail!("{} has several days; choose one: --date", path.display()),
    }
}

pub(crate) fn write_population(path: &Path, population: &Population) -> Result<()> {
    population.write(create(path)?).with_context(|| path.display().to_string())
}

pub(crate) fn write_trade_file(path: &Path, trades: &[SampleTrade]) -> Result<()> {
    write_trades(create(path)?, trades).with_context(|| path.display().to_string())
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::new(file))
}

pub(super) fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}
