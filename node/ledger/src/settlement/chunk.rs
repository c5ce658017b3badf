//! The day's stream of trades in numbered chunks, each taken whole or not at all.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::account::overflow;
use crate::command::Chunk;
use crate::formats::TradesHasher;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::{Batch, ChunkMark, Day, Slot, Totals};
use crate::settlement::limits::TRADES_PER_CHUNK_LIMIT;
use crate::settlement::price::PriceLine;
use crate::settlement::trade::{Place, TradeCheck, check_number};
use crate::types::{Date, InstrumentCode, Trade, TradeNumber, TradeStatus};

/// What a day's totals and price lines become with some more trades.
pub(crate) struct Tally {
    stream: Totals,
    immediate: Totals,
    /// The lines that change.
    lines: SmallVec<[(InstrumentCode, PriceLine); 1]>,
}

impl Tally {
    pub(crate) fn of(day: &Day) -> Self {
        Self { stream: day.stream, immediate: day.immediate, lines: SmallVec::new() }
    }

    /// Adds one trade of the day; `OUT_OF_RANGE` when a sum of the day would overflow.
    pub(crate) fn add(
        &mut self,
        day: &Day,
        trade: &Trade,
        immediate: bool,
        place: Place,
    ) -> Result<(), Rejection> {
        let too_large = || overflow(&place.field("quantity_tco2e"));
        let part = if immediate { &mut self.immediate } else { &mut self.stream };
        *part = part.with(trade).ok_or_else(too_large)?;
        self.stream.plus(self.immediate).ok_or_else(too_large)?;
        if let Some(line) = self.line(day, trade.instrument) {
            *line = line.with(trade).ok_or_else(too_large)?;
        }
        Ok(())
    }

    fn line(&mut self, day: &Day, instrument: InstrumentCode) -> Option<&mut PriceLine> {
        let at = match self.lines.iter().position(|(code, _)| *code == instrument) {
            Some(at) => at,
            None => {
                self.lines.push((instrument, *day.prices.get(&instrument)?));
                self.lines.len().saturating_sub(1)
            }
        };
        self.lines.get_mut(at).map(|(_, line)| line)
    }
}

impl Ledger {
    pub(crate) fn submit_trades(&mut self, chunk: &Chunk) -> Result<Receipt, Rejection> {
        let day = self.day_for_trades(chunk.date).map_err(|refused| refused.inside("chunk"))?;
        check_length(chunk)?;
        if let Some(receipt) = repeated(day, chunk)? {
            return Ok(receipt);
        }
        let tally = self.check_chunk(day, chunk)?;
        let trades_accepted = accepted_after(day, chunk)?;

        self.accept(chunk, ChunkMark { trades_accepted }, tally);
        Ok(Receipt::Chunk { number: chunk.number, trades_accepted })
    }

    /// Checks every trade; the first fault refuses the whole chunk.
    fn check_chunk(&self, day: &Day, chunk: &Chunk) -> Result<Tally, Rejection> {
        let mut tally = Tally::of(day);
        let mut check = TradeCheck::new(self, day);
        let mut numbers = NewNumbers::default();
        for (index, trade) in chunk.trades.iter().enumerate() {
            let place = Place::Chunk(index);
            let of_day = match day.numbers.is_above_all(trade.number) {
                true => None,
                false => day.place_of(trade.number).and_then(|at| day.slot(at)),
            };
            let of_chunk = numbers.add(trade.number, &chunk.trades, index);
            check_number(trade, of_day.map(|slot| &slot.trade).or(of_chunk), place)?;
            check
                .trade(trade, place)
                .and_then(|()| tally.add(day, trade, false, place))
                .map_err(|refused| refused.of_trade(trade.number))?;
        }
        Ok(tally)
    }

