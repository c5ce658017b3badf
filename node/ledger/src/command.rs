//! What the log replicates: who asked for what, and when the leader stamped it.

use crate::cluster::ClusterCommand;
use crate::compliance::ComplianceCommand;
use crate::control::Approval;
use crate::freeze::FreezeCommand;
use crate::inclusive::InclusiveCommand;
use crate::pledge::PledgeCommand;
use crate::repo::RepoCommand;
use crate::types::{
    AccountId, AccountKind, BankId, Date, Fen, FreePosition, InstrumentCode, LedgerTime, Price,
    ProposalId, Quantity, Trade, TradeNumber,
};

/// One command with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Raft term of the log entry.
    pub term: u64,
    /// Index of the log entry; several commands may share it.
    pub log_index: u64,
    /// The leader's clock when it proposed; ledger time is the greatest seen.
    pub proposed_at: LedgerTime,
    /// Who asked, from the certificate, e.g. `exchange/sh`.
    pub actor: String,
    /// The client's request id and content; `None` for commands a leader
    /// proposes itself, which are idempotent by their own content.
    pub request: Option<Request>,
    /// What to do.
    pub command: Command,
}

/// Identifies a client's request: same actor and id, same answer for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// 1 to 64 characters of `[A-Za-z0-9._:-]`.
    pub id: String,
    /// SHA-256 of the request's bytes; other content under the same id is refused.
    pub fingerprint: [u8; 32],
}

