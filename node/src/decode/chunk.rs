//! Reads a chunk straight from its bytes.
//!
//! The generated code would make two strings and a message per trade only to
//! throw them away; here a trade's texts stay where they lie. What the bytes
//! mean is the same, and a test compares the two readers on random messages.
//! (Unknown groups may nest one level deeper here than there.)

use std::fmt::Display;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use registry_ledger::{Chunk, Command, Reason, Rejection, TRADES_PER_CHUNK_LIMIT, Trade};

use super::fields;
use super::trade::{self, TradeFields};

/// A chunk from the bytes that the exchange sent and the log keeps.
pub(super) fn chunk(bytes: &[u8]) -> Result<Command, Rejection> {
    if bytes.is_empty() {
        return fields::missing("chunk");
    }
    let chunk = RawChunk::read(bytes).map_err(|error| {
        let message = format!("chunk is not an encoded TradeChunk: {error}");
        Rejection::new(Reason::Malformed, "chunk", message)
    })?;
    let date = fields::date(chunk.date, "chunk.date")?;
    if chunk.chunk_number == 0 {
        return fields::missing("chunk.chunk_number");
    }
    let count = chunk.trade_count;
    if count == 0 {
        return fields::missing("chunk.trades");
    }
    if count > TRADES_PER_CHUNK_LIMIT {
        return fields::too_long("chunk.trades", count, TRADES_PER_CHUNK_LIMIT, "trades");
    }
    let mut trades: Vec<Trade> = Vec::with_capacity(count);
    for (i, raw) in chunk.trades.iter().enumerate() {
        let decoded = trade::trade(raw);
        trades.push(decoded.map_err(|refused| {
            let refused = fields::inside(&format!("chunk.trades[{i}]"), refused);
            let message = format!("trade {}: {}", raw.trade_number, refused.message);
            Rejection { message, ..refused }
        })?);
    }
    Ok(Command::SubmitTrades(Chunk { date, number: chunk.chunk_number, trades }))
}

/// A `TradeChunk` whose texts lie in the message.
#[derive(Debug, Default, PartialEq)]
struct RawChunk<'a> {
    date: &'a str,
    chunk_number: u32,
    trade_count: usize,
    /// As many as a chunk may have.
    trades: Vec<TradeFields<'a>>,
}

impl<'a> RawChunk<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self, String> {
        let mut chunk = Self::default();
        while let Some((tag, wire_type)) = next_key(&mut bytes)? {
            match tag {
                1 => chunk.date = text(wire_type, &mut bytes)?,
                2 => chunk.chunk_number = number(wire_type, &mut bytes)? as u32,
                3 => {
                    let trade = read_trade(delimited(wire_type, &mut bytes)?)?;
                    chunk.trade_count += 1;
                    if chunk.trade_count <= TRADES_PER_CHUNK_LIMIT {
                        chunk.trades.push(trade);
                    }
                }
                _ => skip(wire_type, tag, &mut bytes)?,
            }
        }
        Ok(chunk)
    }
}

/// Numbers are cut to the field's width, as Protocol Buffers prescribe.
fn read_trade(mut bytes: &[u8]) -> Result<TradeFields<'_>, String> {
    let mut trade = TradeFields::default();
    while let Some((tag, wire_type)) = next_key(&mut bytes)? {
        let bytes = &mut bytes;
        match tag {
            1 => trade.trade_number = number(wire_type, bytes)?,
            2 => trade.kind = number(wire_type, bytes)? as i32,
            3 => trade.instrument = text(wire_type, bytes)?,
            4 => trade.buyer_account = number(wire_type, bytes)?,
            5 => trade.seller_account = number(wire_type, bytes)?,
            6 => trade.buyer_bank = number(wire_type, bytes)? as u32,
            7 => trade.seller_bank = number(wire_type, bytes)? as u32,
            8 => trade.quantity_tco2e = number(wire_type, bytes)?.cast_signed(),
            9 => trade.price_yuan = text(wire_type, bytes)?,
            10 => trade.traded_at_ms = number(wire_type, bytes)?.cast_signed(),
            _ => skip(wire_type, tag, bytes)?,
        }
    }
    Ok(trade)
}