    fn accept(&mut self, chunk: &Chunk, mark: ChunkMark, tally: Tally) {
        self.touch_new_trades(chunk.date, chunk.trades.len(), &tally);
        let Some(day) = self.days.get_mut(&chunk.date) else { return };
        let first = place_number(day.slots.len());
        self.touch(RecordKey::Batch(chunk.date, first));
        let Some(day) = self.days.get_mut(&chunk.date) else { return };
        day.batches.push(Batch { first, chunk: Some(chunk.number) });
        day.append(&chunk.trades, TradeStatus::Accepted, false, tally);
        day.chunks.push(mark);
        if let Some(hasher) = &mut day.hasher {
            chunk.trades.iter().for_each(|trade| hasher.add(trade));
        }
        let trades_sha256 = day.hasher.clone().map(TradesHasher::finish).unwrap_or_default();
        self.record(
            What::TradesAccepted {
                date: chunk.date,
                chunk: chunk.number,
                first_sequence: u64::from(first).saturating_add(1),
                count: place_number(chunk.trades.len()),
                trades_sha256,
            },
            Vec::new(),
        );
    }

    /// Touches the records that `count` further trades change.
    pub(crate) fn touch_new_trades(&mut self, date: Date, count: usize, tally: &Tally) {
        let Some(day) = self.days.get(&date) else { return };
        let first = day.slots.len();
        let end = first.saturating_add(count);
        self.touch(RecordKey::Day(date));
        self.touch_statuses(date, first..end);
        for (code, _) in &tally.lines {
            self.touch(RecordKey::Price(date, *code));
        }
    }
}

impl Day {
    /// Appends trades; their batch is there already.
    pub(crate) fn append(
        &mut self,
        trades: &[Trade],
        status: TradeStatus,
        immediate: bool,
        tally: Tally,
    ) {
        for trade in trades {
            self.numbers.insert(trade.number, place_number(self.slots.len()), immediate);
            self.slots.push(Slot { trade: *trade, status, immediate });
        }
        self.stream = tally.stream;
        self.immediate = tally.immediate;
        self.prices.extend(tally.lines);
    }
}

/// The trade numbers of a chunk under check.
#[derive(Default)]
struct NewNumbers {
    greatest: TradeNumber,
    /// All of them, once one did not ascend.
    seen: Option<BTreeMap<TradeNumber, usize>>,
}

impl NewNumbers {
    /// Adds the number of the trade at `index`; an earlier trade of the chunk
    /// with the same number is answered.
    fn add<'a>(
        &mut self,
        number: TradeNumber,
        trades: &'a [Trade],
        index: usize,
    ) -> Option<&'a Trade> {
        if self.seen.is_none() && number > self.greatest {
            self.greatest = number;
            return None;
        }
        let seen = self.seen.get_or_insert_with(|| {
            trades.iter().take(index).enumerate().map(|(at, trade)| (trade.number, at)).collect()
        });
        let earlier = seen.get(&number).and_then(|at| trades.get(*at));
        seen.entry(number).or_insert(index);
        earlier
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
fn repeated(day: &Day, chunk: &Chunk) -> Result<Option<Receipt>, Rejection> {
    const FIELD: &str = "chunk.chunk_number";
    let number = chunk.number;
    let taken = day.chunks.len();
    let mark =
        usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).map(|at| day.chunks.get(at));
    match mark {
        None => {
            Err(Rejection::new(Reason::NotPositive, FIELD, "chunk_number is 0, chunks begin at 1"))
        }
        Some(Some(mark)) if day.was_taken(mark, chunk) => {
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

impl Day {
    /// Whether a chunk has the content that was taken under its number. Trades
    /// are amended only after the stream has ended, when no chunk is taken.
    fn was_taken(&self, mark: &ChunkMark, chunk: &Chunk) -> bool {
        let at = self.batches.iter().position(|batch| batch.chunk == Some(chunk.number));
        let first = at.and_then(|at| self.batches.get(at)).map(|batch| batch.first);
        let Some(first) = first.and_then(|first| usize::try_from(first).ok()) else { return false };
        let number_before = chunk.number.checked_sub(2).and_then(|at| usize::try_from(at).ok());
        let before =
            number_before.and_then(|at| self.chunks.get(at)).map_or(0, |mark| mark.trades_accepted);
        let count = mark.trades_accepted.saturating_sub(before);
        let places = first..first.saturating_add(chunk.trades.len());
        let taken = self.slots.range(places).map(|slot| &slot.trade);
        u64::try_from(chunk.trades.len()) == Ok(count)
            && taken.zip(&chunk.trades).all(|(taken, sent)| taken == sent)
    }
}
