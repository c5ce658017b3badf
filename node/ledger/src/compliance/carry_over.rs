//! Carry-over: so much of an old vintage is burned, and as much of a later one
//! minted.
//!
//! What an account may carry over into a vintage depends on what it has sold.
//! That is added up here from the trades of the days named, so that trades
//! themselves need not keep it.

use super::{
    CarryOver, Compliance, ComplianceCommand, ComplianceKey, ComplianceReceipt, QUANTITY, into_pot,
    less_of, minus, more_of, plus,
};
use crate::account::{overflow, positive_quantity};
use crate::calendar::{beijing_day_number, day_number};
use crate::instrument::from_issuance;
use crate::journal::{GoodsPot, Position, What};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::state_name;
use crate::text;
use crate::types::{AccountId, Date, DayState, InstrumentCode, Quantity};

/// What every account may carry over.
const BASE_TCO2E: i128 = 10_000;

/// Most that may be carried over: 10,000 t and one and a half times what was
/// sold net, rounded down.
///
/// Source: annex 5 of the national allocation plans 2023-24.
fn limit(net_sold: i128) -> i128 {
    BASE_TCO2E.saturating_add(net_sold.max(0).saturating_mul(3) / 2)
}

impl Ledger {
    pub(super) fn carry_over(&mut self, asked: &ComplianceCommand) -> Result<Receipt, Rejection> {
        let ComplianceCommand::CarryOver {
            account,
            from,
            to,
            quantity,
            sold_from,
            sold_to,
            document,
        } = asked
        else {
            return Err(Rejection::new(Reason::Malformed, "", "no carry-over"));
        };
        let (account, from, to, quantity) = (*account, *from, *to, *quantity);
        let before = self.known_balances(account, "account_id")?;
        self.require_unfrozen(account, "account_id")?;
        let (old, new) = (before.holding(from), before.holding(to));
        self.known_instrument(from, "from_instrument")?;
        let mut minted = *self.known_instrument(to, "to_instrument")?;
        positive_quantity(quantity, QUANTITY)?;
        text::check_line(document, "document")?;
        let vintage = check_vintages(from, to)?;
        self.check_still_usable(from, "from_instrument")?;
        self.check_window(*sold_from, *sold_to)?;
        if old.registered < quantity {
            self.registered(account, from, quantity)?;
        }
        let net_sold = self.net_sold(account, vintage, *sold_from, *sold_to);
        let carried = self.compliance.carried_into(account, to);
        let (limit, all) = (limit(net_sold), plus(carried, quantity)?);
        if i128::from(all.0) > limit {
            let message = format!(
                "account {} would have carried {} t over into {to}; it sold {net_sold} t net, so \
                 at most {limit} t may be",
                account.0, all.0
            );
            return Err(Rejection::new(Reason::CarryOverLimit, QUANTITY, message));
        }
        minted.issued = plus(minted.issued, quantity)?;
        minted.held = plus(minted.held, quantity)?;
        let old = Holding { registered: minus(old.registered, quantity)?, ..old };
        let new = Holding { registered: plus(new.registered, quantity)?, ..new };
        let net_sold = i64::try_from(net_sold).map_err(|_| overflow("sold_to_date"))?;

        let carry_over = CarryOver {
            number: self.compliance.carry_overs.next(),
            account,
            from,
            to,
            quantity,
            sold_from: *sold_from,
            sold_to: *sold_to,
            net_sold: Quantity(net_sold),
            document: document.clone(),
            decided_at: self.now,
        };
        self.set_holding(account, from, old);
        self.set_holding(account, to, new);
        self.retire(from, GoodsPot::CarriedOut, quantity);
        self.touch(RecordKey::Instrument(to));
        self.instruments.insert(to, minted);
        let number = carry_over.number;
        self.touch(RecordKey::Compliance(ComplianceKey::CarryOver(number)));
        self.compliance.put_carry_over(carry_over.clone());
        let postings = vec![
            less_of(account, from, Position::Registered, quantity),
            into_pot(from, GoodsPot::CarriedOut, quantity),
            more_of(account, to, Position::Registered, quantity),
            from_issuance(to, quantity),
        ];
        let what = What::CarriedOver {
            carry_over: number,
            sold_from: *sold_from,
            sold_to: *sold_to,
            net_sold: carry_over.net_sold,
            document: document.clone(),
        };
        self.record(what, postings);
        Ok(ComplianceReceipt::CarriedOver { carry_over, from: old, to: new }.into())
    }

    /// The days are over, and nothing of them can change any more.
    fn check_window(&self, from: Date, to: Date) -> Result<(), Rejection> {
        const FIELD: &str = "sold_to_date";
        let refuse = |reason, message| Err(Rejection::new(reason, FIELD, message));
        if from > to {
            return refuse(Reason::OutOfRange, format!("{to} is before {from}"));
        }
        if day_number(to) >= beijing_day_number(self.now) {
            let message = format!("{to} is not over in Beijing; wait until it is");
            return refuse(Reason::FutureDay, message);
        }
        match self.days.range(from..=to).find(|(_, day)| day.state != DayState::Final) {
            None => Ok(()),
            Some((date, day)) => {
                let state = state_name(day.state);
                let message = format!("{date} is {state}; it must be FINAL first");
                refuse(Reason::PreviousDayUnresolved, message)
            }
        }
    }

    /// What an account sold less what it bought on some final days, of all
    /// vintages before one.
    fn net_sold(&self, account: AccountId, before: u16, from: Date, to: Date) -> i128 {
        let mut net = 0_i128;
        for (_, day) in self.days.range(from..=to) {
            let slots = day.by_account.of(account).iter().filter_map(|place| day.slot(*place));
            for slot in slots.filter(|slot| slot.status.is_settled()) {
                let trade = &slot.trade;
                if trade.instrument.vintage().is_none_or(|vintage| vintage >= before) {
                    continue;
                }
                let tonnes = i128::from(trade.quantity.0);
                net = match trade.seller == account {
                    true => net.saturating_add(tonnes),
                    false => net.saturating_sub(tonnes),
                };
            }
        }
        net
    }
}

impl Compliance {
    /// What an account has carried over into a vintage so far.
    fn carried_into(&self, account: AccountId, to: InstrumentCode) -> Quantity {
        self.carried_into.get(&(account, to)).copied().unwrap_or_default()
    }

    pub(super) fn put_carry_over(&mut self, entry: CarryOver) {
        let sum = self.carried_into.entry((entry.account, entry.to)).or_default();
        // At most what was issued.
        *sum = sum.checked_add(entry.quantity).unwrap_or_default();
        self.carry_overs.push(entry);
    }
}

/// An allowance into one of a later vintage, which is answered.
fn check_vintages(from: InstrumentCode, to: InstrumentCode) -> Result<u16, Rejection> {
    let refuse =
        |field: &str, message| Err(Rejection::new(Reason::VintageNotAllowed, field, message));
    match (from.vintage(), to.vintage()) {
        (None, _) => refuse("from_instrument", format!("{from} is no allowance")),
        (Some(old), Some(new)) if old < new => Ok(new),
        _ => refuse("to_instrument", format!("{to} is no allowance later than {from}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_a_half_times_what_was_sold_is_rounded_down() {
        let rows = [
            (i128::MIN, 10_000),
            (-1, 10_000),
            (0, 10_000),
            (1, 10_001),
            (2, 10_003),
            (3, 10_004),
            (100_001, 160_001),
        ];
        for (net_sold, expected) in rows {
            assert_eq!(limit(net_sold), expected, "{net_sold} t sold");
        }
    }
}
