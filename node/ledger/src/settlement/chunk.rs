//! The day's stream of trades in numbered chunks, each taken whole or not at all.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::account::overflow;
use crate::command::Chunk;
use crate::formats::{count_bytes, trade_bytes};
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::{Batch, ChunkMark, Day, Slot, Totals};
use crate::settlement::limits::TRADES_PER_CHUNK_LIMIT;
use crate::settlement::price::PriceLine;
use crate::settlement::trade::{Place, check_number};
use crate::types::{Date, InstrumentCode, Trade, TradeNumber, TradeStatus};

/// What a day's totals and price lines become with some more trades.
pub(crate) struct Tally {
    pub(crate) stream: Totals,
    pub(crate) immediate: Totals,
    pub(crate) prices: BTreeMap<InstrumentCode, PriceLine>,
}

impl Tally {
    pub(crate) fn of(day: &Day) -> Self {
        Self { stream: day.stream, immediate: day.immediate, prices: day.prices.clone() }
    }

    /// Adds one trade; `OUT_OF_RANGE` when a sum of the day would overflow.
    pub(crate) fn add(
        &mut self,
        trade: &Trade,
        immediate: bool,
        place: Place,
    ) -> Result<(), Rejection> {
        let too_large = || overflow(&place.field("quantity_tco2e"));
        let part = if immediate { &mut self.immediate } else { &mut self.stream };
        *part = part.with(trade).ok_or_else(too_large)?;
        self.stream.plus(self.immediate).ok_or_else(too_large)?;
        if let Some(line) = self.prices.get_mut(&trade.instrument) {
            *line = line.with(trade).ok_or_else(too_large)?;
        }
        Ok(())
    }
}

impl Ledger {
    pub(crate) fn submit_trades(&mut self, chunk: &Chunk) -> Result<Receipt, Rejection> {
        let day = self.day_for_trades(chunk.date).map_err(|refused| refused.inside("chunk"))?;
        check_length(chunk)?;
        let sha256 = chunk_sha256(chunk);
        if let Some(receipt) = repeated(day, chunk, &sha256)? {
            return Ok(receipt);
        }
        let tally = self.check_chunk(day, chunk)?;
        let mark = ChunkMark { sha256, trades_accepted: accepted_after(day, chunk)? };

        let trades_accepted = mark.trades_accepted;
        self.accept(chunk, mark, tally);
        Ok(Receipt::Chunk { number: chunk.number, trades_accepted })
    }

    /// Checks every trade; the first fault refuses the whole chunk.
    fn check_chunk(&self, day: &Day, chunk: &Chunk) -> Result<Tally, Rejection> {
        let mut tally = Tally::of(day);
        let mut highest = day.numbers.last_key_value().map(|(number, _)| *number);
        let mut seen: BTreeMap<TradeNumber, &Trade> = BTreeMap::new();
        for (index, trade) in chunk.trades.iter().enumerate() {
            let place = Place::Chunk(index);
            // Numbers mostly ascend: one above all others needs no look-up.
            let earlier = if highest.is_none_or(|highest| trade.number > highest) {
                highest = Some(trade.number);
                None
            } else {
                let of_day = day.place_of(trade.number).and_then(|at| day.slot(at));
                of_day.map(|slot| &slot.trade).or_else(|| seen.get(&trade.number).copied())
            };
            check_number(trade, earlier, place)?;
            self.check_trade(day, trade, place)
                .and_then(|()| tally.add(trade, false, place))
                .map_err(|refused| refused.of_trade(trade.number))?;
            seen.insert(trade.number, trade);
        }
        Ok(tally)
    }

    fn accept(&mut self, chunk: &Chunk, mark: ChunkMark, tally: Tally) {
        let slots = chunk.trades.iter().map(|trade| Slot {
            trade: *trade,
            status: TradeStatus::Accepted,
            immediate: false,
        });
        self.touch_new_trades(chunk.date, chunk.trades.len(), &tally);
        let Some(day) = self.days.get_mut(&chunk.date) else { return };
        day.append(slots, Some(chunk.number), tally);
        day.chunks.push(mark);
        if let Some(hasher) = &mut day.hasher {
            chunk.trades.iter().for_each(|trade| hasher.add(trade));
        }
    }

