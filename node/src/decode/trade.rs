//! One trade.

use registry_ledger::{LedgerTime, Rejection, Trade, TradeKind, TradeNumber, amount};
use registry_proto::registry;

use super::fields;

/// What a chunk says of itself, read without its trades.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ChunkHead {
    #[prost(string, tag = "1")]
    pub(crate) date: String,
    #[prost(uint32, tag = "2")]
    pub(crate) chunk_number: u32,
}

/// A trade as a client sent it, its texts wherever they lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct TradeFields<'a> {
    pub(super) trade_number: u64,
    pub(super) kind: i32,
    pub(super) instrument: &'a str,
    pub(super) buyer_account: u64,
    pub(super) seller_account: u64,
    pub(super) buyer_bank: u32,
    pub(super) seller_bank: u32,
    pub(super) quantity_tco2e: i64,
    pub(super) price_yuan: &'a str,
    pub(super) traded_at_ms: i64,
}

impl<'a> From<&'a registry::Trade> for TradeFields<'a> {
    fn from(message: &'a registry::Trade) -> Self {
        Self {
            trade_number: message.trade_number,
            kind: message.kind,
            instrument: &message.instrument,
            buyer_account: message.buyer_account,
            seller_account: message.seller_account,
            buyer_bank: message.buyer_bank,
            seller_bank: message.seller_bank,
            quantity_tco2e: message.quantity_tco2e,
            price_yuan: &message.price_yuan,
            traded_at_ms: message.traded_at_ms,
        }
    }
}

/// One trade; fields are named without the path to it.
pub(super) fn trade(message: &TradeFields<'_>) -> Result<Trade, Rejection> {
    const PRICE: &str = "price_yuan";
    if message.trade_number == 0 {
        return fields::missing("trade_number");
    }
    let price = amount::parse_price(message.price_yuan, PRICE)?;
    if price.0 <= 0 {
        return fields::not_positive(PRICE, price.0);
    }
    Ok(Trade {
        number: TradeNumber(message.trade_number),
        kind: kind(message.kind)?,
        instrument: fields::instrument(message.instrument, "instrument")?,
        buyer: fields::account(message.buyer_account, "buyer_account")?,
        seller: fields::account(message.seller_account, "seller_account")?,
        buyer_bank: fields::bank(message.buyer_bank, "buyer_bank")?,
        seller_bank: fields::bank(message.seller_bank, "seller_bank")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
        price,
        traded_at: LedgerTime(message.traded_at_ms),
    })
}

fn kind(kind: i32) -> Result<TradeKind, Rejection> {
    match registry::TradeKind::try_from(kind) {
        Ok(registry::TradeKind::Listed) => Ok(TradeKind::Listed),
        Ok(registry::TradeKind::Block) => Ok(TradeKind::Block),
        Ok(registry::TradeKind::Unspecified) => fields::missing("kind"),
        Err(_) => fields::unknown_value("kind", kind),
    }
}
