//! What the ledger answers when a command was carried out.

use crate::cash::{OpenWithdrawal, Pots, ReportedBalance};
use crate::compliance::ComplianceReceipt;
use crate::inclusive::InclusiveReceipt;
use crate::pledge::PledgeState;
use crate::rejection::Rejection;
use crate::repo::Repo;
use crate::types::{
    AccountId, BankId, Date, DayState, Fen, FreezeId, InstrumentCode, LedgerTime, PledgeId,
    ProposalId, Quantity, TradeNumber, TradeStatus,
};

/// Answer to one command, remembered under its request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Term of the entry that decided it.
    pub term: u64,
    /// Index of the entry that decided it.
    pub log_index: u64,
    /// Ledger time when it was decided.
    pub ledger_time: LedgerTime,
    /// A rejection moves nothing.
    pub outcome: Result<Receipt, Rejection>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing more to say.
    Done,
    /// A new account's number.
    AccountOpened(AccountId),
    /// New accounts' numbers, without gaps.
    AccountsOpened {
        /// Of the first account.
        first: AccountId,
        /// How many.
        count: u32,
    },
    /// The holding after the change.
    Holding(InstrumentCode, Holding),
    /// The balance after the change.
    Cash(BankId, CashBalance),
    /// The day after the change.
    Day(DaySummary),
    /// A chunk was taken.
    Chunk {
        /// Its number.
        number: u32,
        /// Trades of the day's stream so far.
        trades_accepted: u64,
    },
    /// The day's obligations.
    Clearing(Clearing),
    /// Results of trades tried again or ended.
    Trades(Vec<TradeResult>),
    /// Result of an immediate trade.
    Trade(TradeResult),
    /// Results of a delivery step.
    Delivered {
        /// First result's place in the order of acceptance.
        from_sequence: u64,
        /// Trades of the day, the last sequence number.
        trade_count: u64,
        /// In order.
        results: Vec<TradeResult>,
    },
    /// A command waits for a second person.
    Proposed {
        /// Its number.
        proposal: ProposalId,
        /// Of its content.
        content_sha256: [u8; 32],
        /// Until when it can be approved.
        expires_at: LedgerTime,
    },
    /// A withdrawal was asked, paid out or refused.
    Withdrawal(OpenWithdrawal, CashBalance),
    /// A bank's pots after the change.
    Pots(BankId, Pots),
    /// The reserve was paid back.
    Repaid {
        /// Where.
        bank: BankId,
        /// The account's balance there after the change.
        balance: CashBalance,
        /// What it still owes there.
        claim: Fen,
    },
    /// The reserve paid what a trade's buyer lacked.
    Covered {
        /// Which trade.
        number: TradeNumber,
        /// What the reserve paid.
        shortfall: Fen,
        /// All that the buyer owes at its bank now.
        claim: Fen,
    },
    /// A pledge after the change.
    Pledge {
        /// Which.
        pledge: PledgeId,
        /// Where it stands.
        state: PledgeState,
        /// Its version.
        version: u32,
        /// What it holds.
        quantity: Quantity,
    },
    /// A pledgee took proceeds.
    Proceeds {
        /// Which bank.
        bank: BankId,
        /// What is left there.
        left: Fen,
    },
    /// A freeze began or ended.
    Freeze {
        /// Which.
        freeze: FreezeId,
        /// Whose.
        account: AccountId,
        /// Tonnes in the position `frozen` by it; none once it is lifted.
        frozen: Quantity,
        /// Pledges under its stay; none once it is lifted.
        stayed: Vec<PledgeId>,
    },
    /// A bank's report next to what it must hold.
    Reported {
        /// Which bank.
        bank: BankId,
        /// What it must hold.
        expected: Fen,
        /// What it said.
        reported: ReportedBalance,
    },
    /// Something of yearly compliance was done.
    Compliance(Box<ComplianceReceipt>),
    /// About the inclusive-platform instrument.
    Inclusive(InclusiveReceipt),
    /// The repo after the change.
    Repo(Box<Repo>),
}

/// An account's position in one instrument. Total is the sum of all parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// 登记可用
    pub registered: Quantity,
    /// 交易可用; sales settle from here.
    pub trading: Quantity,
    /// Bought today; becomes trading when the next day opens.
    pub pending_in: Quantity,
    /// Pledged to a bank.
    pub pledged: Quantity,
    /// Frozen by a court.
    pub frozen: Quantity,
    /// Surrender or cancellation awaiting approval.
    pub pending_out: Quantity,
}

/// An account's money at one bank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CashBalance {
    /// Can pay for purchases.
    pub available: Fen,
    /// Withdrawal asked, not yet confirmed.
    pub pending_out: Fen,
}

/// How a trade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeResult {
    /// Which.
    pub number: TradeNumber,
    /// How.
    pub status: TradeStatus,
}

/// What one bank pays and receives for its customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankClearing {
    /// Which bank.
    pub bank: BankId,
    /// For its selling customers.
    pub receives: Fen,
    /// For its buying customers.
    pub pays: Fen,
}

/// The day's obligations per bank, in order of bank id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// Which day.
    pub date: Date,
    /// Every bank with a trade.
    pub banks: Vec<BankClearing>,
    /// Over banks, entities and instruments: `docs/formats.md`.
    pub sha256: [u8; 32],
}

/// A settlement day in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySummary {
    /// Which day.
    pub date: Date,
    /// Where it stands.
    pub state: DayState,
    /// Stream and immediate trades, voided ones not counted.
    pub trade_count: u64,
    /// Delivered.
    pub delivered_count: u64,
    /// Held now.
    pub held_count: u64,
    /// Ended undelivered.
    pub failed_count: u64,
    /// Chunks taken.
    pub chunk_count: u32,
    /// Tonnes of the counted trades.
    pub quantity: Quantity,
    /// Fen of the counted trades.
    pub amount: Fen,
    /// Once cleared.
    pub clearing_sha256: Option<[u8; 32]>,
    /// Once delivered.
    pub topup_deadline: Option<LedgerTime>,
    /// Objections without an answer.
    pub open_objections: u32,
    /// Whether statements were issued.
    pub statements_issued: bool,
    /// State to return to, while suspended.
    pub suspended_from: Option<DayState>,
    /// Why the clearing is disputed; empty otherwise.
    pub dispute_reason: String,
}