#[inline]
fn next_key(bytes: &mut &[u8]) -> Result<Option<(u32, WireType)>, String> {
    match **bytes {
        [] => Ok(None),
        // Fields 1 to 15 have their number and type in one byte.
        [key, ref rest @ ..] if key < 0x80 && key >> 3 > 0 && matches!(key & 7, 0 | 2) => {
            *bytes = rest;
            let wire_type = if key & 7 == 0 { WireType::Varint } else { WireType::LengthDelimited };
            Ok(Some((u32::from(key >> 3), wire_type)))
        }
        _ => decode_key(bytes).map(Some).map_err(shown),
    }
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    match **bytes {
        [number, ref rest @ ..] if number < 0x80 => {
            *bytes = rest;
            Ok(number.into())
        }
        _ => decode_varint(bytes).map_err(shown),
    }
}

#[inline]
fn number(wire_type: WireType, bytes: &mut &[u8]) -> Result<u64, String> {
    match wire_type {
        WireType::Varint => varint(bytes),
        other => Err(format!("wire type {other:?} where a number belongs")),
    }
}

#[inline]
fn text<'a>(wire_type: WireType, bytes: &mut &'a [u8]) -> Result<&'a str, String> {
    std::str::from_utf8(delimited(wire_type, bytes)?).map_err(shown)
}

#[inline]
fn delimited<'a>(wire_type: WireType, bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    if wire_type != WireType::LengthDelimited {
        return Err(format!("wire type {wire_type:?} where text or a message belongs"));
    }
    let length = varint(bytes)?;
    let cut = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
    let (taken, rest) = cut.ok_or_else(|| "it ends too early".to_owned())?;
    *bytes = rest;
    Ok(taken)
}

fn skip(wire_type: WireType, tag: u32, bytes: &mut &[u8]) -> Result<(), String> {
    skip_field(wire_type, tag, bytes, DecodeContext::default()).map_err(shown)
}

fn shown(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use registry_proto::registry;

    use super::*;

    fn same(bytes: &[u8]) {
        let generated = registry::TradeChunk::decode(bytes);
        let own = RawChunk::read(bytes);
        match (&generated, &own) {
            (Ok(generated), Ok(own)) => {
                let trades: Vec<_> = generated.trades.iter().map(TradeFields::from).collect();
                let generated = RawChunk {
                    date: &generated.date,
                    chunk_number: generated.chunk_number,
                    trade_count: trades.len(),
                    trades,
                };
                assert_eq!(*own, generated, "{bytes:02x?}");
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{generated:?} but {own:?} for {bytes:02x?}"),
        }
    }

    /// A small generator whose whole state is its seed.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, bound: usize) -> usize {
            (self.next() % bound as u64) as usize
        }
    }

    fn random_chunk(random: &mut Random) -> registry::TradeChunk {
        let trades = (0..random.below(4)).map(|_| registry::Trade {
            trade_number: random.next() >> random.below(64),
            kind: random.next() as i32,
            instrument: ["", "CEA-2020", "碳"][random.below(3)].to_owned(),
            buyer_account: random.next() >> random.below(64),
            seller_account: random.next() >> random.below(64),
            buyer_bank: random.next() as u32,
            seller_bank: 103,
            quantity_tco2e: random.next().cast_signed(),
            price_yuan: "43.16".to_owned(),
            traded_at_ms: random.next().cast_signed() >> random.below(64),
        });
        let trades = trades.collect();
        registry::TradeChunk { date: "2021-12-16".to_owned(), chunk_number: 7, trades }
    }

    #[test]
    fn reads_what_the_generated_code_reads() {
        for seed in 1..=3_000 {
            let mut random = Random(seed);
            let mut bytes = random_chunk(&mut random).encode_to_vec();
            same(&bytes);
            // Fields twice, of unknown numbers, and messages behind one another.
            bytes.extend(random_chunk(&mut random).encode_to_vec());
            bytes.extend([0x98, 0x06, 0x01, 0xa2, 0x06, 0x02, 0xff, 0x00]);
            same(&bytes);
            for _ in 0..20 {
                let mut damaged = bytes.clone();
                match random.below(3) {
                    0 => damaged.truncate(random.below(bytes.len())),
                    1 => damaged[random.below(bytes.len())] = random.next() as u8,
                    _ => damaged.insert(random.below(bytes.len()), random.next() as u8),
                }
                same(&damaged);
            }
        }
    }
}
