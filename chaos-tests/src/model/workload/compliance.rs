//! A year's compliance: commands that are right.

use registry_ledger::{
    AccountId, AccountKind, AllocationKind, Command, ComplianceCommand as Asking, ComplianceYear,
    Date, DayState, InstrumentCode, Obligation, ProvinceCode, Quantity, Surrender, SurrenderState,
    TransferCause,
};

use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{beijing_day, date_of, day_number};
use crate::model::compliance::vintage;
use crate::model::positions::Position;

const PROVINCES: [u32; 3] = [11, 31, 42];
const YEARS: [u32; 3] = [2020, 2021, 2025];
/// Tries to find what a command can be about.
const TRIES: usize = 8;

/// Tonnes of an account that are registered.
pub(super) fn registered(model: &Model, account: AccountId, of: InstrumentCode) -> i64 {
    i64::try_from(model.positions.goods(account, of, Position::Registered)).unwrap_or(i64::MAX)
}

/// What a firm has neither surrendered nor asked to.
pub(super) fn still_owed(line: &Obligation) -> i64 {
    let owed = i128::from(line.verified.0) - line.surrendered.total() - line.pending.total();
    i64::try_from(owed).unwrap_or_default()
}

/// Reductions that may still be asked.
pub(super) fn reductions_left(line: &Obligation) -> i64 {
    line.verified.0 / 20 - line.surrendered.reductions.0 - line.pending.reductions.0
}

impl Workload {
    pub(super) fn compliance_call(&mut self, model: &Model) -> Option<Asked> {
        let officer = self.officer();
        let command = match self.rng.below(100) {
            0..14 => self.assign(model)?,
            14..28 => return self.allocate(model),
            28..32 => self.recall(model)?,
            32..44 => self.record_emissions(model)?,
            44..48 => self.correct_emissions(model)?,
            48..66 => self.apply_surrender(model)?,
            66..78 => return self.decide(model),
            78..86 => self.carry_over(model, 0)?,
            86..93 => self.cancel(model)?,
            _ => self.transfer(model)?,
        };
        Some((officer, Command::Compliance(command)))
    }

    pub(super) fn some_province(&mut self) -> Option<ProvinceCode> {
        self.rng.pick(&PROVINCES).and_then(|code| ProvinceCode::from_code(*code))
    }

    pub(super) fn some_year(&mut self) -> Option<ComplianceYear> {
        self.rng.pick(&YEARS).and_then(|year| ComplianceYear::from_year(*year))
    }

    /// An account of a kind, with or without a province.
    pub(super) fn some_account_of_kind(
        &mut self,
        model: &Model,
        kind: AccountKind,
        assigned: bool,
    ) -> Option<AccountId> {
        let all = (1..=model.last_account().0).map(AccountId);
        let fits = |id: &AccountId| {
            model.kind_of(*id) == Some(kind) && model.province_of(*id).is_some() == assigned
        };
        let found: Vec<_> = all.filter(fits).collect();
        self.rng.pick(&found).copied()
    }

    /// An account with something registered, of what, and how much.
    pub(super) fn some_registered(
        &mut self,
        model: &Model,
    ) -> Option<(AccountId, InstrumentCode, i64)> {
        for _ in 0..TRIES {
            let (account, of) = (self.some_account(model)?, self.some_instrument(model)?);
            let tonnes = registered(model, account, of);
            if tonnes > 0 {
                return Some((account, of, tonnes));
            }
        }
        None
    }

    /// Some of it; trades need tonnes, too.
    fn a_part(&mut self, all: i64) -> Quantity {
        let most = if self.rng.chance(20) { all } else { (all / 20).max(1) };
        Quantity(self.rng.between(1, most))
    }

    fn assign(&mut self, model: &Model) -> Option<Asking> {
        let (province, document) = (self.some_province()?, self.text(200));
        let again = self.rng.chance(5);
        let account = match model.own_account(province) {
            None => self.some_account_of_kind(model, AccountKind::Province, again),
            Some(_) => self.some_account_of_kind(model, AccountKind::Emitter, again),
        }?;
        Some(Asking::AssignProvince { account, province, document })
    }

    /// Or what a province needs for it.
    fn allocate(&mut self, model: &Model) -> Option<Asked> {
        let account = self.some_account_of_kind(model, AccountKind::Emitter, true)?;
        let province = model.province_of(account)?;
        let own = model.own_account(province)?;
        let (officer, instrument) = (self.officer(), self.some_instrument(model)?);
        let document = self.text(200);
        let all = registered(model, own, instrument);
        if all == 0 {
            let quantity = Quantity(self.rng.between(1, 200_000));
            return Some((
                officer,
                Command::Issue { account: own, instrument, quantity, document },
            ));
        }
        let kinds = [AllocationKind::PreAllocation, AllocationKind::TrueUp];
        let kind = *self.rng.pick(&kinds)?;
        let quantity = Quantity(self.rng.between(1, all));
        let order = Asking::Allocate { province, account, instrument, kind, quantity, document };
        Some((officer, Command::Compliance(order)))
    }

    fn recall(&mut self, model: &Model) -> Option<Asking> {
        let (account, instrument, all) = self.some_registered(model)?;
        model.province_of(account)?;
        let (quantity, document) = (self.a_part(all), self.text(200));
        Some(Asking::Recall { account, instrument, quantity, document })
    }

