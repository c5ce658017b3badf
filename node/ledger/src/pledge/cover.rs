//! What a pledge is worth at the last settled price.

use crate::calendar::{beijing_day_number, day_number};
use crate::instrument::Instrument;
use crate::ledger::Ledger;
use crate::pledge::state::{Pledge, PledgeTerms};
use crate::types::{Date, DayState, Fen, PledgeId, Price, Quantity};

/// A settled close counts for a contract for so many days.
pub(super) const PRICE_LIFE_DAYS: i64 = 10;
/// Hundredths of a per cent in one.
const WHOLE_BP: i128 = 10_000;

/// A pledge with what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PledgeView {
    /// The pledge.
    pub pledge: Pledge,
    /// Last settled close of its instrument.
    pub price: Price,
    /// Its day; none before the first settled day.
    pub price_date: Option<Date>,
    /// Quantity times price.
    pub value: Fen,
    /// Principal to value in hundredths of a per cent, rounded up; none without
    /// a value, or when it is too large for a number.
    pub loan_to_value_bp: Option<u32>,
}

impl Ledger {
    /// A pledge at the last settled price.
    #[must_use]
    pub fn pledge_view(&self, id: PledgeId) -> Option<PledgeView> {
        self.pledge(id).and_then(|pledge| self.view_pledge(pledge))
    }

    /// The same for one that was found.
    #[must_use]
    pub fn view_pledge(&self, pledge: &Pledge) -> Option<PledgeView> {
        let instrument = self.instruments.get(&pledge.instrument)?;
        let value = value(pledge.quantity, instrument.last_close);
        let loan_to_value_bp = i128::from(pledge.terms.principal.0)
            .checked_mul(WHOLE_BP)
            .and_then(|scaled| scaled.checked_add(value.checked_sub(1)?)?.checked_div(value))
            .and_then(|bp| u32::try_from(bp).ok());
        Some(PledgeView {
            pledge: pledge.clone(),
            price: instrument.last_close,
            price_date: instrument.last_close_date,
            // Beyond the largest number it is shown as that.
            value: Fen(i64::try_from(value).unwrap_or(i64::MAX)),
            loan_to_value_bp,
        })
    }
}

/// Exact in fen: two 64-bit numbers fit.
fn value(quantity: Quantity, price: Price) -> i128 {
    i128::from(quantity.0).saturating_mul(i128::from(price.0))
}

/// Whether the loan is within its share of the value.
pub(super) fn covers(terms: &PledgeTerms, quantity: Quantity, price: Price) -> bool {
    let lent = i128::from(terms.principal.0).saturating_mul(WHOLE_BP);
    let share = i128::from(terms.loan_to_value_bp);
    // Too large to compute is more than anything lent.
    value(quantity, price).checked_mul(share).is_none_or(|allowed| lent <= allowed)
}

/// Whether the pledged tonnes are worth less than the contract's at the warning line.
pub(super) fn needs_more(pledge: &Pledge, price: Price) -> bool {
    value(pledge.quantity, price) < value(pledge.contract_quantity, pledge.terms.warning_price)
}

impl Ledger {
    /// Whether a contract of now may be made at the instrument's last settled close.
    pub(super) fn has_fresh_close(&self, instrument: &Instrument) -> bool {
        instrument.last_close_date.is_some_and(|date| {
            let age_days = beijing_day_number(self.now).saturating_sub(day_number(date));
            age_days <= PRICE_LIFE_DAYS && !self.is_disputed(date)
        })
    }

    /// Whether the trades of a day, and so its closes, are in dispute.
    pub(super) fn is_disputed(&self, date: Date) -> bool {
        self.days.get(&date).is_some_and(|day| day.state == DayState::Disputed)
    }
}
