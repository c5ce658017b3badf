//! Suspension: two registry officers stop a day, and resume it.

use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::types::{Date, DayState};

impl Ledger {
    pub(crate) fn suspend_day(&mut self, date: Date) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?;
        if matches!(day.state, DayState::Final | DayState::Suspended) {
            return day.wrong_state(Reason::DayState, "a running day that is not FINAL");
        }

        self.touch(RecordKey::Day(date));
        if let Some(day) = self.days.get_mut(&date) {
            day.suspended_from = Some(day.state);
            day.state = DayState::Suspended;
        }
        self.record(What::DaySuspended { date }, Vec::new());
        self.day_receipt(date)
    }

    pub(crate) fn resume_day(&mut self, date: Date) -> Result<Receipt, Rejection> {
        self.known_day(date)?.in_state(DayState::Suspended)?;

        self.touch(RecordKey::Day(date));
        if let Some(day) = self.days.get_mut(&date)
            && let Some(state) = day.suspended_from.take()
        {
            day.state = state;
        }
        self.record(What::DayResumed { date }, Vec::new());
        self.day_receipt(date)
    }
}
