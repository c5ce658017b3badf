//! Surrender in two steps: the tonnes are set aside when the firm applies, and
//! gone for good when its province approves.

use super::{
    Compliance, ComplianceKey, ComplianceReceipt, ComplianceYear, Means, ProvinceCode, QUANTITY,
    Surrender, SurrenderState, YearLine, into_pot, less_of, minus, more_of, plus,
};
use crate::journal::{GoodsPot, Position, What};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, InstrumentCode, Quantity};

/// Certified reductions count for at most one part in so many of an obligation.
const CCER_PARTS: i128 = 20;

impl Ledger {
    pub(super) fn apply_surrender(
        &mut self,
        account: AccountId,
        year: ComplianceYear,
        instrument: InstrumentCode,
        quantity: Quantity,
    ) -> Result<Receipt, Rejection> {
        let province = self.province_of_firm(account, "account_id")?;
        self.require_unfrozen(account, "account_id")?;
        let holding = self.registered(account, instrument, quantity)?;
        check_vintage(year, instrument)?;
        self.check_still_usable(instrument, "instrument")?;
        let Some(line) = self.compliance.years.get(&(year, account)).copied() else {
            let message = format!(
                "the emissions of account {} in {year} are not verified yet; have them recorded \
                 first",
                account.0
            );
            return Err(Rejection::new(Reason::NoObligation, "year", message));
        };
        let mut asked = line.surrendered;
        asked.allowances = plus(asked.allowances, line.pending.allowances)?;
        asked.reductions = plus(asked.reductions, line.pending.reductions)?;
        check_within(&line, asked, instrument, quantity, QUANTITY)?;
        let after = Holding {
            registered: minus(holding.registered, quantity)?,
            pending_out: plus(holding.pending_out, quantity)?,
            ..holding
        };

        let surrender = Surrender {
            number: self.compliance.surrenders.next(),
            account,
            province,
            year,
            instrument,
            quantity,
            state: SurrenderState::Pending,
            applied_at: self.now,
            decided_at: None,
            reason: String::new(),
        };
        let number = surrender.number;
        self.set_holding(account, instrument, after);
        self.touch(RecordKey::Compliance(ComplianceKey::Surrender(number)));
        self.compliance.put_surrender(surrender.clone());
        let postings = vec![
            less_of(account, instrument, Position::Registered, quantity),
            more_of(account, instrument, Position::PendingOut, quantity),
        ];
        self.record(What::SurrenderApplied { surrender: number, province, year }, postings);
        Ok(ComplianceReceipt::Surrender { surrender, holding: after }.into())
    }

    pub(super) fn approve_surrender(
        &mut self,
        province: ProvinceCode,
        number: u64,
    ) -> Result<Receipt, Rejection> {
        let (open, holding) = self.pending_surrender(province, number)?;
        let Surrender { account, year, instrument, quantity, .. } = open;
        let line = self.compliance.years.get(&(year, account)).copied().unwrap_or_default();
        // Emissions may have been corrected since it was asked.
        check_within(&line, line.surrendered, instrument, quantity, "surrender_id")?;
        let after = Holding { pending_out: minus(holding.pending_out, quantity)?, ..holding };

        self.set_holding(account, instrument, after);
        let surrender = self.decide(&open, SurrenderState::Approved, "");
        self.retire(instrument, GoodsPot::Surrendered, quantity);
        let postings = vec![
            less_of(account, instrument, Position::PendingOut, quantity),
            into_pot(instrument, GoodsPot::Surrendered, quantity),
        ];
        self.record(What::SurrenderApproved { surrender: number }, postings);
        Ok(ComplianceReceipt::Surrender { surrender, holding: after }.into())
    }

    pub(super) fn decline_surrender(
        &mut self,
        province: ProvinceCode,
        number: u64,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let (open, holding) = self.pending_surrender(province, number)?;
        text::check_line(reason, "reason")?;
        let Surrender { account, instrument, quantity, .. } = open;
        let after = Holding {
            registered: plus(holding.registered, quantity)?,
            pending_out: minus(holding.pending_out, quantity)?,
            ..holding
        };

        self.set_holding(account, instrument, after);
        let surrender = self.decide(&open, SurrenderState::Declined, reason);
        let postings = vec![
            less_of(account, instrument, Position::PendingOut, quantity),
            more_of(account, instrument, Position::Registered, quantity),
        ];
        let reason = reason.to_owned();
        self.record(What::SurrenderDeclined { surrender: number, reason }, postings);
        Ok(ComplianceReceipt::Surrender { surrender, holding: after }.into())
    }