/// Everything a client or a leader can ask of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// First command of a cluster's life; everything else is refused before it.
    Genesis(Genesis),
    /// Opens the account of a legal entity.
    OpenAccount {
        /// Unified social credit code, as sent.
        uscc: String,
        /// Legal name, 1 to 200 bytes.
        name: String,
        /// Kind of holder.
        kind: AccountKind,
    },
    /// Opens many accounts with what each holds, all or none; needs two people,
    /// as do issuance, suspension and resumption: see [`Command::Propose`].
    LoadAccounts {
        /// 1 to 8,192 accounts, in the order of their numbers.
        books: Vec<OpeningBooks>,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Moves allowances between the two free positions of one account (划转).
    MoveHolding {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentCode,
        /// The other position receives.
        from: FreePosition,
        /// How much, > 0.
        quantity: Quantity,
    },
    /// Admits a settlement bank.
    OpenBank {
        /// Its interbank category code.
        bank: BankId,
        /// 1 to 200 bytes.
        name: String,
    },
    /// Credits money that arrived at a bank for an account.
    Deposit {
        /// Whose.
        account: AccountId,
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
    },
    /// Makes an instrument known.
    RegisterInstrument {
        /// Its code.
        instrument: InstrumentCode,
        /// Base of the first day's price limits, > 0.
        reference_price: Price,
    },
    /// Creates units in an account's registered position.
    Issue {
        /// Who receives.
        account: AccountId,
        /// Of what.
        instrument: InstrumentCode,
        /// How much, > 0.
        quantity: Quantity,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Replaces the list of holidays (at most 400).
    SetHolidays(Vec<Date>),
    /// Opens a settlement day.
    OpenDay {
        /// Which.
        date: Date,
        /// Time for top-ups after delivery, ms, > 0.
        topup_window_ms: i64,
    },
    /// Takes the next chunk of the day's trades, all or none.
    SubmitTrades(Chunk),
    /// Closes the day's stream.
    SubmitManifest {
        /// Which day.
        date: Date,
        /// What the exchange sent.
        manifest: Manifest,
    },
    /// Computes what every entity and bank owes.
    ClearDay(Date),
    /// The exchange's view of the clearing.
    ConfirmClearing {
        /// Which day.
        date: Date,
        /// Its own hash of the clearing.
        clearing_sha256: [u8; 32],
    },
    /// While disputed: replaces or voids one trade.
    AmendTrade {
        /// Which day.
        date: Date,
        /// Which trade.
        number: TradeNumber,
        /// `None` voids it; otherwise the same number with other content.
        replacement: Option<Trade>,
        /// 1 to 200 bytes.
        reason: String,
    },
    /// Delivers the next trades in the order of acceptance.
    DeliverTrades {
        /// Which day.
        date: Date,
        /// First trade, from 1; never beyond the day's cursor.
        from_sequence: u64,
        /// At most so many.
        max_trades: u32,
    },
    /// Tries held trades again.
    RetryHeld {
        /// Which day.
        date: Date,
        /// Which trades, 1 to 1,000.
        numbers: Vec<TradeNumber>,
    },
    /// Ends held trades after the deadline.
    FailHeld {
        /// Which day.
        date: Date,
        /// Which trades, 1 to 1,000.
        numbers: Vec<TradeNumber>,
    },
    /// Statements were sent to the day's entities.
    IssueStatements(Date),
    /// An entity objects to its statement in writing.
    RaiseObjection {
        /// Which day.
        date: Date,
        /// Whose.
        account: AccountId,
        /// 1 to 1,000 bytes.
        text: String,
    },
    /// The registry answers an objection.
    ResolveObjection {
        /// Which day.
        date: Date,
        /// Whose.
        account: AccountId,
        /// 1 to 1,000 bytes.
        resolution: String,
    },
    /// Makes the day final.
    FinalizeDay(Date),
    /// Stops a day.
    SuspendDay(Date),
    /// Ends a suspension.
    ResumeDay(Date),
    /// One trade of an open day, delivered at once or refused.
    SettleTrade {
        /// Which day.
        date: Date,
        /// The trade.
        trade: Trade,
    },
    /// Asks for a command that needs two people.
    Propose {
        /// The command in the bytes of the wire, 1 byte to 1 MiB.
        content: Vec<u8>,
        /// How long it may be approved, ms, 1 to 30 days.
        time_to_live_ms: i64,
    },
    /// The second person's yes: carries out what was proposed.
    Approve(Approval),
    /// The second person's no.
    Decline {
        /// Which.
        proposal: ProposalId,
        /// 1 to 200 bytes.
        reason: String,
    },
    /// The maker takes a proposal back.
    WithdrawProposal(ProposalId),
    /// Ends what has had its time; proposed by a leader itself.
    ExpireDue,
    /// Sets money of an account aside until the bank has paid it out.
    RequestWithdrawal {
        /// Whose.
        account: AccountId,
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
    },
    /// The bank has paid a withdrawal out.
    ConfirmWithdrawal {
        /// The bank that was asked.
        bank: BankId,
        /// The withdrawal's number.
        withdrawal: u64,
    },
    /// The bank does not pay a withdrawal out.
    RejectWithdrawal {
        /// The bank that was asked.
        bank: BankId,
        /// The withdrawal's number.
        withdrawal: u64,
        /// 1 to 200 bytes.
        reason: String,
    },
    /// Takes a fee from an account.
    ChargeFee {
        /// Whose.
        account: AccountId,
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
        /// Reference of the tariff or the bill, 1 to 200 bytes.
        document: String,
    },
    /// Takes in money whose owner is not known.
    DepositToSuspense {
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
        /// What the bank says of the payment, 1 to 200 bytes.
        reference: String,
    },
    /// Gives money in suspense to its owner.
    AllocateSuspense {
        /// Where.
        bank: BankId,
        /// Whose it is.
        account: AccountId,
        /// How much, > 0.
        amount: Fen,
        /// Reference of the finding, 1 to 200 bytes.
        document: String,
    },
    /// Sends money in suspense back where it came from.
    ReturnSuspense {
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Fills the settlement risk reserve of a bank up.
    FundReserve {
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Delivers a trade that is held for cash with the reserve's money.
    UseReserve {
        /// Which day.
        date: Date,
        /// Which trade.
        number: TradeNumber,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// An account pays back what the reserve paid for it.
    RepayReserve {
        /// Whose.
        account: AccountId,
        /// Where.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
    },
    /// About pledges.
    Pledge(PledgeCommand),
    /// About the cluster that keeps this ledger.
    Cluster(ClusterCommand),
    /// About freezes by courts; needs two people.
    Freeze(FreezeCommand),
    /// Until when an instrument can meet obligations; `None` when that is open.
    SetUsableUntil {
        /// Which.
        instrument: InstrumentCode,
        /// The last day.
        usable_until: Option<Date>,
    },
    /// A bank says what it holds.
    ReportBalance {
        /// Which bank.
        bank: BankId,
        /// At the end of which day.
        as_of: Date,
        /// How much, >= 0.
        balance: Fen,
    },
    /// What is asked for around a year's obligations.
    Compliance(ComplianceCommand),
    /// About the inclusive-platform instrument.
    Inclusive(InclusiveCommand),
    /// About repos.
    Repo(RepoCommand),
}

/// What a cluster is, fixed for its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Name that every peer call carries.
    pub cluster_id: String,
    /// `dual-city` or `single-city`.
    pub layout: String,
    /// Name and members of each city.
    pub cities: Vec<(String, Vec<Member>)>,
}

/// A node as the cluster was formed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Raft id, never reused.
    pub node_id: u64,
    /// Random id of the node's data folder: an id that comes back with another
    /// one has forgotten what it acknowledged, and is refused by its peers.
    pub storage_id: [u8; 16],
}

/// An account as it is taken over from books kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningBooks {
    /// Unified social credit code, as sent.
    pub uscc: String,
    /// Legal name, 1 to 200 bytes.
    pub name: String,
    /// Kind of holder.
    pub kind: AccountKind,
    /// At most one per instrument.
    pub holdings: Vec<OpeningHolding>,
    /// Bank and money there, > 0; at most one per bank.
    pub cash: Vec<(BankId, Fen)>,
}

/// What a taken-over account holds of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningHolding {
    /// Of what.
    pub instrument: InstrumentCode,
    /// In the registered position, >= 0.
    pub registered: Quantity,
    /// In the trading position, >= 0; both together > 0.
    pub trading: Quantity,
}

/// A numbered part of a day's trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which day.
    pub date: Date,
    /// From 1, without gaps.
    pub number: u32,
    /// 1 to 8,192 trades.
    pub trades: Vec<Trade>,
}

/// What the exchange says it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Trades in the stream.
    pub trade_count: u64,
    /// Sum of their tonnes.
    pub quantity: Quantity,
    /// Sum of price x quantity.
    pub amount: Fen,
    /// Over all trades in order: `docs/formats.md`.
    pub trades_sha256: [u8; 32],
}
