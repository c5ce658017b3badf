//! What was: balances at an earlier position, an account's entries over a
//! period, one trade from its acceptance on.
//!
//! All of it follows from the present and from the events, found by their
//! subjects; nothing is kept for it. An account's trades are not in its events:
//! they follow from the days' trades and from when each of them settled.

mod balances;
mod days;
mod entries;
mod legs;
mod moment;
mod trade;

use crate::journal::{Event, Subject};
use crate::ledger::Ledger;
use crate::rejection::Rejection;

pub use balances::{AccountBalances, balances_at};
pub use entries::{About, AccountEntry, EntryPage, EntryPlace, entries_after};
pub use moment::{Edge, End, Moment, through};
pub use trade::{TradeStep, trade_events, trade_steps};

/// Where histories are read: a ledger, and the events that led to it. The ledger
/// may move on between two looks, and its events with it.
pub trait Source {
    /// Why it cannot be read, or why there is no answer.
    type Error: From<Rejection>;

    /// Looks at the ledger as it is now.
    fn ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T;

    /// One event.
    ///
    /// # Errors
    /// When it cannot be read.
    fn event(&self, ordinal: u64) -> Result<Event, Self::Error>;

    /// Numbers of the events about a subject after one of them, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn about(&self, subject: Subject, after: u64, limit: usize) -> Result<Vec<u64>, Self::Error>;

    /// Number of the event about the greatest place of a day that is not
    /// greater than the subject's own.
    ///
    /// # Errors
    /// When it cannot be read.
    fn covering(&self, places: Subject) -> Result<Option<u64>, Self::Error>;

    /// Ledger and events do not fit each other.
    fn damaged(&self, what: String) -> Self::Error;
}
