//! The exchange's stream: chunks, manifest, confirmation.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use registry_client::amount::format_fen;
use registry_client::formats::{ClearingHasher, TradesHasher};
use registry_client::proto::{
    ConfirmClearingRequest, Day, DayState, GetDayRequest, SubmitManifestRequest, Trade,
};
use registry_client::{SubmitOptions, hex, unhex};

use crate::args::Global;
use crate::commands::row::Cut;
use crate::commands::{files, progress};
use crate::exit::{self, Alarm, Usage};
use crate::output::{Page, Record};
use crate::views::day;

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of trades, with the registry's account numbers.
    #[arg(long)]
    trades: PathBuf,
    /// Trades per chunk, at most 8192.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=8192))]
    chunk_trades: u32,
    /// Chunks unanswered at once.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Number of the file's first chunk; `day show` tells the last one taken.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    first_chunk: u32,
    /// Part of the request ids; the same run needs the same file and --chunk-trades.
    /// Default: random.
    #[arg(long, default_value = "")]
    run: String,
}

#[derive(Debug, Args)]
pub(crate) struct Manifest {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of all trades of the day's stream, without those settled at once.
    #[arg(long)]
    trades: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of all trades of the day, those settled at once included; the
    /// clearing hash of these books is sent.
    #[arg(long, conflicts_with = "sha256", required_unless_present = "sha256")]
    trades: Option<PathBuf>,
    /// The clearing hash of the exchange's books, 64 hexadecimal digits.
    #[arg(long)]
    sha256: Option<String>,
}

impl Submit {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let trades = files::wire_trades(&self.trades)?;
        let options = SubmitOptions {
            run: self.run.clone(),
            in_flight: self.in_flight,
            first_chunk: self.first_chunk,
        };
        let cut = Cut::new(&self.trades, &trades, self.chunk_trades, self.first_chunk);
        let bar = progress::bar("submit");
        bar.set_length(trades.len() as u64);
        let chunks = trades.chunks(self.chunk_trades as usize).map(<[Trade]>::to_vec);
        let exchange = global.exchange()?;
        let report = exchange
            .submit_trades(&self.date, chunks, &options, |reply| {
                bar.set_position(reply.trades_accepted);
            })
            .await
            .map_err(|error| cut.explain(error.into()))?;
        bar.finish();
        let record = Record::default()
            .with("date", self.date.as_str())
            .with("chunks", report.chunks)
            .with("trades_accepted", report.trades_accepted)
            .with("stream_resumptions", report.resumptions);
        Ok(Page::default().one(record))
    }
}

impl Manifest {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let mut hasher = TradesHasher::new(&self.date)?;
        for trade in files::wire_trades(&self.trades)? {
            hasher.add(&trade)?;
        }
        let totals = hasher.totals();
        let request = SubmitManifestRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            trade_count: totals.trade_count,
            quantity_tco2e: totals.quantity_tco2e,
            amount_yuan: format_fen(totals.amount_fen),
            trades_sha256: hasher.finish().to_vec().into(),
        };
        Ok(day::day_page(&global.exchange()?.submit_manifest(request).await?))
    }
}

impl Confirm {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let clearing_sha256 = match (&self.trades, &self.sha256) {
            (_, Some(digits)) => from_hex(digits)?,
            (Some(path), None) => {
                let mut hasher = ClearingHasher::new(&self.date)?;
                for trade in files::wire_trades(path)? {
                    hasher.add(&trade)?;
                }
                hasher.finish().to_vec()
            }
            (None, None) => bail!(Usage("give --trades or --sha256".to_owned())),
        };
        let request = ConfirmClearingRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            clearing_sha256: clearing_sha256.clone().into(),
        };
        // A dispute drops the clearing: its hash can only be read before.
        let read = GetDayRequest { date: self.date.clone(), consistency: global.consistency() };
        let cleared = global.reads()?.get_clearing(read).await;
        let reply = global.exchange()?.confirm_clearing(request).await?;
        let page = day::day_page(&reply);
        match reply.day.as_ref().map(Day::state) {
            Some(DayState::Disputed) => {
                let registry = cleared.map_or_else(
                    |_| "(no longer kept)".to_owned(),
                    |clearing| hex(&clearing.clearing_sha256),
                );
                Ok(page.with_alarm(disputed(&self.date, &hex(&clearing_sha256), &registry)))
            }
            _ => Ok(page),
        }
    }
}

fn disputed(date: &str, own_sha256: &str, registry_sha256: &str) -> Alarm {
    Alarm {
        text: format!(
            "WARNING: day {date} is now DISPUTED: the hash sent is {own_sha256}, the registry's \
             is {registry_sha256}"
        ),
        exit_code: exit::REJECTED,
        hint: format!(
            "if trades are wrong, `day amend --date {date}` them; then, or if only the confirmed \
             file was wrong, send the manifest again: `day manifest --date {date}`; the day is \
             cleared and confirmed anew. The file for `day confirm` has the trades settled at \
             once too, the file for `day manifest` has not"
        ),
    }
}

fn from_hex(digits: &str) -> Result<Vec<u8>> {
    match unhex(digits).filter(|bytes| bytes.len() == 32) {
        Some(bytes) => Ok(bytes),
        None => bail!(Usage("--sha256 must be 64 hexadecimal digits".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_64_hexadecimal_digits() {
        assert_eq!(from_hex(&"0aF9".repeat(16)).expect("well-formed")[..2], [0x0a, 0xf9]);
        for bad in ["", "0a", &"g".repeat(64), &"+1".repeat(32), &"a".repeat(63), &"碳".repeat(64)]
        {
            assert!(from_hex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dispute_is_told_with_both_hashes() {
        let alarm = disputed("2021-12-16", "aa", "bb");
        assert!(alarm.text.contains("DISPUTED: the hash sent is aa, the registry's is bb"));
        assert!(alarm.hint.contains("day amend") && alarm.hint.contains("day manifest"));
        assert_eq!(alarm.exit_code, 3);
    }
}
