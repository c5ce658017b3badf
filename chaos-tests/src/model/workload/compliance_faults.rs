//! A year's compliance: commands with one fault each.

use registry_ledger::{
    AccountId, AccountKind, AllocationKind, Command, ComplianceCommand as Asking, InstrumentCode,
    Quantity, SurrenderState,
};

use super::Workload;
use super::compliance::{reductions_left, registered, still_owed};
use crate::model::Model;
use crate::model::calendar::{beijing_day, date_of, day_number};
use crate::model::compliance::vintage;

impl Workload {
    pub(super) fn compliance_fault(&mut self, model: &Model) -> Option<Command> {
        let command = match self.rng.below(20) {
            0..3 => self.province_fault(model),
            3..6 => self.allocation_fault(model),
            6..9 => self.emissions_fault(model),
            9..13 => self.surrender_fault(model),
            13..15 => self.decision_fault(model),
            15..18 => self.carry_over_fault(model),
            _ => self.exit_fault(model),
        }?;
        Some(Command::Compliance(command))
    }

    fn nobody(&mut self, model: &Model) -> Option<AccountId> {
        self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX]).map(|id| AccountId(*id))
    }

    fn not_positive(&mut self) -> Option<Quantity> {
        self.rng.pick(&[0, -1, i64::MIN]).map(|tonnes| Quantity(*tonnes))
    }

    fn province_fault(&mut self, model: &Model) -> Option<Asking> {
        let (province, mut document) = (self.some_province()?, self.text(200));
        let account = match self.rng.below(4) {
            0 => self.nobody(model)?,
            1 => self.some_account_of_kind(model, AccountKind::Institution, false)?,
            2 => {
                document = self.bad_text(200);
                self.some_account_of_kind(model, AccountKind::Emitter, false)?
            }
            _ => {
                let other = self.some_account_of_kind(model, AccountKind::Province, false)?;
                model.own_account(province).filter(|own| *own != other)?;
                other
            }
        };
        Some(Asking::AssignProvince { account, province, document })
    }

    fn allocation_fault(&mut self, model: &Model) -> Option<Asking> {
        let firm = self.some_account_of_kind(model, AccountKind::Emitter, true)?;
        let of = model.province_of(firm)?;
        let (kind, document) = (AllocationKind::TrueUp, self.text(200));
        let instrument = self.some_instrument(model)?;
        let fault = self.rng.below(8);
        // Without an account the province can do nothing else wrong.
        let Some(own) = model.own_account(of) else {
            let (province, quantity) = (of, Quantity(1));
            return Some(Asking::Allocate {
                province,
                account: firm,
                instrument,
                kind,
                quantity,
                document,
            });
        };
        let all = registered(model, own, instrument);
        let order = |province, account, kind, quantity, document| Asking::Allocate {
            province,
            account,
            instrument,
            kind,
            quantity,
            document,
        };
        let enough = Quantity((all > 0).then_some(1)?);
        Some(match fault {
            0 => order(of, self.nobody(model)?, kind, enough, document),
            1 => {
                let fund = self.some_account_of_kind(model, AccountKind::Institution, false)?;
                order(of, fund, kind, enough, document)
            }
            2 => {
                let other = self.some_province().filter(|other| *other != of)?;
                order(other, firm, kind, enough, document)
            }
            3 => order(of, firm, AllocationKind::Recall, enough, document),
            4 => order(of, firm, kind, self.not_positive()?, document),
            5 => order(of, firm, kind, Quantity(all + 1), document),
            6 => order(of, firm, kind, enough, self.bad_text(200)),
            _ => {
                let (account, instrument, _) = self.some_registered(model)?;
                let quantity = Quantity(1);
                let command = Asking::Recall { account, instrument, quantity, document };
                model.province_of(account).is_none().then_some(command)?
            }
        })
    }

    fn emissions_fault(&mut self, model: &Model) -> Option<Asking> {
        let lines = model.obligations();
        let (report_sha256, document) = (self.hash(), self.text(200));
        let correct = |corrects, tonnes, document| Asking::CorrectEmissions {
            corrects,
            verified: Quantity(tonnes),
            report_sha256,
            document,
        };
        Some(match self.rng.below(8) {
            0 => {
                let line = *self.rng.pick(&lines)?;
                let (by, account, year, verified) = (None, line.account, line.year, Quantity(1));
                Asking::RecordEmissions { by, account, year, verified, report_sha256 }
            }
            fault @ 1..5 => {
                let valid = self.record_emissions(model)?;
                let Asking::RecordEmissions { by, account, year, verified, report_sha256 } = valid
                else {
                    return None;
                };
                let (mut by, mut account, mut verified) = (by, account, verified);
                match fault {
                    1 => {
                        let of = model.province_of(account);
                        by = Some(self.some_province().filter(|other| Some(*other) != of)?);
                    }
                    2 => verified = Quantity(*self.rng.pick(&[-1, i64::MIN])?),
                    3 => account = self.nobody(model)?,
                    _ => {
                        account =
                            self.some_account_of_kind(model, AccountKind::Institution, false)?
                    }
                }
                Asking::RecordEmissions { by, account, year, verified, report_sha256 }
            }
            5 => {
                let last = model.emissions().len() as u64;
                correct(*self.rng.pick(&[0, last + 1, u64::MAX])?, 1, document)
            }
            6 => {
                let entries = model.emissions();
                let old: Vec<_> = entries.iter().filter_map(|entry| entry.corrects).collect();
                correct(*self.rng.pick(&old)?, 1, document)
            }
            _ => {
                let line = *self.rng.pick(&lines)?;
                match self.rng.chance(50) {
                    true => correct(line.emissions, -1, document),
                    false => correct(line.emissions, 1, self.bad_text(200)),
                }
            }
        })
    }

    fn surrender_fault(&mut self, model: &Model) -> Option<Asking> {
        let apply = |account, year, instrument, tonnes| Asking::ApplySurrender {
            account,
            year,
            instrument,
            quantity: Quantity(tonnes),
        };
        let lines = model.obligations();
        let of = self.some_instrument(model)?;
        Some(match self.rng.below(9) {
            0 => {
                let (line, of, _) = self.some_means(model)?;
                apply(line.account, line.year, of, self.not_positive()?.0)
            }
            1 => {
                let account = self.some_account_of_kind(model, AccountKind::Emitter, false)?;
                apply(account, self.some_year()?, of, 1)
            }
            2 => {
                let account = self.some_account_of_kind(model, AccountKind::Emitter, true)?;
                let year = self.some_year()?;
                let owes = lines.iter().any(|line| (line.account, line.year) == (account, year));
                let era = |year: u32| year >= 2025;
                let fits = vintage(of).is_none_or(|old| era(old) == era(year.year().into()));
                let enough = registered(model, account, of) > 0;
                (!owes && fits && enough).then(|| apply(account, year, of, 1))?
            }
            3 => {
                let (line, of, _) = self.some_means(model)?;
                let all = registered(model, line.account, of);
                apply(line.account, line.year, of, all + 1)
            }
            4..7 => {
                // Of the other era.
                let fits = |line: &&registry_ledger::Obligation| {
                    let new = u32::from(line.year.year()) >= 2025;
                    vintage(of).is_some_and(|old| (old >= 2025) != new)
                        && registered(model, line.account, of) > 0
                        && still_owed(line) > 0
                };
                let found: Vec<_> = lines.iter().filter(fits).collect();
                let line = *self.rng.pick(&found)?;
                apply(line.account, line.year, of, 1)
            }
            7 => {
                let ccer = InstrumentCode::parse("CCER")?;
                let fits = |line: &&registry_ledger::Obligation| {
                    let beyond = reductions_left(line).max(0) + 1;
                    registered(model, line.account, ccer) >= beyond && still_owed(line) >= beyond
                };
                let found: Vec<_> = lines.iter().filter(fits).collect();
                let line = *self.rng.pick(&found)?;
                apply(line.account, line.year, ccer, reductions_left(line).max(0) + 1)
            }
            _ => {
                let fits = |line: &&registry_ledger::Obligation| {
                    let new = u32::from(line.year.year()) >= 2025;
                    vintage(of).is_some_and(|old| (old >= 2025) == new)
                        && registered(model, line.account, of) > still_owed(line).max(0)
                };
                let found: Vec<_> = lines.iter().filter(fits).collect();
                let line = *self.rng.pick(&found)?;
                apply(line.account, line.year, of, still_owed(line).max(0) + 1)
            }
        })
    }

    fn decision_fault(&mut self, model: &Model) -> Option<Asking> {
        let pending = |state| state == SurrenderState::Pending;
        Some(match self.rng.below(4) {
            0 => {
                let last = model.surrenders().len() as u64;
                let surrender = *self.rng.pick(&[0, last + 1, u64::MAX])?;
                Asking::ApproveSurrender { province: self.some_province()?, surrender }
            }
            1 => {
                let waits = self.some_surrender(model, pending)?;
                let province = self.some_province().filter(|other| *other != waits.province)?;
                Asking::ApproveSurrender { province, surrender: waits.number }
            }
            2 => {
                let closed =
                    self.some_surrender(model, |state| state != SurrenderState::Pending)?;
                let (province, surrender) = (closed.province, closed.number);
                Asking::DeclineSurrender { province, surrender, reason: self.text(200) }
            }
            _ => {
                let waits = self.some_surrender(model, pending)?;
                let (province, surrender) = (waits.province, waits.number);
                Asking::DeclineSurrender { province, surrender, reason: self.bad_text(200) }
            }
        })
    }

    fn carry_over_fault(&mut self, model: &Model) -> Option<Asking> {
        if self.rng.chance(40) {
            return self.carry_over(model, 1);
        }
        let mut valid = self.carry_over(model, 0)?;
        let Asking::CarryOver { account, from, to, quantity, sold_from, sold_to, document } =
            &mut valid
        else {
            return None;
        };
        match self.rng.below(8) {
            0 => *account = self.nobody(model)?,
            1 => *from = InstrumentCode::parse("CCER")?,
            2 => std::mem::swap(from, to),
            3 => *quantity = self.not_positive()?,
            4 => *document = self.bad_text(200),
            5 => (*sold_from, *sold_to) = (*sold_to, *sold_from),
            6 => *sold_to = date_of(beijing_day(model.now) + self.rng.between(0, 3))?,
            _ => {
                let today = beijing_day(model.now);
                let open = model.days.values().next_back()?.date;
                *sold_to = Some(open).filter(|date| day_number(*date) < today)?;
            }
        }
        Some(valid)
    }

    fn exit_fault(&mut self, model: &Model) -> Option<Asking> {
        let mut transfer = self.transfer(model)?;
        let mut cancel = self.cancel(model)?;
        let (
            Asking::Transfer { from, to, part, document, .. },
            Asking::Cancel { quantity, beneficiary, account, instrument, reason },
        ) = (&mut transfer, &mut cancel)
        else {
            return None;
        };
        Some(match self.rng.below(9) {
            0 => {
                *from = self.nobody(model)?;
                transfer
            }
            1 => {
                *to = self.nobody(model)?;
                transfer
            }
            2 => {
                *to = *from;
                transfer
            }
            3 => {
                *document = self.bad_text(200);
                transfer
            }
            4 => {
                let (code, tonnes) = part.as_mut()?;
                *tonnes = Quantity(registered(model, *from, *code) + 1);
                transfer
            }
            5 => {
                *quantity = Quantity(registered(model, *account, *instrument) + 1);
                cancel
            }
            6 => {
                *beneficiary = self.bad_text(200);
                cancel
            }
            7 => {
                *reason = self.bad_text(200);
                cancel
            }
            _ => {
                *quantity = self.not_positive()?;
                cancel
            }
        })
    }
}
