//! Suspension: two different registry officers stop a day, and resume it.

use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::types::{Date, DayState};

impl Ledger {
    pub(crate) fn suspend_day(&mut self, date: Date, actor: &str) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?;
        if matches!(day.state, DayState::Final | DayState::Suspended) {
            return day.wrong_state(Reason::DayState, "a running day that is not FINAL");
        }
        let second = is_second_officer(day, actor)?;
        self.record(What::SuspensionAsked { date, done: second }, Vec::new());
        self.record_officer(date, actor, second, |day| {
            day.suspended_from = Some(day.state);
            day.state = DayState::Suspended;
        })
    }

    pub(crate) fn resume_day(&mut self, date: Date, actor: &str) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.in_state(DayState::Suspended)?;
        let second = is_second_officer(day, actor)?;
        self.record(What::ResumptionAsked { date, done: second }, Vec::new());
        self.record_officer(date, actor, second, |day| {
            if let Some(state) = day.suspended_from.take() {
                day.state = state;
            }
        })
    }

    /// The first officer is written down; the second one's word takes effect.
    fn record_officer(
        &mut self,
        date: Date,
        actor: &str,
        second: bool,
        effect: impl FnOnce(&mut Day),
    ) -> Result<Receipt, Rejection> {
        self.touch(RecordKey::Day(date));
        if let Some(day) = self.days.get_mut(&date) {
            if second {
                day.suspension_asked_by = None;
                effect(day);
            } else {
                day.suspension_asked_by = Some(actor.to_owned());
            }
        }
        self.day_receipt(date)
    }
}

fn is_second_officer(day: &Day, actor: &str) -> Result<bool, Rejection> {
    match &day.suspension_asked_by {
        None => Ok(false),
        Some(first) if first == actor => Err(Rejection::new(
            Reason::SelfApproval,
            "",
            format!("{actor} asked first; another officer must confirm"),
        )),
        Some(_) => Ok(true),
    }
}