    /// An application that waits for this province. Another's is unknown here.
    fn pending_surrender(
        &self,
        province: ProvinceCode,
        number: u64,
    ) -> Result<(Surrender, Holding), Rejection> {
        const FIELD: &str = "surrender_id";
        let found = self.compliance.surrenders.get(number);
        let Some(found) = found.filter(|found| found.province == province) else {
            let message = format!("no firm of province {province} asked for surrender {number}");
            return Err(Rejection::new(Reason::UnknownSurrender, FIELD, message));
        };
        if found.state != SurrenderState::Pending {
            let message = format!("surrender {number} was approved or declined already");
            return Err(Rejection::new(Reason::SurrenderClosed, FIELD, message));
        }
        let holder = self.known_balances(found.account, "account_id")?;
        Ok((found.clone(), holder.holding(found.instrument)))
    }

    fn decide(&mut self, open: &Surrender, state: SurrenderState, reason: &str) -> Surrender {
        self.touch(RecordKey::Compliance(ComplianceKey::Surrender(open.number)));
        let decided = Surrender {
            state,
            decided_at: Some(self.now),
            reason: reason.to_owned(),
            ..open.clone()
        };
        let compliance = &mut self.compliance;
        if let Some(line) = compliance.years.get_mut(&(open.year, open.account)) {
            less(&mut line.pending, open.instrument, open.quantity);
            if state == SurrenderState::Approved {
                more(&mut line.surrendered, open.instrument, open.quantity);
            }
        }
        compliance.waiting.remove(&(open.account, open.number));
        if let Some(entry) = compliance.surrenders.get_mut(open.number) {
            entry.clone_from(&decided);
        }
        decided
    }
}

impl Compliance {
    /// Appends an application, decided or not.
    pub(super) fn put_surrender(&mut self, surrender: Surrender) {
        let line = self.years.entry((surrender.year, surrender.account)).or_default();
        match surrender.state {
            SurrenderState::Pending => {
                more(&mut line.pending, surrender.instrument, surrender.quantity);
                self.waiting.insert((surrender.account, surrender.number));
            }
            SurrenderState::Approved => {
                more(&mut line.surrendered, surrender.instrument, surrender.quantity);
            }
            SurrenderState::Declined => {}
        }
        self.surrenders.push(surrender);
    }
}

// Sums of tonnes that an instrument's accounts held: they fit.
fn more(means: &mut Means, instrument: InstrumentCode, quantity: Quantity) {
    let part = means.part_mut(instrument);
    *part = part.checked_add(quantity).unwrap_or_default();
}

fn less(means: &mut Means, instrument: InstrumentCode, quantity: Quantity) {
    let part = means.part_mut(instrument);
    *part = part.checked_sub(quantity).unwrap_or_default();
}

/// Reductions meet the obligation of any year, allowances one of their era.
fn check_vintage(year: ComplianceYear, instrument: InstrumentCode) -> Result<(), Rejection> {
    if instrument.vintage().is_none_or(|vintage| year.accepts(vintage)) {
        return Ok(());
    }
    let message = format!(
        "{instrument} cannot meet an obligation of {year}: allowances of 2019 to 2024 and those \
         from 2025 on do not stand in for each other; carry them over first"
    );
    Err(Rejection::new(Reason::VintageNotAllowed, "instrument", message))
}

/// Neither more than the obligation, nor too large a part of it in reductions.
fn check_within(
    line: &YearLine,
    before: Means,
    instrument: InstrumentCode,
    quantity: Quantity,
    field: &str,
) -> Result<(), Rejection> {
    let verified = i128::from(line.verified.0);
    let more = i128::from(quantity.0);
    let reductions = i128::from(before.part(instrument).0).saturating_add(more);
    if instrument.vintage().is_none() && reductions.saturating_mul(CCER_PARTS) > verified {
        let message = format!(
            "certified reductions would be {reductions} t of an obligation of {verified} t, at \
             most 5 % may be; ask for less"
        );
        return Err(Rejection::new(Reason::CcerShare, field, message));
    }
    let all = before.total().saturating_add(more);
    if all > verified {
        let message =
            format!("{all} t would be surrendered for an obligation of {verified} t; ask for less");
        return Err(Rejection::new(Reason::OverSurrender, field, message));
    }
    Ok(())
}
