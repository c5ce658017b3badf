//! A trade as the journal's 65 bytes.

use registry_proto::registry::{Trade, TradeKind};

use super::bytes::{DecodeError, Reader, Wire};
use super::code::{Date, Instrument, TradeWay};
use crate::amount::{format_fen, parse_fen};

/// A trade with everything that its canonical bytes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeLine {
    /// The exchange's number.
    pub number: u64,
    /// Listed or block.
    pub way: TradeWay,
    /// What is traded.
    pub instrument: Instrument,
    /// Buyer's account.
    pub buyer: u64,
    /// Seller's account.
    pub seller: u64,
    /// Where the buyer pays.
    pub buyer_bank: u32,
    /// Where the seller is paid.
    pub seller_bank: u32,
    /// Whole tonnes.
    pub tonnes: i64,
    /// Per tonne.
    pub price_fen: i64,
    /// Milliseconds since 1970, UTC.
    pub traded_at_ms: i64,
}

impl TradeLine {
    /// Price times tonnes, unless it is out of range.
    #[must_use]
    pub fn amount_fen(&self) -> Option<i64> {
        self.price_fen.checked_mul(self.tonnes)
    }

    /// As a node sends it.
    ///
    /// # Errors
    /// What keeps it from having canonical bytes.
    pub fn from_wire(trade: &Trade) -> Result<Self, String> {
        let bad = |what: &str| format!("trade {}: {what}", trade.trade_number);
        Ok(Self {
            number: trade.trade_number,
            way: match trade.kind() {
                TradeKind::Listed => TradeWay::Listed,
                TradeKind::Block => TradeWay::Block,
                TradeKind::Unspecified => return Err(bad("neither listed nor block")),
            },
            instrument: Instrument::from_text(&trade.instrument)
                .ok_or_else(|| bad("no instrument"))?,
            buyer: trade.buyer_account,
            seller: trade.seller_account,
            buyer_bank: trade.buyer_bank,
            seller_bank: trade.seller_bank,
            tonnes: trade.quantity_tco2e,
            price_fen: parse_fen(&trade.price_yuan).map_err(|error| bad(&error.to_string()))?,
            traded_at_ms: trade.traded_at_ms,
        })
    }

    /// For the hashes of [`crate::formats`].
    #[must_use]
    pub fn to_wire(&self) -> Trade {
        Trade {
            trade_number: self.number,
            kind: match self.way {
                TradeWay::Listed => TradeKind::Listed.into(),
                TradeWay::Block => TradeKind::Block.into(),
            },
            instrument: self.instrument.to_string(),
            buyer_account: self.buyer,
            seller_account: self.seller,
            buyer_bank: self.buyer_bank,
            seller_bank: self.seller_bank,
            quantity_tco2e: self.tonnes,
            price_yuan: format_fen(self.price_fen),
            traded_at_ms: self.traded_at_ms,
        }
    }
}

impl Wire for TradeLine {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: u64::from_be_bytes(from.read()?),
            way: from.read()?,
            instrument: from.read()?,
            buyer: u64::from_be_bytes(from.read()?),
            seller: u64::from_be_bytes(from.read()?),
            buyer_bank: u32::from_be_bytes(from.read()?),
            seller_bank: u32::from_be_bytes(from.read()?),
            tonnes: i64::from_be_bytes(from.read()?),
            price_fen: i64::from_be_bytes(from.read()?),
            traded_at_ms: i64::from_be_bytes(from.read()?),
        })
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.number.to_be_bytes());
        self.way.put(to);
        self.instrument.put(to);
        to.extend(self.buyer.to_be_bytes());
        to.extend(self.seller.to_be_bytes());
        to.extend(self.buyer_bank.to_be_bytes());
        to.extend(self.seller_bank.to_be_bytes());
        to.extend(self.tonnes.to_be_bytes());
        to.extend(self.price_fen.to_be_bytes());
        to.extend(self.traded_at_ms.to_be_bytes());
    }
}

/// Places of a day's trades, from 1, in the order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeRange {
    /// The settlement day.
    pub date: Date,
    /// The first place.
    pub first: u64,
    /// How many.
    pub count: u64,
}
