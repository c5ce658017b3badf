//! What people do about a day: statements, objections, finality, suspension.

use registry_ledger::{AccountId, Date, DayState, Reason};

use super::day::Day;
use super::{Model, Outcome, Refused, check_letter, refuse};

impl Model {
    pub(super) fn issue_statements(&mut self, date: Date) -> Outcome {
        let day = self.day_in(date, &[DayState::Delivered])?;
        if !day.held().is_empty() {
            return refuse(Reason::TradesHeld, "date");
        }
        self.day_mut(date).statements_issued = true;
        self.day_receipt(date)
    }

    /// A day whose statements can be objected to.
    fn day_with_statements(&self, date: Date) -> Result<&Day, Refused> {
        let day = self.live_day(date, "date")?;
        if day.state == DayState::Final {
            return refuse(Reason::ObjectionLate, "date");
        }
        if !day.statements_issued {
            return refuse(Reason::StatementsMissing, "date");
        }
        Ok(day)
    }

    pub(super) fn raise_objection(
        &mut self,
        date: Date,
        account: AccountId,
        text: &str,
    ) -> Outcome {
        let day = self.day_with_statements(date)?;
        check_letter(text, "text")?;
        let mut counted = day.counted().into_iter();
        let traded = counted.any(|trade| trade.buyer == account || trade.seller == account);
        if !traded {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        if day.objections.contains(&account) {
            return refuse(Reason::ObjectionOpen, "account_id");
        }
        self.day_mut(date).objections.insert(account);
        self.day_receipt(date)
    }

    pub(super) fn resolve_objection(
        &mut self,
        date: Date,
        account: AccountId,
        resolution: &str,
    ) -> Outcome {
        let day = self.live_day(date, "date")?;
        check_letter(resolution, "resolution")?;
        if !day.objections.contains(&account) {
            return refuse(Reason::UnknownObjection, "account_id");
        }
        self.day_mut(date).objections.remove(&account);
        self.day_receipt(date)
    }

    pub(super) fn finalize_day(&mut self, date: Date) -> Outcome {
        let day = self.day_in(date, &[DayState::Delivered])?;
        if !day.held().is_empty() {
            return refuse(Reason::TradesHeld, "date");
        }
        if !day.statements_issued {
            return refuse(Reason::StatementsMissing, "date");
        }
        if !day.objections.is_empty() {
            return refuse(Reason::ObjectionOpen, "date");
        }
        let day = self.day_mut(date);
        day.state = DayState::Final;
        self.day_receipt(date)
    }

    pub(super) fn suspend_day(&mut self, date: Date) -> Outcome {
        let day = self.live_day(date, "date")?;
        if day.state == DayState::Final {
            return refuse(Reason::DayState, "date");
        }
        let day = self.day_mut(date);
        day.suspended_from = Some(day.state);
        day.state = DayState::Suspended;
        self.day_receipt(date)
    }

    pub(super) fn resume_day(&mut self, date: Date) -> Outcome {
        let Some(day) = self.days.get(&date) else {
            return refuse(Reason::UnknownDay, "date");
        };
        let Some(back_to) = day.suspended_from else {
            return refuse(Reason::DayState, "date");
        };
        let day = self.day_mut(date);
        day.state = back_to;
        day.suspended_from = None;
        self.day_receipt(date)
    }
}
