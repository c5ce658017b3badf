//! The end of a day: statements, objections, final.

use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::text;
use crate::types::{AccountId, Date, DayState};

/// A written objection to a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) text: String,
    /// The registry's answer.
    pub(crate) resolution: Option<String>,
}

impl Ledger {
    /// Issuing statements again changes nothing and succeeds.
    pub(crate) fn issue_statements(&mut self, date: Date) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Delivered)?;
        refuse_held(day)?;
        if !day.statements_issued {
            self.touch(RecordKey::Day(date));
            if let Some(day) = self.days.get_mut(&date) {
                day.statements_issued = true;
            }
            self.record(What::StatementsIssued { date }, Vec::new());
        }
        self.day_receipt(date)
    }

    pub(crate) fn raise_objection(
        &mut self,
        date: Date,
        account: AccountId,
        text: &str,
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?;
        if day.state == DayState::Final {
            return day.wrong_state(Reason::ObjectionLate, "a day that is not FINAL yet");
        }
        require_statements(day)?;
        text::check_letter(text, "text")?;
        if !day.has_trade_of(account) {
            return Err(Rejection::new(
                Reason::UnknownAccount,
                "account_id",
                format!("account {} has no trade on {date}", account.0),
            ));
        }
        if open_objection(day, account).is_some() {
            return Err(Rejection::new(
                Reason::ObjectionOpen,
                "account_id",
                format!(
                    "account {} has an objection on {date} that waits for an answer",
                    account.0
                ),
            ));
        }
        let next = day
            .objections
            .range((account, 0)..=(account, u32::MAX))
            .next_back()
            .map_or(Some(1), |((_, number), _)| number.checked_add(1));
        let key = (account, next.ok_or_else(|| crate::account::overflow("account_id"))?);

        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Objection(date, key.0, key.1));
        if let Some(day) = self.days.get_mut(&date) {
            day.objections.insert(key, Objection { text: text.to_owned(), resolution: None });
        }
        self.record(What::ObjectionRaised { date, account, text: text.to_owned() }, Vec::new());
        self.day_receipt(date)
    }

    pub(crate) fn resolve_objection(
        &mut self,
        date: Date,
        account: AccountId,
        resolution: &str,
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?;
        text::check_letter(resolution, "resolution")?;
        let Some(number) = open_objection(day, account) else {
            return Err(Rejection::new(
                Reason::UnknownObjection,
                "account_id",
                format!("account {} has no open objection on {date}", account.0),
            ));
        };

        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Objection(date, account, number));
        let objection =
            self.days.get_mut(&date).and_then(|day| day.objections.get_mut(&(account, number)));
        if let Some(objection) = objection {
            objection.resolution = Some(resolution.to_owned());
        }
        let resolution = resolution.to_owned();
        self.record(What::ObjectionResolved { date, account, resolution }, Vec::new());
        self.day_receipt(date)
    }

    pub(crate) fn finalize_day(&mut self, date: Date) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Delivered)?;
        refuse_held(day)?;
        require_statements(day)?;
        let open = day.open_objections();
        if open > 0 {
            return Err(Rejection::new(
                Reason::ObjectionOpen,
                "date",
                format!("{date} has {open} objections without an answer"),
            ));
        }

        self.touch(RecordKey::Day(date));
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Final;
        }
        self.record(What::DayFinal { date }, Vec::new());
        self.day_receipt(date)
    }
}

impl Day {
    /// Whether the account bought or sold on this day; known from the clearing on.
    fn has_trade_of(&self, account: AccountId) -> bool {
        !self.by_account.of(account).is_empty()
    }
}

fn open_objection(day: &Day, account: AccountId) -> Option<u32> {
    let of_account = day.objections.range((account, 0)..=(account, u32::MAX));
    of_account.filter(|(_, objection)| objection.resolution.is_none()).map(|((_, n), _)| *n).next()
}

fn refuse_held(day: &Day) -> Result<(), Rejection> {
    if day.held == 0 {
        return Ok(());
    }
    Err(Rejection::new(
        Reason::TradesHeld,
        "date",
        format!("{} trades of {} are held; deliver or end them first", day.held, day.date),
    ))
}

fn require_statements(day: &Day) -> Result<(), Rejection> {
    if day.statements_issued {
        return Ok(());
    }
    Err(Rejection::new(
        Reason::StatementsMissing,
        "date",
        format!("statements of {} have not been issued", day.date),
    ))
}
