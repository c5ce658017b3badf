//! Records of a settlement day: the day itself, its trades as they came,
//! their statuses, price lines, clearing and objections.

use std::ops::Range;

use crate::codec::{Problem, Reader, Writer, known};
use crate::formats::{TRADE_BYTES, kind_from_number, trade_bytes};
use crate::receipt::{BankClearing, Clearing};
use crate::records::{FORMAT, STATUSES_PER_RECORD};
use crate::settlement::day::{Batch, ChunkMark, Day, Totals};
use crate::settlement::price::{PriceLine, PriceRange};
use crate::settlement::statement::Objection;
use crate::types::{
    AccountId, BankId, Date, DayState, Fen, HeldReason, LedgerTime, Price, Quantity, Trade,
    TradeNumber, TradeStatus,
};

/// Format of a day; 1 had the first officer of a suspension as well.
const DAY_FORMAT: u8 = 2;
/// Format of a batch; 1 had a hash of the chunk as well.
const BATCH_FORMAT: u8 = 2;

pub(super) fn day(writer: &mut Writer, day: &Day) {
    writer.u8(DAY_FORMAT);
    writer.u8(state_number(day.state));
    writer.option(day.suspended_from, |writer, state| writer.u8(state_number(state)));
    writer.i64(day.topup_window_ms);
    writer.option(day.topup_deadline, |writer, time| writer.i64(time.0));
    writer.u64(day.cursor);
    write_totals(writer, &day.stream);
    write_totals(writer, &day.immediate);
    writer.u64(day.delivered);
    writer.u64(day.held);
    writer.u64(day.failed);
    writer.flag(day.statements_issued);
    writer.text(&day.dispute_reason);
}

/// A day without its trades; they have their own records.
pub(super) fn read_day(value: &[u8], date: Date) -> Result<Day, Problem> {
    let mut reader = Reader::record(value, DAY_FORMAT)?;
    let mut day = Day::new(date, 0);
    day.state = read_state(&mut reader)?;
    day.suspended_from = reader.option(read_state)?;
    day.topup_window_ms = reader.i64()?;
    day.topup_deadline = reader.option(|reader| reader.i64().map(LedgerTime))?;
    day.cursor = reader.u64()?;
    day.stream = read_totals(&mut reader)?;
    day.immediate = read_totals(&mut reader)?;
    day.delivered = reader.u64()?;
    day.held = reader.u64()?;
    day.failed = reader.u64()?;
    day.statements_issued = reader.flag()?;
    day.dispute_reason = reader.text()?;
    reader.finish()?;
    Ok(day)
}

fn write_totals(writer: &mut Writer, totals: &Totals) {
    writer.u64(totals.count);
    writer.i64(totals.quantity.0);
    writer.i64(totals.amount.0);
}

fn read_totals(reader: &mut Reader<'_>) -> Result<Totals, Problem> {
    Ok(Totals {
        count: reader.u64()?,
        quantity: Quantity(reader.i64()?),
        amount: Fen(reader.i64()?),
    })
}

/// A batch, and the places of its trades.
fn batch_at(day: &Day, first: u32) -> Option<(Batch, Range<usize>)> {
    let at = day.batches.binary_search_by_key(&first, |batch| batch.first).ok()?;
    let next = at.checked_add(1).and_then(|next| day.batches.get(next));
    let end = match next {
        Some(next) => usize::try_from(next.first).ok()?,
        None => day.slots.len(),
    };
    Some((*day.batches.get(at)?, usize::try_from(first).ok()?..end))
}

/// Bytes of a batch's trades.
pub(super) fn trades_bytes(day: &Day, first: u32) -> Option<usize> {
    let (_, places) = batch_at(day, first)?;
    Some(places.len().saturating_mul(TRADE_BYTES))
}