    /// Touches the records that `count` further trades change.
    pub(crate) fn touch_new_trades(&mut self, date: Date, count: usize, tally: &Tally) {
        let Some(day) = self.days.get(&date) else { return };
        let first = day.slots.len();
        let end = first.saturating_add(count);
        let changed_prices: Vec<_> = tally
            .prices
            .iter()
            .filter(|(code, line)| day.prices.get(code) != Some(line))
            .map(|(code, _)| *code)
            .collect();
        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Batch(date, place_number(first)));
        self.touch_statuses(date, first..end);
        for code in changed_prices {
            self.touch(RecordKey::Price(date, code));
        }
    }
}

impl Day {
    /// Appends trades that came together.
    pub(crate) fn append(
        &mut self,
        slots: impl IntoIterator<Item = Slot>,
        chunk: Option<u32>,
        tally: Tally,
    ) {
        self.batches.push(Batch { first: place_number(self.slots.len()), chunk });
        for slot in slots {
            self.numbers.insert(slot.trade.number, place_number(self.slots.len()));
            self.slots.push(slot);
        }
        self.stream = tally.stream;
        self.immediate = tally.immediate;
        self.prices = tally.prices;
    }
}

/// A trade's place as stored; a day's trades are bounded by u32 on acceptance.
pub(crate) fn place_number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Refuses a trade too many for the day.
pub(crate) fn check_room(day: &Day, more: usize, field: &str) -> Result<(), Rejection> {
    match day.slots.len().checked_add(more).and_then(|sum| u32::try_from(sum).ok()) {
        Some(sum) if sum < u32::MAX => Ok(()),
        _ => Err(overflow(field)),
    }
}

fn check_length(chunk: &Chunk) -> Result<(), Rejection> {
    const FIELD: &str = "chunk.trades";
    if chunk.trades.is_empty() {
        return Err(Rejection::new(Reason::FieldMissing, FIELD, "the chunk has no trades"));
    }
    if chunk.trades.len() > TRADES_PER_CHUNK_LIMIT {
        return Err(Rejection::new(
            Reason::TooLong,
            FIELD,
            format!(
                "the chunk has {} trades, at most {TRADES_PER_CHUNK_LIMIT} are allowed",
                chunk.trades.len()
            ),
        ));
    }
    Ok(())
}

/// The earlier receipt when the chunk was taken before; a rejection when its
/// number is not the next one.
fn repeated(day: &Day, chunk: &Chunk, sha256: &[u8; 32]) -> Result<Option<Receipt>, Rejection> {
    const FIELD: &str = "chunk.chunk_number";
    let number = chunk.number;
    let taken = day.chunks.len();
    let mark =
        usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).map(|at| day.chunks.get(at));
    match mark {
        None => {
            Err(Rejection::new(Reason::NotPositive, FIELD, "chunk_number is 0, chunks begin at 1"))
        }
        Some(Some(mark)) if mark.sha256 == *sha256 => {
            Ok(Some(Receipt::Chunk { number, trades_accepted: mark.trades_accepted }))
        }
        Some(Some(_)) => Err(Rejection::new(
            Reason::ChunkConflict,
            FIELD,
            format!("chunk {number} of {} was taken with other content", day.date),
        )),
        Some(None) if usize::try_from(number).ok() == taken.checked_add(1) => Ok(None),
        Some(None) => Err(Rejection::new(
            Reason::ChunkGap,
            FIELD,
            format!(
                "chunk {number} of {} came, chunk {} is next",
                day.date,
                taken.saturating_add(1)
            ),
        )),
    }
}

fn accepted_after(day: &Day, chunk: &Chunk) -> Result<u64, Rejection> {
    check_room(day, chunk.trades.len(), "chunk.trades")?;
    let before = day.chunks.last().map_or(0, |mark| mark.trades_accepted);
    u64::try_from(chunk.trades.len())
        .ok()
        .and_then(|count| before.checked_add(count))
        .ok_or_else(|| overflow("chunk.trades"))
}

/// Tells a repeated chunk from another one with the same number.
fn chunk_sha256(chunk: &Chunk) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"registry.v1.chunk\0");
    hasher.update(chunk.date.yyyymmdd().to_be_bytes());
    hasher.update(chunk.number.to_be_bytes());
    hasher.update(count_bytes(chunk.trades.len()));
    for trade in &chunk.trades {
        hasher.update(trade_bytes(trade));
    }
    hasher.finalize().into()
}
