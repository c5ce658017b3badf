//! The exchange's stream: chunks, manifest, confirmation.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use registry_client::SubmitOptions;
use registry_client::amount::format_fen;
use registry_client::formats::{ClearingHasher, TradesHasher};
use registry_client::proto::{ConfirmClearingRequest, SubmitManifestRequest, Trade};

use crate::args::Global;
use crate::commands::{files, progress};
use crate::exit::Usage;
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
    /// Part of the request ids, for sending the same file again; default: random.
    #[arg(long, default_value = "")]
    run: String,
}

#[derive(Debug, Args)]
pub(crate) struct Manifest {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of all trades of the day's stream.
    #[arg(long)]
    trades: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file of all trades of the day; its own clearing hash is sent.
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
        let bar = progress::bar("submit");
        bar.set_length(trades.len() as u64);
        let chunks = trades.chunks(self.chunk_trades as usize).map(<[Trade]>::to_vec);
        let exchange = global.exchange()?;
        let report = exchange
            .submit_trades(&self.date, chunks, &options, |reply| {
                bar.set_position(reply.trades_accepted);
            })
            .await?;
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
            clearing_sha256: clearing_sha256.into(),
        };
        Ok(day::day_page(&global.exchange()?.confirm_clearing(request).await?))
    }
}

fn from_hex(digits: &str) -> Result<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|text| !text.starts_with('+'))?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    match bytes {
        Some(bytes) if digits.len() == 64 => Ok(bytes),
        _ => bail!(Usage("--sha256 must be 64 hexadecimal digits".to_owned())),
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
}