    pub(super) fn record_emissions(&mut self, model: &Model) -> Option<Asking> {
        let account = self.some_account_of_kind(model, AccountKind::Emitter, true)?;
        let year = self.some_year()?;
        let known = model.emissions().iter().any(|e| (e.account, e.year) == (account, year));
        let province = model.province_of(account)?;
        let by = self.rng.chance(50).then_some(province);
        let verified = Quantity(self.rng.between(0, 30_000));
        let report_sha256 = self.hash();
        let command = Asking::RecordEmissions { by, account, year, verified, report_sha256 };
        (!known).then_some(command)
    }

    fn correct_emissions(&mut self, model: &Model) -> Option<Asking> {
        let lines = model.obligations();
        let line = self.rng.pick(&lines)?;
        let more = self.rng.between(-line.verified.0, 10_000);
        Some(Asking::CorrectEmissions {
            corrects: line.emissions,
            verified: Quantity(line.verified.0 + more),
            report_sha256: self.hash(),
            document: self.text(200),
        })
    }

    /// A firm that owes something and what it can give for it: line, instrument,
    /// most that is possible.
    pub(super) fn some_means(
        &mut self,
        model: &Model,
    ) -> Option<(Obligation, InstrumentCode, i64)> {
        let lines = model.obligations();
        for _ in 0..TRIES {
            let (line, of) = (*self.rng.pick(&lines)?, self.some_instrument(model)?);
            let new = |year: u32| year >= 2025;
            let most = match vintage(of) {
                Some(year) if new(year) != new(line.year.year().into()) => 0,
                Some(_) => still_owed(&line),
                None => still_owed(&line).min(reductions_left(&line)),
            };
            let most = most.min(registered(model, line.account, of));
            if most > 0 {
                return Some((line, of, most));
            }
        }
        None
    }

    fn apply_surrender(&mut self, model: &Model) -> Option<Asking> {
        let (line, instrument, most) = self.some_means(model)?;
        let part = self.rng.between(1, most);
        let quantity = Quantity(if self.rng.chance(50) { most } else { part });
        let (account, year) = (line.account, line.year);
        Some(Asking::ApplySurrender { account, year, instrument, quantity })
    }

    pub(super) fn some_surrender(
        &mut self,
        model: &Model,
        of: fn(SurrenderState) -> bool,
    ) -> Option<Surrender> {
        let found: Vec<_> = model.surrenders().iter().filter(|entry| of(entry.state)).collect();
        self.rng.pick(&found).map(|entry| (*entry).clone())
    }

    fn decide(&mut self, model: &Model) -> Option<Asked> {
        let waits = self.some_surrender(model, |state| state == SurrenderState::Pending)?;
        let (province, surrender) = (waits.province, waits.number);
        let command = if self.rng.chance(75) {
            Asking::ApproveSurrender { province, surrender }
        } else {
            Asking::DeclineSurrender { province, surrender, reason: self.text(200) }
        };
        Some((format!("province/{province}"), Command::Compliance(command)))
    }

    /// Days that are over and final: mostly all of them.
    pub(super) fn final_days(&mut self, model: &Model) -> Option<(Date, Date)> {
        let today = beijing_day(model.now);
        let open = model.days.values().find(|day| day.state != DayState::Final);
        let end = open.map_or(today, |day| day_number(day.date).min(today)) - 1;
        let back = if self.rng.chance(80) { 2_000 } else { self.rng.between(0, 10) };
        Some((date_of(end - back)?, date_of(end)?))
    }

    /// At the limit, `beyond` it, or all there is.
    pub(super) fn carry_over(&mut self, model: &Model, beyond: i64) -> Option<Asking> {
        let (sold_from, sold_to) = self.final_days(model)?;
        for _ in 0..TRIES {
            let (account, from, all) = self.some_registered(model)?;
            let (to, document) = (self.some_instrument(model)?, self.text(200));
            let Some(new) = vintage(to) else { continue };
            if vintage(from).is_none_or(|old| old >= new) {
                continue;
            }
            let sold = model.net_sold(account, new, sold_from, sold_to);
            let may = i64::try_from(model.may_carry(account, to, sold)).ok()?;
            let most = all.min(may + beyond);
            if most <= may.max(0) && beyond > 0 || most <= 0 {
                continue;
            }
            let part = self.rng.between(1, most);
            let whole = beyond > 0 || self.rng.chance(60);
            let quantity = Quantity(if whole { most } else { part });
            return Some(Asking::CarryOver {
                account,
                from,
                to,
                quantity,
                sold_from,
                sold_to,
                document,
            });
        }
        None
    }

    pub(super) fn cancel(&mut self, model: &Model) -> Option<Asking> {
        let (account, instrument, all) = self.some_registered(model)?;
        Some(Asking::Cancel {
            account,
            instrument,
            quantity: self.a_part(all),
            beneficiary: self.text(200),
            reason: self.text(200),
        })
    }

    pub(super) fn transfer(&mut self, model: &Model) -> Option<Asking> {
        let (from, instrument, all) = self.some_registered(model)?;
        let to = self.some_account(model)?;
        let part = self.rng.chance(85).then(|| (instrument, self.a_part(all)));
        let causes = [
            TransferCause::Merger,
            TransferCause::Division,
            TransferCause::Succession,
            TransferCause::Court,
        ];
        let cause = *self.rng.pick(&causes)?;
        let (document, document_sha256) = (self.text(200), self.hash());
        let command = Asking::Transfer { cause, from, to, part, document, document_sha256 };
        (from != to).then_some(command)
    }
}
