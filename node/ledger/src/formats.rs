//! Canonical bytes that outsiders compute too: `docs/formats.md`.

use sha2::{Digest as _, Sha256};

use crate::receipt::BankClearing;
use crate::types::{AccountId, BankId, Date, Fen, InstrumentCode, Quantity, Trade, TradeKind};

/// Bytes of one trade in every canonical format.
pub const TRADE_BYTES: usize = 65;

/// SHA-256 over a day's stream of trades, one by one.
#[derive(Clone, Debug)]
pub struct TradesHasher(Sha256);

impl TradesHasher {
    /// Starts a day's hash.
    #[must_use]
    pub fn new(date: Date) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"registry.v1.trades\0");
        hasher.update(date.yyyymmdd().to_be_bytes());
        Self(hasher)
    }

    /// Adds the next trade in the order of acceptance.
    pub fn add(&mut self, trade: &Trade) {
        self.0.update(trade_bytes(trade));
    }

    /// The hash of a manifest.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// One trade: all its fields in the order of the wire format, big-endian.
#[must_use]
pub fn trade_bytes(trade: &Trade) -> [u8; TRADE_BYTES] {
    let mut bytes = [0; TRADE_BYTES];
    let mut rest = bytes.as_mut_slice();
    let mut put = |field: &[u8]| {
        // The fields' lengths add up to TRADE_BYTES; the golden test holds them to it.
        if let Some((place, after)) = std::mem::take(&mut rest).split_at_mut_checked(field.len()) {
            place.copy_from_slice(field);
            rest = after;
        }
    };
    put(&trade.number.0.to_be_bytes());
    put(&[kind_number(trade.kind)]);
    put(&trade.instrument.to_bytes());
    put(&u64::from(trade.buyer.0).to_be_bytes());
    put(&u64::from(trade.seller.0).to_be_bytes());
    put(&u32::from(trade.buyer_bank.0).to_be_bytes());
    put(&u32::from(trade.seller_bank.0).to_be_bytes());
    put(&trade.quantity.0.to_be_bytes());
    put(&trade.price.0.to_be_bytes());
    put(&trade.traded_at.0.to_be_bytes());
    bytes
}

pub(crate) fn kind_number(kind: TradeKind) -> u8 {
    match kind {
        TradeKind::Listed => 1,
        TradeKind::Block => 2,
    }
}

pub(crate) fn kind_from_number(number: u8) -> Option<TradeKind> {
    match number {
        1 => Some(TradeKind::Listed),
        2 => Some(TradeKind::Block),
        _ => None,
    }
}

/// Tonnes that an account bought less those it sold, in one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoodsLine {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// Bought - sold.
    pub net: Quantity,
}

/// Money that an account received less what it paid, at one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CashLine {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub bank: BankId,
    /// Received - paid.
    pub net: Fen,
}

/// SHA-256 over a day's clearing. Each list in ascending order of its key, one
/// line for every key with a trade, even when it nets to zero.
#[must_use]
pub fn clearing_sha256(
    date: Date,
    banks: &[BankClearing],
    goods: &[GoodsLine],
    cash: &[CashLine],
) -> [u8; 32] {
    let mut hasher = ClearingHasher::new(date, banks);
    hasher.count(goods.len());
    goods.iter().for_each(|line| hasher.goods(*line));
    hasher.count(cash.len());
    cash.iter().for_each(|line| hasher.cash(*line));
    hasher.finish()
}

/// The same, line by line: lists of millions of lines need not exist.
pub(crate) struct ClearingHasher(Sha256);

impl ClearingHasher {
    pub(crate) fn new(date: Date, banks: &[BankClearing]) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"registry.v1.clearing\0");
        hasher.update(date.yyyymmdd().to_be_bytes());
        hasher.update(count_bytes(banks.len()));
        for line in banks {
            hasher.update(u32::from(line.bank.0).to_be_bytes());
            hasher.update(line.receives.0.to_be_bytes());
            hasher.update(line.pays.0.to_be_bytes());
        }
        Self(hasher)
    }

    /// Number of the goods lines, or of the cash lines after them, that follow.
    pub(crate) fn count(&mut self, lines: usize) {
        self.0.update(count_bytes(lines));
    }

    pub(crate) fn goods(&mut self, line: GoodsLine) {
        let mut bytes = [[0; 8]; 3];
        bytes[0] = u64::from(line.account.0).to_be_bytes();
        bytes[1] = line.instrument.to_bytes();
        bytes[2] = line.net.0.to_be_bytes();
        self.0.update(bytes.as_flattened());
    }

    pub(crate) fn cash(&mut self, line: CashLine) {
        let mut bytes = [[0; 4]; 5];
        let [account @ .., _, _, _] = &mut bytes;
        account.as_flattened_mut().copy_from_slice(&u64::from(line.account.0).to_be_bytes());
        bytes[2] = u32::from(line.bank.0).to_be_bytes();
        let [_, _, _, net @ ..] = &mut bytes;
        net.as_flattened_mut().copy_from_slice(&line.net.0.to_be_bytes());
        self.0.update(bytes.as_flattened());
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Counts are bounded far below u32 by the day's trades.
pub(crate) fn count_bytes(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes()
}