/// Trades that came together, with their chunk's mark unless immediate.
pub(super) fn batch(writer: &mut Writer, day: &Day, first: u32) -> Option<()> {
    let (batch, places) = batch_at(day, first)?;
    writer.u8(BATCH_FORMAT);
    writer.reserve(places.len().saturating_mul(TRADE_BYTES).saturating_add(64));
    writer.option(batch.chunk, Writer::u32);
    if let Some(number) = batch.chunk {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        let mark = day.chunks.get(place)?;
        writer.u64(mark.trades_accepted);
    }
    writer.count(places.len());
    day.slots.range(places).for_each(|slot| writer.raw(&trade_bytes(&slot.trade)));
    Some(())
}

/// What a batch record holds.
pub(super) struct StoredBatch {
    pub(super) chunk: Option<(u32, ChunkMark)>,
    pub(super) trades: Vec<Trade>,
}

pub(super) fn read_batch(value: &[u8]) -> Result<StoredBatch, Problem> {
    let mut reader = Reader::record(value, BATCH_FORMAT)?;
    let batch = StoredBatch {
        chunk: reader.option(|reader| {
            let number = reader.u32()?;
            Ok((number, ChunkMark { trades_accepted: reader.u64()? }))
        })?,
        trades: reader.list(read_trade)?,
    };
    reader.finish()?;
    Ok(batch)
}

/// Statuses of one page of trades, a byte each.
pub(super) fn statuses(writer: &mut Writer, day: &Day, page: u32) -> Option<()> {
    let first = usize::try_from(page.checked_mul(STATUSES_PER_RECORD)?).ok()?;
    let end = first.saturating_add(usize::try_from(STATUSES_PER_RECORD).ok()?);
    day.slots.get(first)?;
    writer.u8(FORMAT);
    day.slots.range(first..end).for_each(|slot| writer.u8(status_number(slot.status)));
    Some(())
}

pub(super) fn read_statuses(value: &[u8]) -> Result<Vec<TradeStatus>, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let count = value.len().saturating_sub(1);
    (0..count).map(|_| known(status_from_number(reader.u8()?), "trade status")).collect()
}

pub(super) fn price(writer: &mut Writer, line: &PriceLine) {
    writer.u8(FORMAT);
    writer.i64(line.previous_close.0);
    writer.option(line.range, |writer, range| {
        writer.i64(range.open.0);
        writer.i64(range.high.0);
        writer.i64(range.low.0);
    });
    writer.i64(line.listed_quantity.0);
    writer.i64(line.listed_amount.0);
    writer.i64(line.block_quantity.0);
    writer.i64(line.block_amount.0);
    writer.flag(line.settled);
}

pub(super) fn read_price(value: &[u8]) -> Result<PriceLine, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let line = PriceLine {
        previous_close: Price(reader.i64()?),
        range: reader.option(|reader| {
            Ok(PriceRange {
                open: Price(reader.i64()?),
                high: Price(reader.i64()?),
                low: Price(reader.i64()?),
            })
        })?,
        listed_quantity: Quantity(reader.i64()?),
        listed_amount: Fen(reader.i64()?),
        block_quantity: Quantity(reader.i64()?),
        block_amount: Fen(reader.i64()?),
        settled: reader.flag()?,
    };
    reader.finish()?;
    Ok(line)
}

pub(super) fn clearing_record(writer: &mut Writer, clearing: &Clearing) {
    writer.u8(FORMAT);
    write_clearing(writer, clearing);
}

pub(super) fn read_clearing_record(value: &[u8]) -> Result<Clearing, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let clearing = read_clearing(&mut reader)?;
    reader.finish()?;
    Ok(clearing)
}

pub(super) fn write_clearing(writer: &mut Writer, clearing: &Clearing) {
    writer.date(clearing.date);
    writer.raw(&clearing.sha256);
    writer.count(clearing.banks.len());
    for line in &clearing.banks {
        writer.u16(line.bank.0);
        writer.i64(line.receives.0);
        writer.i64(line.pays.0);
    }
}

pub(super) fn read_clearing(reader: &mut Reader<'_>) -> Result<Clearing, Problem> {
    Ok(Clearing {
        date: reader.date()?,
        sha256: reader.array()?,
        banks: reader.list(|reader| {
            Ok(BankClearing {
                bank: BankId(reader.u16()?),
                receives: Fen(reader.i64()?),
                pays: Fen(reader.i64()?),
            })
        })?,
    })
}

