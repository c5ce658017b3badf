//! Canonical bytes of a day's trades and clearing, and their SHA-256.
//!
//! Computed here from the exchange's own trades and independently of the
//! ledger, so that equal hashes mean equal books. The formats are fixed in
//! `docs/formats.md`; all integers are big-endian.

use std::collections::BTreeMap;

use registry_proto::registry::{Trade, TradeKind};
use sha2::{Digest as _, Sha256};

use crate::amount::{AmountError, parse_fen};

const TRADES_PREFIX: &[u8] = b"registry.v1.trades\0";
const CLEARING_PREFIX: &[u8] = b"registry.v1.clearing\0";
const PAYMENTS_PREFIX: &[u8] = b"registry.v1.payments\0";
const CREDIT_PREFIX: &[u8] = b"registry.v1.credit\0";

/// SHA-256 over a batch of credits of the inclusive-platform instrument: each
/// line a person's 16 bytes and the grams.
#[must_use]
pub fn credit_sha256(batch_number: u64, lines: &[([u8; 16], i64)]) -> [u8; 32] {
    let mut sha256 = Sha256::new_with_prefix(CREDIT_PREFIX);
    sha256.update(batch_number.to_be_bytes());
    sha256.update(u32::try_from(lines.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (owner, grams) in lines {
        sha256.update(owner);
        sha256.update(grams.to_be_bytes());
    }
    sha256.finalize().into()
}

/// A trade or date that has no canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not `YYYY-MM-DD`.
    #[error("{0:?} is not a date of the form YYYY-MM-DD")]
    Date(String),
    /// A price that is no amount.
    #[error("trade {trade_number}: {cause}")]
    Price {
        /// Which trade.
        trade_number: u64,
        /// What is wrong with it.
        cause: AmountError,
    },
    /// An instrument code longer than 8 bytes.
    #[error("trade {trade_number}: instrument {instrument:?} is longer than 8 bytes")]
    Instrument {
        /// Which trade.
        trade_number: u64,
        /// Its instrument.
        instrument: String,
    },
    /// Neither listed nor block.
    #[error("trade {0}: kind is neither LISTED nor BLOCK")]
    Kind(u64),
    /// Price x quantity, or a sum, is too large.
    #[error("trade {0}: an amount or sum is out of range")]
    OutOfRange(u64),
}

/// Hash over the stream's trades in the order of acceptance, with their totals:
/// what a manifest says.
#[derive(Clone, Debug)]
pub struct TradesHasher {
    sha256: Sha256,
    totals: TradeTotals,
}

/// Totals of a day's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeTotals {
    /// Trades.
    pub trade_count: u64,
    /// Sum of tonnes.
    pub quantity_tco2e: i64,
    /// Sum of price x quantity.
    pub amount_fen: i64,
}

impl TradesHasher {
    /// Starts a day's hash.
    ///
    /// # Errors
    /// `Date` for anything but `YYYY-MM-DD`.
    pub fn new(date: &str) -> Result<Self, FormatError> {
        let mut sha256 = Sha256::new();
        sha256.update(TRADES_PREFIX);
        sha256.update(date_number(date)?.to_be_bytes());
        Ok(Self { sha256, totals: TradeTotals::default() })
    }

    /// Adds the next trade.
    ///
    /// # Errors
    /// What keeps the trade from having canonical bytes; nothing is added then.
    pub fn add(&mut self, trade: &Trade) -> Result<(), FormatError> {
        let price_fen = price_fen(trade)?;
        let kind: u8 = match trade.kind() {
            TradeKind::Listed => 1,
            TradeKind::Block => 2,
            TradeKind::Unspecified => return Err(FormatError::Kind(trade.trade_number)),
        };
        let instrument = instrument_bytes(trade)?;
        let overflow = || FormatError::OutOfRange(trade.trade_number);
        let amount_fen = price_fen.checked_mul(trade.quantity_tco2e).ok_or_else(overflow)?;
        let totals = TradeTotals {
            trade_count: self.totals.trade_count + 1,
            quantity_tco2e: self
                .totals
                .quantity_tco2e
                .checked_add(trade.quantity_tco2e)
                .ok_or_else(overflow)?,
            amount_fen: self.totals.amount_fen.checked_add(amount_fen).ok_or_else(overflow)?,
        };
        self.totals = totals;
        self.sha256.update(trade.trade_number.to_be_bytes());
        self.sha256.update([kind]);
        self.sha256.update(instrument);
        self.sha256.update(trade.buyer_account.to_be_bytes());
        self.sha256.update(trade.seller_account.to_be_bytes());
        self.sha256.update(trade.buyer_bank.to_be_bytes());
        self.sha256.update(trade.seller_bank.to_be_bytes());
        self.sha256.update(trade.quantity_tco2e.to_be_bytes());
        self.sha256.update(price_fen.to_be_bytes());
        self.sha256.update(trade.traded_at_ms.to_be_bytes());
        Ok(())
    }

    /// Totals of the trades added so far.
    #[must_use]
    pub fn totals(&self) -> TradeTotals {
        self.totals
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.sha256.finalize().into()
    }
}

/// A day's obligations, summed from trades in any order.
#[derive(Clone, Debug)]
pub struct ClearingHasher {
    date: u32,
    banks: BTreeMap<u32, BankTotals>,
    quantities: BTreeMap<(u64, [u8; 8]), i64>,
    amounts: BTreeMap<(u64, u32), i64>,
}

