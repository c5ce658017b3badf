//! Trades, alone and in chunks.

use prost::Message as _;
use registry_ledger::{
    Chunk, Command, LedgerTime, Reason, Rejection, TRADES_PER_CHUNK_LIMIT, Trade, TradeKind,
    TradeNumber, amount,
};
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

/// A chunk from the bytes that the exchange sent and the log keeps.
pub(super) fn chunk(bytes: &[u8]) -> Result<Command, Rejection> {
    if bytes.is_empty() {
        return fields::missing("chunk");
    }
    let chunk = registry::TradeChunk::decode(bytes).map_err(|error| {
        let message = format!("chunk is not an encoded TradeChunk: {error}");
        Rejection::new(Reason::Malformed, "chunk", message)
    })?;
    let date = fields::date(&chunk.date, "chunk.date")?;
    if chunk.chunk_number == 0 {
        return fields::missing("chunk.chunk_number");
    }
    if chunk.trades.is_empty() {
        return fields::missing("chunk.trades");
    }
    if chunk.trades.len() > TRADES_PER_CHUNK_LIMIT {
        return fields::too_long(
            "chunk.trades",
            chunk.trades.len(),
            TRADES_PER_CHUNK_LIMIT,
            "trades",
        );
    }
    let mut trades = Vec::with_capacity(chunk.trades.len());
    for (i, message) in chunk.trades.iter().enumerate() {
        let decoded = trade(message);
        trades.push(decoded.map_err(|refused| {
            let refused = fields::inside(&format!("chunk.trades[{i}]"), refused);
            let message = format!("trade {}: {}", message.trade_number, refused.message);
            Rejection { message, ..refused }
        })?);
    }
    Ok(Command::SubmitTrades(Chunk { date, number: chunk.chunk_number, trades }))
}

/// One trade; fields are named without the path to it.
pub(super) fn trade(message: &registry::Trade) -> Result<Trade, Rejection> {
    const PRICE: &str = "price_yuan";
    if message.trade_number == 0 {
        return fields::missing("trade_number");
    }
    let price = amount::parse_price(&message.price_yuan, PRICE)?;
    if price.0 <= 0 {
        return fields::not_positive(PRICE, price.0);
    }
    Ok(Trade {
        number: TradeNumber(message.trade_number),
        kind: kind(message.kind)?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
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