pub(super) fn objection(writer: &mut Writer, objection: &Objection) {
    writer.u8(FORMAT);
    writer.text(&objection.text);
    writer.option(objection.resolution.as_deref(), Writer::text);
}

pub(super) fn read_objection(value: &[u8]) -> Result<Objection, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let objection = Objection { text: reader.text()?, resolution: reader.option(Reader::text)? };
    reader.finish()?;
    Ok(objection)
}

/// Reads what `formats::trade_bytes` wrote.
pub(crate) fn read_trade(reader: &mut Reader<'_>) -> Result<Trade, Problem> {
    let number = TradeNumber(reader.u64()?);
    let kind = known(kind_from_number(reader.u8()?), "trade kind")?;
    let instrument = reader.instrument()?;
    let account = |number: u64| known(u32::try_from(number).ok().map(AccountId), "account");
    let bank = |number: u32| known(u16::try_from(number).ok().map(BankId), "bank");
    Ok(Trade {
        number,
        kind,
        instrument,
        buyer: account(reader.u64()?)?,
        seller: account(reader.u64()?)?,
        buyer_bank: bank(reader.u32()?)?,
        seller_bank: bank(reader.u32()?)?,
        quantity: Quantity(reader.i64()?),
        price: Price(reader.i64()?),
        traded_at: LedgerTime(reader.i64()?),
    })
}

pub(super) fn state_number(state: DayState) -> u8 {
    match state {
        DayState::Open => 1,
        DayState::Closed => 2,
        DayState::Cleared => 3,
        DayState::Disputed => 4,
        DayState::Confirmed => 5,
        DayState::Delivered => 6,
        DayState::Final => 7,
        DayState::Suspended => 8,
    }
}

pub(super) fn read_state(reader: &mut Reader<'_>) -> Result<DayState, Problem> {
    Ok(match reader.u8()? {
        1 => DayState::Open,
        2 => DayState::Closed,
        3 => DayState::Cleared,
        4 => DayState::Disputed,
        5 => DayState::Confirmed,
        6 => DayState::Delivered,
        7 => DayState::Final,
        8 => DayState::Suspended,
        _ => return known(None, "day state"),
    })
}

pub(crate) fn status_number(status: TradeStatus) -> u8 {
    match status {
        TradeStatus::Accepted => 1,
        TradeStatus::Delivered => 2,
        TradeStatus::Held(HeldReason::GoodsShort) => 3,
        TradeStatus::Held(HeldReason::CashShort) => 4,
        TradeStatus::Failed(HeldReason::GoodsShort) => 5,
        TradeStatus::Failed(HeldReason::CashShort) => 6,
        TradeStatus::Voided => 7,
        TradeStatus::Covered => 8,
        TradeStatus::Held(HeldReason::AccountFrozen) => 9,
        TradeStatus::Held(HeldReason::Pledged) => 10,
        TradeStatus::Failed(HeldReason::AccountFrozen) => 11,
        TradeStatus::Failed(HeldReason::Pledged) => 12,
    }
}

pub(crate) fn status_from_number(number: u8) -> Option<TradeStatus> {
    Some(match number {
        1 => TradeStatus::Accepted,
        2 => TradeStatus::Delivered,
        3 => TradeStatus::Held(HeldReason::GoodsShort),
        4 => TradeStatus::Held(HeldReason::CashShort),
        5 => TradeStatus::Failed(HeldReason::GoodsShort),
        6 => TradeStatus::Failed(HeldReason::CashShort),
        7 => TradeStatus::Voided,
        8 => TradeStatus::Covered,
        9 => TradeStatus::Held(HeldReason::AccountFrozen),
        10 => TradeStatus::Held(HeldReason::Pledged),
        11 => TradeStatus::Failed(HeldReason::AccountFrozen),
        12 => TradeStatus::Failed(HeldReason::Pledged),
        _ => return None,
    })
}
