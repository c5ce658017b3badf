//! A settlement day's states, in their legal order.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::code::{Date, TradeMark};
use super::finding::{Checked, Wrong, same};
use super::trade::TradeLine;
use crate::formats::{FormatError, TradesHasher};

/// Where a day stands. A final day is not kept: nothing may be about it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closed,
    Cleared,
    Disputed,
    Confirmed,
    Delivered,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
            Self::Cleared => "CLEARED",
            Self::Disputed => "DISPUTED",
            Self::Confirmed => "CONFIRMED",
            Self::Delivered => "DELIVERED",
        })
    }
}

/// A trade of the day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) trade: TradeLine,
    pub(crate) mark: TradeMark,
    /// Settled at once: no part of the stream.
    pub(crate) immediate: bool,
}

/// The day that is not final yet.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub(crate) date: Date,
    pub(crate) state: State,
    suspended: bool,
    topup_window_ms: i64,
    pub(crate) topup_deadline_ms: Option<i64>,
    /// In the order of acceptance.
    pub(crate) slots: Vec<Slot>,
    /// Place in `slots` by trade number.
    pub(crate) places: HashMap<u64, usize>,
    pub(crate) chunks: u64,
    /// Over the stream as it was accepted.
    pub(crate) stream: TradesHasher,
    /// Trades tried so far.
    pub(crate) cursor: u64,
    pub(crate) held: u64,
    clearing_sha256: [u8; 32],
    statements_issued: bool,
    /// Accounts whose objection waits for an answer.
    objections: BTreeSet<u64>,
}

/// A trade or date without canonical bytes.
pub(crate) fn no_bytes(error: FormatError) -> Wrong {
    Wrong::new("trade", "one that has canonical bytes", error)
}

impl Day {
    pub(crate) fn new(date: Date, topup_window_ms: i64) -> Checked<Self> {
        Ok(Self {
            date,
            state: State::Open,
            suspended: false,
            topup_window_ms,
            topup_deadline_ms: None,
            slots: Vec::new(),
            places: HashMap::new(),
            chunks: 0,
            stream: TradesHasher::new(&date.to_string()).map_err(no_bytes)?,
            cursor: 0,
            held: 0,
            clearing_sha256: [0; 32],
            statements_issued: false,
            objections: BTreeSet::new(),
        })
    }

    /// That the day runs and is in one of these states.
    pub(crate) fn must_be(&self, needed: &[State]) -> Checked {
        let what = format!("state of {}", self.date);
        let named = || needed.iter().map(State::to_string).collect::<Vec<String>>().join(" or ");
        if self.suspended {
            return Err(Wrong::new(what, named(), format!("{} but SUSPENDED", self.state)));
        }
        match needed.contains(&self.state) {
            true => Ok(()),
            false => Err(Wrong::new(what, named(), self.state)),
        }
    }

    pub(crate) fn step(&mut self, needed: &[State], next: State) -> Checked {
        self.must_be(needed)?;
        self.state = next;
        Ok(())
    }

    pub(crate) fn cleared(&mut self, clearing_sha256: [u8; 32]) -> Checked {
        self.clearing_sha256 = clearing_sha256;
        self.step(&[State::Closed], State::Cleared)
    }

    pub(crate) fn confirmed(&mut self) -> Checked {
        self.step(&[State::Cleared], State::Confirmed)?;
        if self.slots.is_empty() {
            // There is nothing to deliver, so no event will say that it was.
            self.state = State::Delivered;
        }
        Ok(())
    }

    pub(crate) fn disputed(&mut self, of_exchange: &[u8; 32]) -> Checked {
        self.step(&[State::Cleared], State::Disputed)?;
        match *of_exchange == self.clearing_sha256 {
            false => Ok(()),
            true => Err(Wrong::new("exchange's clearing hash", "another than cleared", "the same")),
        }
    }

    /// All trades were tried at this time.
    pub(crate) fn all_tried(&mut self, ledger_time_ms: i64) {
        self.state = State::Delivered;
        self.topup_deadline_ms = Some(ledger_time_ms.saturating_add(self.topup_window_ms));
    }

    fn must_not_hold_trades(&self) -> Checked {
        same(format!("held trades of {}", self.date), 0, self.held)
    }

    pub(crate) fn issue_statements(&mut self) -> Checked {
        self.must_be(&[State::Delivered])?;
        self.must_not_hold_trades()?;
        match std::mem::replace(&mut self.statements_issued, true) {
            false => Ok(()),
            true => Err(Wrong::new("statements", "issued once", "issued again")),
        }
    }

    pub(crate) fn object(&mut self, account: u64) -> Checked {
        self.must_be(&[State::Delivered])?;
        same("statements issued before an objection", true, self.statements_issued)?;
        let traded = |slot: &Slot| {
            slot.mark != TradeMark::Voided
                && [slot.trade.buyer, slot.trade.seller].contains(&account)
        };
        if !self.slots.iter().any(traded) {
            return Err(Wrong::new("objection", "of an account that traded", account));
        }
        match self.objections.insert(account) {
            true => Ok(()),
            false => Err(Wrong::new(
                format!("objections of account {account}"),
                "one without an answer at most",
                "two",
            )),
        }
    }

    pub(crate) fn answer(&mut self, account: u64) -> Checked {
        self.must_be(&[State::Delivered])?;
        match self.objections.remove(&account) {
            true => Ok(()),
            false => {
                Err(Wrong::new("answer", "to an open objection", format!("account {account}")))
            }
        }
    }

    /// That the day may become final.
    pub(crate) fn finish(&self) -> Checked {
        self.must_be(&[State::Delivered])?;
        self.must_not_hold_trades()?;
        same("statements issued before the day is final", true, self.statements_issued)?;
        same("objections without an answer", 0, self.objections.len())
    }

    /// The day is stopped (`stop`), or goes on.
    pub(crate) fn suspend(&mut self, stop: bool) -> Checked {
        same(format!("{} suspended", self.date), !stop, self.suspended)?;
        self.suspended = stop;
        Ok(())
    }
}
