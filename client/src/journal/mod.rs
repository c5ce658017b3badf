//! The journal from outside: events read from their bytes, their tree, and an
//! audit that adds everything up again.
//!
//! Written from `docs/formats.md` alone and without the ledger's code, so that
//! two programs that agree here agree about the page, not about a shared bug.
//!
//! - [`Event`] is what an event's canonical bytes say. A kind of event or of
//!   posting is one line in `event.rs` or `posting.rs`; what it may post and
//!   what it does to the books are one arm each in `postings.rs` and
//!   `auditor.rs`, which do not compile without them.
//! - [`Auditor`] takes events in order and stops at the first that cannot be.
//! - [`audit_node`] audits a registry that runs, also under load, and compares
//!   what it holds; [`export()`] writes the journal to a file that [`audit_file`]
//!   audits without a registry.

mod auditor;
mod awaited;
mod books;
mod bytes;
mod cluster;
mod code;
mod compare;
mod compliance;
mod day;
mod day_trades;
mod dues;
mod encumbrances;
mod event;
mod export;
mod export_file;
mod feed;
mod finding;
mod freezes;
mod goods;
mod inclusive;
mod live;
mod pledges;
mod posting;
mod postings;
mod proposals;
mod repos;
mod terms;
mod trade;
mod tree;

#[cfg(test)]
mod tests;

pub use auditor::{AuditCounts, Auditor};
pub use bytes::{DecodeError, Reader, Wire};
pub use code::{
    AllocationKind, CashPart, CashPot, ClusterChange, Date, FreePart, GoodsPot, HolderKind,
    Instrument, PositionPart, RepoMark, Shortage, TradeMark, TradeWay, TransferCause, VoucherMark,
};
pub use event::{Event, What};
pub use export::{ExportReport, export};
pub use export_file::{FileReport, Statement, audit_file};
pub use finding::{AuditError, Finding, kind_name};
pub use live::{NodeReport, audit_node};
pub use posting::Posting;
pub use repos::RepoTerms;
pub use terms::{FreezeTarget, OtherTonnes, PledgeParties, PledgeTerms};
pub use trade::{TradeLine, TradeRange};
pub use tree::{Tree, leaf_hash};