/// What one bank receives and pays for its customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BankTotals {
    /// For its selling customers.
    pub receives_fen: i64,
    /// For its buying customers.
    pub pays_fen: i64,
}

impl ClearingHasher {
    /// Starts a day's clearing.
    ///
    /// # Errors
    /// `Date` for anything but `YYYY-MM-DD`.
    pub fn new(date: &str) -> Result<Self, FormatError> {
        Ok(Self {
            date: date_number(date)?,
            banks: BTreeMap::new(),
            quantities: BTreeMap::new(),
            amounts: BTreeMap::new(),
        })
    }

    /// Adds both sides of a trade.
    ///
    /// # Errors
    /// What keeps the trade from being cleared; the sums are then useless.
    pub fn add(&mut self, trade: &Trade) -> Result<(), FormatError> {
        let overflow = || FormatError::OutOfRange(trade.trade_number);
        let instrument = instrument_bytes(trade)?;
        let quantity = trade.quantity_tco2e;
        let amount = price_fen(trade)?.checked_mul(quantity).ok_or_else(overflow)?;
        let to_add = |sum: &mut i64, value: i64| {
            *sum = sum.checked_add(value).ok_or_else(overflow)?;
            Ok::<(), FormatError>(())
        };
        to_add(&mut self.banks.entry(trade.seller_bank).or_default().receives_fen, amount)?;
        to_add(&mut self.banks.entry(trade.buyer_bank).or_default().pays_fen, amount)?;
        let (buyer, seller) = (trade.buyer_account, trade.seller_account);
        to_add(self.quantities.entry((buyer, instrument)).or_default(), quantity)?;
        to_add(self.quantities.entry((seller, instrument)).or_default(), -quantity)?;
        to_add(self.amounts.entry((seller, trade.seller_bank)).or_default(), amount)?;
        to_add(self.amounts.entry((buyer, trade.buyer_bank)).or_default(), -amount)
    }

    /// Totals per bank, in order of bank id.
    #[must_use]
    pub fn banks(&self) -> &BTreeMap<u32, BankTotals> {
        &self.banks
    }

    /// The hash.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        let mut sha256 = Sha256::new();
        sha256.update(CLEARING_PREFIX);
        sha256.update(self.date.to_be_bytes());
        sha256.update(count(self.banks.len()));
        for (bank, totals) in &self.banks {
            sha256.update(bank.to_be_bytes());
            sha256.update(totals.receives_fen.to_be_bytes());
            sha256.update(totals.pays_fen.to_be_bytes());
        }
        sha256.update(count(self.quantities.len()));
        for ((account, instrument), net_tco2e) in &self.quantities {
            sha256.update(account.to_be_bytes());
            sha256.update(instrument);
            sha256.update(net_tco2e.to_be_bytes());
        }
        sha256.update(count(self.amounts.len()));
        for ((account, bank), net_fen) in &self.amounts {
            sha256.update(account.to_be_bytes());
            sha256.update(bank.to_be_bytes());
            sha256.update(net_fen.to_be_bytes());
        }
        sha256.finalize().into()
    }
}

/// Hash over a bank's payment instructions of one day.
#[derive(Clone, Debug)]
pub struct PaymentsHasher(Sha256);

impl PaymentsHasher {
    /// Starts the hash of so many lines.
    ///
    /// # Errors
    /// `Date` for anything but `YYYY-MM-DD`.
    pub fn new(date: &str, bank_id: u32, lines: usize) -> Result<Self, FormatError> {
        let mut sha256 = Sha256::new();
        sha256.update(PAYMENTS_PREFIX);
        sha256.update(date_number(date)?.to_be_bytes());
        sha256.update(bank_id.to_be_bytes());
        sha256.update(count(lines));
        Ok(Self(sha256))
    }

    /// Adds the next account, ascending, with what it receives less what it pays.
    pub fn add(&mut self, account_id: u64, net_fen: i64) {
        self.0.update(account_id.to_be_bytes());
        self.0.update(net_fen.to_be_bytes());
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// `2021-12-16` as 20211216. The calendar itself is the registry's to check.
fn date_number(date: &str) -> Result<u32, FormatError> {
    let bad = || FormatError::Date(date.to_owned());
    let well_formed = date.len() == 10
        && date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !well_formed {
        return Err(bad());
    }
    date.replace('-', "").parse().map_err(|_| bad())
}

fn price_fen(trade: &Trade) -> Result<i64, FormatError> {
    let trade_number = trade.trade_number;
    parse_fen(&trade.price_yuan).map_err(|cause| FormatError::Price { trade_number, cause })
}

fn instrument_bytes(trade: &Trade) -> Result<[u8; 8], FormatError> {
    let mut bytes = [0; 8];
    let text = trade.instrument.as_bytes();
    bytes
        .get_mut(..text.len())
        .ok_or_else(|| FormatError::Instrument {
            trade_number: trade.trade_number,
            instrument: trade.instrument.clone(),
        })?
        .copy_from_slice(text);
    Ok(bytes)
}

/// Lines are counted in 32 bits; a day has fewer accounts than that.
fn count(lines: usize) -> [u8; 4] {
    u32::try_from(lines).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
#[path = "formats_tests.rs"]
mod tests;
