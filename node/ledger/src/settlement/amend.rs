//! While a day is disputed: one trade is replaced or voided.

use std::collections::BTreeMap;

use crate::account::overflow;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::{Day, Slot, Totals};
use crate::settlement::price::PriceLine;
use crate::settlement::trade::{Place, TradeCheck};
use crate::text;
use crate::types::{Date, DayState, InstrumentCode, Trade, TradeNumber, TradeStatus};

impl Ledger {
    pub(crate) fn amend_trade(
        &mut self,
        date: Date,
        number: TradeNumber,
        replacement: Option<&Trade>,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Disputed)?;
        text::check_line(reason, "reason")?;
        let (place, slot) = amendable(day, number)?;
        let stream = match replacement {
            None => day.stream.without(&slot.trade),
            Some(trade) => {
                self.check_replacement(day, &slot.trade, trade)?;
                day.stream.without(&slot.trade).and_then(|stream| stream.with(trade))
            }
        };
        let stream = checked_stream(day, stream)?;
        let amended = match replacement {
            None => Slot { status: TradeStatus::Voided, ..slot },
            Some(trade) => Slot { trade: *trade, ..slot },
        };
        let lines = recomputed_lines(day, place, &amended)?;
        let batch = day.batch_of(place).map_or(place, |batch| batch.first);

        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Batch(date, batch));
        self.touch_status(date, place);
        for (code, _) in &lines {
            self.touch(RecordKey::Price(date, *code));
        }
        if let Some(day) = self.days.get_mut(&date) {
            if let Some(slot) = day.slot_mut(place) {
                *slot = amended;
            }
            day.stream = stream;
            day.prices.extend(lines);
            day.hasher = None;
        }
        let (before, after, reason) = (slot.trade, replacement.copied(), reason.to_owned());
        self.record(What::TradeAmended { date, before, after, reason }, Vec::new());
        self.day_receipt(date)
    }

    fn check_replacement(
        &self,
        day: &Day,
        original: &Trade,
        replacement: &Trade,
    ) -> Result<(), Rejection> {
        let refuse = |reason, message: String| {
            Err(Rejection::new(reason, Place::Replacement.field("trade_number"), message))
        };
        if replacement.number != original.number {
            return refuse(
                Reason::TradeConflict,
                format!(
                    "the replacement of trade {} has number {}",
                    original.number.0, replacement.number.0
                ),
            );
        }
        if replacement == original {
            return refuse(
                Reason::TradeDuplicate,
                format!("the replacement of trade {} has the same content", original.number.0),
            );
        }
        TradeCheck::new(self, day).trade(replacement, Place::Replacement)
    }
}

/// The place of a trade that may still be amended.
fn amendable(day: &Day, number: TradeNumber) -> Result<(u32, Slot), Rejection> {
    let found = day.place_of(number).and_then(|place| Some((place, *day.slot(place)?)));
    let refuse = |problem: &str| {
        Err(Rejection::new(
            Reason::UnknownTrade,
            "trade_number",
            format!("trade {} {problem} {}", number.0, day.date),
        ))
    };
    match found {
        None => refuse("is not of"),
        Some((_, slot)) if slot.immediate => refuse("was settled on request and is final on"),
        Some((_, slot)) if slot.status == TradeStatus::Voided => refuse("is voided already on"),
        Some(found) => Ok(found),
    }
}

fn checked_stream(day: &Day, stream: Option<Totals>) -> Result<Totals, Rejection> {
    stream
        .filter(|stream| stream.plus(day.immediate).is_some())
        .ok_or_else(|| overflow(&Place::Replacement.field("quantity_tco2e")))
}

/// All price lines with one trade changed, in order of acceptance again.
fn recomputed_lines(
    day: &Day,
    place: u32,
    amended: &Slot,
) -> Result<Vec<(InstrumentCode, PriceLine)>, Rejection> {
    let mut lines: BTreeMap<_, _> = day
        .prices
        .iter()
        .map(|(code, line)| (*code, PriceLine::new(line.previous_close)))
        .collect();
    for (at, slot) in (0_u32..).zip(day.slots.iter()) {
        let slot = if at == place { amended } else { slot };
        if slot.status == TradeStatus::Voided {
            continue;
        }
        if let Some(line) = lines.get_mut(&slot.trade.instrument) {
            *line = line
                .with(&slot.trade)
                .ok_or_else(|| overflow(&Place::Replacement.field("quantity_tco2e")))?;
        }
    }
    Ok(lines.into_iter().collect())
}
