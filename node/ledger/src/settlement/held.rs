//! Held trades: tried again after a top-up, or ended after the deadline.

use std::collections::BTreeSet;

use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::{Receipt, TradeResult};
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::settlement::limits::HELD_TRADES_LIMIT;
use crate::types::{Date, DayState, HeldReason, Trade, TradeNumber, TradeStatus};

/// A held trade with its place in the day.
type Held = (u32, Trade, HeldReason);

impl Ledger {
    pub(crate) fn retry_held(
        &mut self,
        date: Date,
        numbers: &[TradeNumber],
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Delivered)?;
        if let Some(deadline) = day.topup_deadline.filter(|deadline| self.now > *deadline) {
            return Err(Rejection::new(
                Reason::TopupDeadline,
                "date",
                format!("top-ups for {date} ended at {} ms", deadline.0),
            ));
        }
        let held = held_trades(day, numbers)?;

        let mut results = Vec::with_capacity(held.len());
        for (place, trade, _) in held {
            let status = self.try_delivery(&trade);
            self.set_status(date, place, status);
            results.push(TradeResult { number: trade.number, status });
        }
        self.record_tried(date, &results);
        Ok(Receipt::Trades(results))
    }

    pub(crate) fn fail_held(
        &mut self,
        date: Date,
        numbers: &[TradeNumber],
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Delivered)?;
        if let Some(deadline) = day.topup_deadline.filter(|deadline| self.now <= *deadline) {
            return Err(Rejection::new(
                Reason::TopupOpen,
                "date",
                format!("top-ups for {date} are possible until {} ms", deadline.0),
            ));
        }
        let held = held_trades(day, numbers)?;

        let mut results = Vec::with_capacity(held.len());
        for (place, trade, reason) in held {
            let status = TradeStatus::Failed(reason);
            self.set_status(date, place, status);
            results.push(TradeResult { number: trade.number, status });
        }
        self.record_tried(date, &results);
        Ok(Receipt::Trades(results))
    }
}

impl Ledger {
    fn record_tried(&mut self, date: Date, results: &[TradeResult]) {
        let results = results.iter().map(|result| (result.number, result.status)).collect();
        self.record(What::HeldTradesTried { date, results }, Vec::new());
    }
}

/// All the trades asked for, if every one is held.
fn held_trades(day: &Day, numbers: &[TradeNumber]) -> Result<Vec<Held>, Rejection> {
    const FIELD: &str = "trade_numbers";
    if numbers.is_empty() {
        return Err(Rejection::new(Reason::FieldMissing, FIELD, "no trade numbers were given"));
    }
    if numbers.len() > HELD_TRADES_LIMIT {
        return Err(Rejection::new(
            Reason::TooLong,
            FIELD,
            format!("{} trade numbers, at most {HELD_TRADES_LIMIT} are allowed", numbers.len()),
        ));
    }
    let mut seen = BTreeSet::new();
    let find = |(index, number): (usize, &TradeNumber)| {
        let refuse = |reason, problem: &str| {
            Rejection::new(
                reason,
                format!("{FIELD}[{index}]"),
                format!("trade {} {problem} {}", number.0, day.date),
            )
        };
        if !seen.insert(*number) {
            return Err(refuse(Reason::TradeDuplicate, "is named twice for"));
        }
        let place = day.place_of(*number);
        let Some((place, slot)) = place.and_then(|place| Some((place, day.slot(place)?))) else {
            return Err(refuse(Reason::UnknownTrade, "is not of"));
        };
        match slot.status {
            TradeStatus::Held(reason) => Ok((place, slot.trade, reason)),
            TradeStatus::Accepted
            | TradeStatus::Delivered
            | TradeStatus::Failed(_)
            | TradeStatus::Voided
            | TradeStatus::Covered => Err(refuse(Reason::TradeNotHeld, "is not held on")),
        }
    };
    numbers.iter().enumerate().map(find).collect()
}
