//! The registry's rules as a deterministic state machine.
//!
//! [`Ledger::apply`] takes one committed [`Entry`] and gives an [`Answer`];
//! the same entries in the same order give the same state and the same answers
//! on every node. Nothing here reads a clock, a file, the network or a hash
//! map's order; money and tonnes are integers, and every sum is checked.
//!
//! Reading order: [`types`](Trade), [`command`](Command), [`receipt`](Receipt)
//! and [`rejection`](Reason) are the vocabulary; `ledger` applies and seals;
//! `account`, `instrument` and `settlement` hold the rules; `records` and
//! `digest` say how state is stored and compared; `invariants` what must
//! always hold.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        reason = "tests compute with small known numbers and may stop at a surprise"
    )
)]

mod account;
pub mod amount;
mod bank;
pub mod calendar;
mod candles;
mod cash;
mod changes;
mod cluster;
mod code_index;
mod codec;
mod command;
mod compliance;
mod control;
mod digest;
pub mod formats;
mod freeze;
pub mod history;
mod inclusive;
mod instrument;
mod invariants;
pub mod journal;
mod ledger;
mod opening;
mod overview;
mod pledge;
mod proposals;
mod queries;
mod receipt;
mod records;
mod rejection;
mod repo;
mod requests;
mod rules;
mod segmented;
mod settlement;
mod span;
mod stored;
mod text;
mod totals;
mod touched;
mod types;
pub mod uscc;
mod views;

pub use candles::Candle;
pub use cash::{
    OPEN_WITHDRAWALS_LIMIT, OpenWithdrawal, PaymentDay, PaymentInstructions, PaymentLine, Pots,
    ReportedBalance, WithdrawalFilter,
};
pub use changes::Changes;
pub use cluster::{
    ClusterChange, ClusterCommand, ClusterMember, CutOff, Layout, NodeDescription, OneCity,
    Recovery, Restoration, SealedOverride, Standing, Topology, VoterSets, next_voters,
};
pub use codec::CorruptRecord;
pub use command::{
    Chunk, Command, Entry, Genesis, Manifest, Member, OpeningBooks, OpeningHolding, Request,
};
pub use compliance::{
    Allocation, AllocationKind, Cancellation, CarryOver, ComplianceCommand, ComplianceReceipt,
    ComplianceYear, Emissions, EntryFilter, Means, Obligation, ProvinceCode, ProvinceView, Retired,
    Surrender, SurrenderState, TransferCause,
};
pub use control::{
    Approval, OPEN_PROPOSALS_BYTES_LIMIT, PROPOSAL_BYTES_LIMIT, PROPOSAL_LIFE_LIMIT_MS, Proposal,
};
pub use digest::{Digest, record_hash};
pub use freeze::{Freeze, FreezeCommand, FreezeTarget};
pub use inclusive::{
    CreditBatch, CreditLine, Grams, INCLUSIVE_LINES_LIMIT, InclusiveAccountId,
    InclusiveAccountView, InclusiveCommand, InclusiveReceipt, OwnerId, PLATFORM_NAME_LIMIT,
    PlatformId, PlatformView, VOUCHER_LIFE_LIMIT_MS, Voucher, VoucherFilter, VoucherId,
    VoucherStatus, credit_sha256,
};
pub use invariants::{BrokenInvariant, InvariantReport};
pub use ledger::{Ledger, Sealed};
pub use opening::OPENING_ACCOUNTS_LIMIT;
pub use overview::{AccountOverview, HoldingValue};
pub use pledge::{
    CURE_PERIOD_LIMIT_MS, OFFER_LIFE_LIMIT_MS, Pledge, PledgeCommand, PledgeFilter, PledgeOffer,
    PledgeRef, PledgeState, PledgeTerms, PledgeView, Substitution, SubstitutionOffer,
};
pub use receipt::{
    Answer, BankClearing, CashBalance, Clearing, DaySummary, Holding, Receipt, TradeResult,
};
pub use records::{Loader, is_dense};
pub use rejection::{Reason, Rejection};
pub use repo::{
    REPO_GRACE_LIMIT_MS, REPO_LIFE_LIMIT_MS, REPO_TENOR_LIMIT_DAYS, REPOS_PROPOSED_LIMIT, Repo,
    RepoCommand, RepoId, RepoState, RepoTerms,
};
pub use requests::ANSWER_RETENTION_MS;
pub use rules::RULES_KNOWN;
pub use settlement::limits::{
    DELIVERY_STEP_LIMIT, HELD_TRADES_LIMIT, HOLIDAYS_LIMIT, TOPUP_WINDOW_LIMIT_MS,
    TRADES_PER_CHUNK_LIMIT,
};
pub use totals::{HoldersPage, InstrumentTotals};
pub use types::{
    AccountId, AccountKind, BankId, Date, DayState, Fen, FreePosition, FreezeId, HeldReason,
    InstrumentCode, LedgerTime, PledgeId, Price, ProposalId, Quantity, Trade, TradeKind,
    TradeNumber, TradeStatus,
};
pub use views::{
    AccountView, BankView, DailyPrice, InstrumentView, Statement, StatusFilter, TradeRecord,
};
