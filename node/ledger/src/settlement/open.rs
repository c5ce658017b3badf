//! Trading days: holidays, opening.

use crate::calendar::{beijing_day_number, day_number, is_weekend};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::{Day, state_name};
use crate::settlement::limits::{HOLIDAYS_LIMIT, TOPUP_WINDOW_LIMIT_MS};
use crate::settlement::price::PriceLine;
use crate::span;
use crate::types::{Date, DayState, Quantity};

impl Ledger {
    pub(crate) fn set_holidays(&mut self, dates: &[Date]) -> Result<Receipt, Rejection> {
        if dates.len() > HOLIDAYS_LIMIT {
            return Err(Rejection::new(
                Reason::TooLong,
                "dates",
                format!("{} dates, at most {HOLIDAYS_LIMIT} are allowed", dates.len()),
            ));
        }
        self.touch(RecordKey::Holidays);
        self.holidays = dates.iter().copied().collect();
        let dates = self.holidays.iter().copied().collect();
        self.record(What::HolidaysSet { dates }, Vec::new());
        Ok(Receipt::Done)
    }

    pub(crate) fn open_day(
        &mut self,
        date: Date,
        topup_window_ms: i64,
    ) -> Result<Receipt, Rejection> {
        self.check_opening(date, topup_window_ms)?;

        self.touch(RecordKey::Day(date));
        let mut day = Day::new(date, topup_window_ms);
        for (code, instrument) in &self.instruments {
            day.prices.insert(*code, PriceLine::new(instrument.last_close));
        }
        let codes: Vec<_> = day.prices.keys().copied().collect();
        for code in codes {
            self.touch(RecordKey::Price(date, code));
        }
        self.days.insert(date, day);
        self.release_pending_in();
        self.record(What::DayOpened { date, topup_window_ms }, Vec::new());
        self.day_receipt(date)
    }

    fn check_opening(&self, date: Date, topup_window_ms: i64) -> Result<(), Rejection> {
        let refuse = |reason, message: String| Err(Rejection::new(reason, "date", message));
        span::check(topup_window_ms, TOPUP_WINDOW_LIMIT_MS, "topup_window_ms")?;
        if is_weekend(date) {
            return refuse(Reason::NotTradingDay, format!("{date} is a Saturday or a Sunday"));
        }
        if self.holidays.contains(&date) {
            return refuse(Reason::NotTradingDay, format!("{date} is a holiday"));
        }
        if day_number(date) > beijing_day_number(self.now) {
            return refuse(
                Reason::FutureDay,
                format!("{date} lies after ledger time's date in Beijing"),
            );
        }
        if let Some((last, previous)) = self.days.last_key_value() {
            if date <= *last {
                return refuse(
                    Reason::DayOrder,
                    format!("{date} is not later than the last settlement day {last}"),
                );
            }
            if previous.state != DayState::Final {
                let state = state_name(previous.state);
                return refuse(
                    Reason::PreviousDayUnresolved,
                    format!("{last} is {state}; it must be FINAL before {date} opens"),
                );
            }
        }
        Ok(())
    }

    /// What was bought on an earlier day may be sold from now on.
    fn release_pending_in(&mut self) {
        for id in std::mem::take(&mut self.pending_in) {
            self.touch(RecordKey::Balances(id));
            let Some(balances) = self.balances_mut(id) else { continue };
            for (_, holding) in &mut balances.holdings {
                // Cannot overflow: all positions together are at most what was issued.
                let Some(trading) = holding.trading.checked_add(holding.pending_in) else {
                    continue;
                };
                (holding.trading, holding.pending_in) = (trading, Quantity(0));
            }
        }
    }
}
