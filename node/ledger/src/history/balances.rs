//! An account's balances after an earlier event: the present ones with
//! everything undone that came later.

use std::collections::BTreeMap;

use super::Source;
use super::days::{Days, Pending, Settled, every};
use super::legs::{legs, own};
use crate::account::overflow;
use crate::journal::{CashPosition, Position, Posting, Subject};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding};
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, BankId, Date, Fen, InstrumentCode, Quantity};
use crate::views::TradeRecord;

/// What an account has, without entries for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountBalances {
    /// By instrument.
    pub holdings: BTreeMap<InstrumentCode, Holding>,
    /// By bank.
    pub cash: BTreeMap<BankId, CashBalance>,
}

/// The present, read at once.
pub(super) struct Present {
    pub(super) balances: AccountBalances,
    /// Number of the last event.
    pub(super) last_event: u64,
    /// Every settlement day, ascending.
    pub(super) dates: Vec<Date>,
    /// The account's trades of the last of them, which may still settle.
    pub(super) last_trades: Vec<TradeRecord>,
}

impl AccountBalances {
    /// Adds a posting to it.
    ///
    /// # Errors
    /// When a sum does not fit its number.
    pub fn add(&mut self, posting: &Posting) -> Result<(), Rejection> {
        match *posting {
            Posting::Goods { instrument, position, quantity, .. } => {
                let holding = self.holdings.entry(instrument).or_default();
                let part = part_of(holding, position);
                *part = part.checked_add(quantity).ok_or_else(|| overflow("postings"))?;
                if *holding == Holding::default() {
                    self.holdings.remove(&instrument);
                }
            }
            Posting::Cash { bank, position, amount, .. } => {
                let balance = self.cash.entry(bank).or_default();
                let part = match position {
                    CashPosition::Available => &mut balance.available,
                    CashPosition::PendingOut => &mut balance.pending_out,
                };
                *part = part.checked_add(amount).ok_or_else(|| overflow("postings"))?;
                if *balance == CashBalance::default() {
                    self.cash.remove(&bank);
                }
            }
            Posting::GoodsPot { .. } | Posting::CashPot { .. } => {}
        }
        Ok(())
    }

    fn undo(&mut self, postings: &[Posting]) -> Result<(), Rejection> {
        postings.iter().try_for_each(|posting| self.add(&opposite(*posting)))
    }
}

fn part_of(holding: &mut Holding, position: Position) -> &mut Quantity {
    match position {
        Position::Registered => &mut holding.registered,
        Position::Trading => &mut holding.trading,
        Position::PendingIn => &mut holding.pending_in,
        Position::Pledged => &mut holding.pledged,
        Position::Frozen => &mut holding.frozen,
        Position::PendingOut => &mut holding.pending_out,
    }
}

fn opposite(mut posting: Posting) -> Posting {
    match &mut posting {
        Posting::Goods { quantity, .. } | Posting::GoodsPot { quantity, .. } => {
            *quantity = Quantity(quantity.0.saturating_neg());
        }
        Posting::Cash { amount, .. } | Posting::CashPot { amount, .. } => {
            *amount = Fen(amount.0.saturating_neg());
        }
    }
    posting
}

impl Ledger {
    /// What an account has now, without entries for nothing.
    fn account_balances(&self, account: AccountId) -> Option<AccountBalances> {
        let held = self.balances_at(account)?;
        let holdings = held.holdings.iter().filter(|(_, held)| *held != Holding::default());
        let cash = held.cash.iter().filter(|(_, held)| *held != CashBalance::default());
        Some(AccountBalances {
            holdings: holdings.copied().collect(),
            cash: cash.copied().collect(),
        })
    }

    /// Trades that an account buys or sells in on a day, voided ones left out,
    /// in order of acceptance.
    pub(crate) fn own_trades(&self, date: Date, account: AccountId) -> Vec<TradeRecord> {
        self.statement(date, account).map(|statement| statement.lines).unwrap_or_default()
    }
}

impl Present {
    pub(super) fn read<S: Source>(source: &S, account: AccountId) -> Result<Self, S::Error> {
        let read = source.ledger(|ledger| {
            let dates: Vec<_> = ledger.days.keys().copied().collect();
            Some(Self {
                balances: ledger.account_balances(account)?,
                last_event: ledger.journal().leaves(),
                last_trades: dates
                    .last()
                    .map(|date| ledger.own_trades(*date, account))
                    .unwrap_or_default(),
                dates,
            })
        });
        read.ok_or_else(|| unknown_account(account).into())
    }

    /// The account's trades of a day; only those of the last one may change.
    pub(super) fn trades<S: Source>(
        &self,
        source: &S,
        account: AccountId,
        date: Date,
    ) -> Vec<TradeRecord> {
        if self.dates.last() == Some(&date) {
            return self.last_trades.clone();
        }
        source.ledger(|ledger| ledger.own_trades(date, account))
    }
}

pub(super) fn unknown_account(account: AccountId) -> Rejection {
    let message = format!("account {} does not exist", account.0);
    Rejection::new(Reason::UnknownAccount, "account_id", message)
}

/// What an account had right after an event; 0 is before the first. Costs as
/// much as the account did since.
///
/// # Errors
/// When there is no such account, the event lies in the future, or something
/// cannot be read.
pub fn balances_at<S: Source>(
    source: &S,
    account: AccountId,
    event: u64,
) -> Result<AccountBalances, S::Error> {
    let mut present = Present::read(source, account)?;
    if event > present.last_event {
        let message = format!("event {event} was asked, the last one is {}", present.last_event);
        return Err(Rejection::new(Reason::PositionAhead, "event", message).into());
    }
    let mut balances = std::mem::take(&mut present.balances);
    if event == present.last_event {
        return Ok(balances);
    }
    let days = Days::new(source, &present.dates);
    let mut at = days.last_opened_through(event)?;
    loop {
        let next = days.next(at);
        let begin = days.opening(at)?;
        let end = match next {
            Some(next) => days.opening(Some(next))?.saturating_sub(1),
            None => present.last_event,
        };
        let mut pending = Pending::default();
        // What became pending before the event matters only when it became
        // trading after it.
        let from = if next.is_some() { begin } else { begin.max(event) };
        for number in every(source, Subject::Account(account), from, end)? {
            let postings = own(source.event(number)?.postings, account);
            pending.add(&postings);
            if number > event {
                balances.undo(&postings)?;
            }
        }
        if let Some(date) = days.date(at) {
            let trades = present.trades(source, account, date);
            let mut settled = Settled::new(source, date);
            for record in trades.iter().filter(|record| record.status.is_settled()) {
                let postings = legs(&record.trade, account);
                pending.add(&postings);
                if begin > event || settled.by(record)? > event {
                    balances.undo(&postings)?;
                }
            }
        }
        let Some(next) = next else { return Ok(balances) };
        balances.undo(&pending.released(account))?;
        at = Some(next);
    }
}
