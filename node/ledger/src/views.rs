//! What queries answer.

use crate::cash::{Pots, ReportedBalance};
use crate::compliance::Retired;
use crate::receipt::{CashBalance, Holding};
use crate::types::{
    AccountId, AccountKind, BankId, Date, Fen, InstrumentCode, Price, Quantity, Trade, TradeStatus,
};

/// One account with everything it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its number.
    pub id: AccountId,
    /// Unified social credit code.
    pub uscc: String,
    /// Legal name.
    pub name: String,
    /// Kind of holder.
    pub kind: AccountKind,
    /// By instrument.
    pub holdings: Vec<(InstrumentCode, Holding)>,
    /// By bank.
    pub cash: Vec<(BankId, CashBalance)>,
}

/// One settlement bank: balance = deposited + interbank - withdrawn = sub-ledgers
/// + fees + reserve + suspense + proceeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankView {
    /// Interbank category code.
    pub id: BankId,
    /// Its name.
    pub name: String,
    /// What it must hold for the registry's accounts.
    pub balance: Fen,
    /// From outside the market.
    pub deposited: Fen,
    /// Net received from other settlement banks.
    pub interbank: Fen,
    /// What of the balance belongs to no account, and what has left.
    pub pots: Pots,
    /// What sales of pledged tonnes have brought the bank as their pledgee.
    pub proceeds: Fen,
    /// What the bank itself said last.
    pub reported: Option<ReportedBalance>,
}

impl BankView {
    /// What is left of the balance for the accounts' sub-ledgers.
    #[must_use]
    pub fn sub_ledgers(&self) -> Fen {
        let Pots { fees, reserve, suspense, .. } = self.pots;
        // Parts of the balance, none of them negative.
        let others =
            [fees, reserve, suspense, self.proceeds].into_iter().try_fold(Fen(0), Fen::checked_add);
        others.and_then(|others| self.balance.checked_sub(others)).unwrap_or_default()
    }

    /// What the bank reported less what it must hold; `None` before a report.
    #[must_use]
    pub fn difference(&self) -> Option<Fen> {
        // Neither is negative.
        self.reported.and_then(|reported| reported.balance.checked_sub(self.balance))
    }
}

/// One instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentView {
    /// Its code.
    pub code: InstrumentCode,
    /// Ever created.
    pub issued: Quantity,
    /// In all positions of all accounts.
    pub held: Quantity,
    /// Where the others went for good: issued = held + all of it.
    pub retired: Retired,
    /// Base of the next price limits.
    pub last_close: Price,
    /// Day of the last close; `None` before the first.
    pub last_close_date: Option<Date>,
    /// Until when it can meet obligations; `None` when that is open.
    pub usable_until: Option<Date>,
}

/// Which trades to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// Not yet tried.
    Accepted,
    /// Delivered.
    Delivered,
    /// Held, for whatever reason.
    Held,
    /// Failed, for whatever reason.
    Failed,
    /// Taken out while disputed.
    Voided,
    /// Delivered with the reserve's money.
    Covered,
}

impl StatusFilter {
    pub(crate) fn accepts(self, status: TradeStatus) -> bool {
        self == match status {
            TradeStatus::Accepted => Self::Accepted,
            TradeStatus::Delivered => Self::Delivered,
            TradeStatus::Held(_) => Self::Held,
            TradeStatus::Failed(_) => Self::Failed,
            TradeStatus::Voided => Self::Voided,
            TradeStatus::Covered => Self::Covered,
        }
    }
}

/// One trade of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeRecord {
    /// Place in the order of acceptance, from 1.
    pub sequence: u64,
    /// As accepted, or as amended.
    pub trade: Trade,
    /// Where it stands.
    pub status: TradeStatus,
    /// Settled on request, outside the day's stream.
    pub immediate: bool,
}

/// What one account traded on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Which day.
    pub date: Date,
    /// Whose.
    pub account: AccountId,
    /// Its trades in order of acceptance.
    pub lines: Vec<TradeRecord>,
    /// Delivered purchases.
    pub bought: Fen,
    /// Delivered sales.
    pub sold: Fen,
}

/// The day's line of the price board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyPrice {
    /// Of what.
    pub instrument: InstrumentCode,
    /// Which day.
    pub date: Date,
    /// Base of the day's limits.
    pub previous_close: Price,
    /// First listed price.
    pub open: Option<Price>,
    /// Highest listed price.
    pub high: Option<Price>,
    /// Lowest listed price.
    pub low: Option<Price>,
    /// Listed average, rounded half up to 0.01; the previous close without a listed trade.
    pub close: Price,
    /// Listed tonnes.
    pub listed_quantity: Quantity,
    /// Listed fen.
    pub listed_amount: Fen,
    /// Block tonnes.
    pub block_quantity: Quantity,
    /// Block fen.
    pub block_amount: Fen,
    /// Whether the manifest agreed with the day's stream.
    pub settled: bool,
}
