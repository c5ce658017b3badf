//! What happened: one event for everything that changed the registry.

use crate::codec::{CorruptRecord, Problem, Reader, Writer};
use crate::compliance::{AllocationKind, ComplianceYear, ProvinceCode, TransferCause};
use crate::journal::posting::Posting;
use crate::stored::{Stored, stored_enum};
use crate::types::{
    AccountId, AccountKind, BankId, Date, Fen, InstrumentCode, LedgerTime, Price, ProposalId,
    Quantity, Trade, TradeNumber, TradeStatus,
};

/// First byte of an event.
const FORMAT: u8 = 1;

/// One event. Events are numbered from 1 without gaps, the same on every node,
/// and never change; a rejection makes none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub ordinal: u64,
    /// Position in the replicated log.
    pub log_index: u64,
    /// Ledger time when it happened.
    pub ledger_time: LedgerTime,
    /// Who asked for it.
    pub actor: String,
    /// What happened.
    pub what: What,
    /// What it changed in positions and balances. The postings of trades are
    /// not repeated here: they follow from the trades.
    pub postings: Vec<Posting>,
}

stored_enum! {
    /// What happened.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum What ("event") {
        /// A legal entity got its account.
        AccountOpened = 1 {
            /// Its number.
            account: AccountId,
            /// Unified social credit code.
            uscc: String,
            /// Legal name.
            name: String,
            /// Kind of holder.
            kind: AccountKind,
        }
        /// Books kept elsewhere were taken over.
        AccountsLoaded = 2 {
            /// Number of the first account; the others follow.
            first: AccountId,
            /// How many.
            count: u32,
            /// SHA-256 over the accounts' records, see `docs/formats.md`.
            accounts_sha256: [u8; 32],
            /// Reference of the decision.
            document: String,
        }
        /// Tonnes went from one free position to the other.
        HoldingMoved = 3 {}
        /// A settlement bank was admitted.
        BankOpened = 4 {
            /// Its code.
            bank: BankId,
            /// Its name.
            name: String,
        }
        /// Money arrived.
        Deposited = 5 {}
        /// An instrument became known.
        InstrumentRegistered = 6 {
            /// Its code.
            instrument: InstrumentCode,
            /// Base of the first price limits.
            reference_price: Price,
        }
        /// Units were created.
        Issued = 7 {
            /// Reference of the decision.
            document: String,
        }
        /// The list of holidays was replaced.
        HolidaysSet = 8 {
            /// All of them, ascending.
            dates: Vec<Date>,
        }
        /// A settlement day began; everything pending in became trading.
        DayOpened = 9 {
            /// Which.
            date: Date,
            /// Time for top-ups, ms.
            topup_window_ms: i64,
        }
        /// A chunk of the day's stream was taken.
        TradesAccepted = 10 {
            /// Which day.
            date: Date,
            /// The chunk's number.
            chunk: u32,
            /// Place of its first trade in the day's order, from 1.
            first_sequence: u64,
            /// How many trades.
            count: u32,
            /// The manifest's hash if the stream ended here.
            trades_sha256: [u8; 32],
        }
        /// The manifest agreed with the stream.
        DayClosed = 11 {
            /// Which day.
            date: Date,
            /// Trades of the stream.
            trade_count: u64,
            /// Their tonnes.
            quantity: Quantity,
            /// Their fen.
            amount: Fen,
            /// The manifest's hash.
            trades_sha256: [u8; 32],
            /// The closing prices that are settled by this.
            closes: Vec<(InstrumentCode, Price)>,
        }
        /// What everybody owes was computed.
        DayCleared = 12 {
            /// Which day.
            date: Date,
            /// Hash of the clearing.
            clearing_sha256: [u8; 32],
        }
        /// The exchange agreed with the clearing.
        ClearingConfirmed = 13 {
            /// Which day.
            date: Date,
        }
        /// The exchange did not agree with the clearing.
        ClearingDisputed = 14 {
            /// Which day.
            date: Date,
            /// The exchange's own hash.
            clearing_sha256: [u8; 32],
        }
        /// A trade of a disputed day was replaced or taken out.
        TradeAmended = 15 {
            /// Which day.
            date: Date,
            /// As it was.
            before: Trade,
            /// As it is; none when it was taken out.
            after: Option<Trade>,
            /// Why.
            reason: String,
        }
        /// Trades of the stream were tried in turn; all delivered but those held.
        TradesDelivered = 16 {
            /// Which day.
            date: Date,
            /// Place of the first, from 1.
            first_sequence: u64,
            /// How many places; voided trades among them were passed over.
            count: u32,
            /// Places of those that could not deliver, and why.
            held: Vec<(u64, TradeStatus)>,
        }
        /// Held trades were tried again, or ended.
        HeldTradesTried = 17 {
            /// Which day.
            date: Date,
            /// How each stands now.
            results: Vec<(TradeNumber, TradeStatus)>,
        }
        /// Single trades were delivered at once on the exchange's request.
        TradesSettled = 18 {
            /// Which day.
            date: Date,
            /// Place of the first in the day's order, from 1.
            first_sequence: u64,
            /// How many.
            count: u32,
            /// Over the trades, as a manifest's.
            trades_sha256: [u8; 32],
        }
        /// Statements were sent to the day's entities.
        StatementsIssued = 19 {
            /// Which day.
            date: Date,
        }
        /// An entity objected to its statement.
        ObjectionRaised = 20 {
            /// Which day.
            date: Date,
            /// Whose.
            account: AccountId,
            /// What it wrote.
            text: String,
        }
        /// The registry answered an objection.
        ObjectionResolved = 21 {
            /// Which day.
            date: Date,
            /// Whose.
            account: AccountId,
            /// What it wrote.
            resolution: String,
        }
        /// Nothing of the day can change any more.
        DayFinal = 22 {
            /// Which day.
            date: Date,
        }
        /// A day was stopped.
        DaySuspended = 23 {
            /// Which day.
            date: Date,
        }
        /// A stopped day goes on.
        DayResumed = 24 {
            /// Which day.
            date: Date,
        }
        /// The cluster was formed.
        Founded = 25 {
            /// Its name.
            cluster_id: String,
            /// Its layout.
            layout: String,
        }
        /// A command waits for a second person.
        Proposed = 30 {
            /// Its number.
            proposal: ProposalId,
            /// Of its content.
            content_sha256: [u8; 32],
            /// Until when it can be approved.
            expires_at: LedgerTime,
        }
        /// A proposed command was carried out, by the events before this one.
        Approved = 31 {
            /// Its number.
            proposal: ProposalId,
            /// Who proposed it.
            maker: String,
        }
        /// A second person said no.
        Declined = 32 {
            /// Its number.
            proposal: ProposalId,
            /// Why.
            reason: String,
        }
        /// The maker took it back.
        ProposalWithdrawn = 33 {
            /// Its number.
            proposal: ProposalId,
        }
        /// Nobody approved it in time.
        ProposalExpired = 34 {
            /// Its number.
            proposal: ProposalId,
        }
        /// An account's money waits to leave the market.
        WithdrawalRequested = 60 {
            /// The withdrawal's number.
            withdrawal: u64,
        }
        /// The bank has paid a withdrawal out.
        WithdrawalConfirmed = 61 {
            /// The withdrawal's number.
            withdrawal: u64,
        }
        /// The bank does not pay a withdrawal out; the money is available again.
        WithdrawalRejected = 62 {
            /// The withdrawal's number.
            withdrawal: u64,
            /// Why.
            reason: String,
        }
        /// An account paid a fee.
        FeeCharged = 63 {
            /// Reference of the tariff or the bill.
            document: String,
        }
        /// Money arrived and nobody knows whose it is.
        SuspenseDeposited = 64 {
            /// What the bank says of the payment.
            reference: String,
        }
        /// The owner of money in suspense was found.
        SuspenseAllocated = 65 {
            /// Reference of the finding.
            document: String,
        }
        /// Money in suspense went back where it came from.
        SuspenseReturned = 66 {
            /// Reference of the decision.
            document: String,
        }
        /// The settlement risk reserve was filled up.
        ReserveFunded = 67 {
            /// Reference of the decision.
            document: String,
        }
        /// The reserve paid what a trade's buyer lacked, and the trade delivered.
        ReserveUsed = 68 {
            /// Which day.
            date: Date,
            /// Which trade; its own postings follow from it.
            trade: TradeNumber,
            /// All that the buyer owes the reserve at this bank now.
            claim: Fen,
            /// Reference of the decision.
            document: String,
        }
        /// An account paid back what it owed the reserve, or a part of it.
        ReserveRepaid = 69 {
            /// What it still owes at this bank.
            claim: Fen,
        }
        /// A bank said what it holds.
        BalanceReported = 70 {
            /// Which bank.
            bank: BankId,
            /// At the end of which day.
            as_of: Date,
            /// How much.
            balance: Fen,
        }
        /// An account came to a province.
        ProvinceAssigned = 90 {
            /// Whose.
            account: AccountId,
            /// Which.
            province: ProvinceCode,
            /// Reference of the decision.
            document: String,
        }
        /// A province's tonnes went to a firm, or some were recalled.
        Allocated = 91 {
            /// The entry's number.
            allocation: u64,
            /// Whose decision it is.
            province: ProvinceCode,
            /// What it is.
            kind: AllocationKind,
            /// Reference of the decision.
            document: String,
        }
        /// A firm's emissions were verified.
        EmissionsRecorded = 92 {
            /// The entry's number.
            emissions: u64,
            /// Whose.
            account: AccountId,
            /// Of which year.
            year: ComplianceYear,
            /// How much.
            verified: Quantity,
            /// Of the verification report.
            report_sha256: [u8; 32],
        }
        /// Another entry of verified emissions counts now.
        EmissionsCorrected = 93 {
            /// The entry's number.
            emissions: u64,
            /// The entry that it replaces.
            corrects: u64,
            /// Whose.
            account: AccountId,
            /// How much.
            verified: Quantity,
            /// Of the verification report.
            report_sha256: [u8; 32],
            /// Reference of the decision.
            document: String,
        }
        /// Tonnes wait to be surrendered.
        SurrenderApplied = 94 {
            /// The application's number.
            surrender: u64,
            /// Who decides.
            province: ProvinceCode,
            /// For which year.
            year: ComplianceYear,
        }
        /// They are surrendered for good.
        SurrenderApproved = 95 {
            /// The application's number.
            surrender: u64,
        }
        /// They are not; the firm has them back.
        SurrenderDeclined = 96 {
            /// The application's number.
            surrender: u64,
            /// Why.
            reason: String,
        }
        /// Tonnes of an old vintage became those of a later one.
        CarriedOver = 97 {
            /// The entry's number.
            carry_over: u64,
            /// First day whose trades count.
            sold_from: Date,
            /// Last of them.
            sold_to: Date,
            /// Older vintages sold less bought on those days.
            net_sold: Quantity,
            /// Reference of the decision.
            document: String,
        }
        /// A holder gave tonnes up for good.
        UnitsCancelled = 98 {
            /// The entry's number.
            cancellation: u64,
            /// On whose behalf.
            beneficiary: String,
            /// What for.
            reason: String,
        }
        /// Tonnes changed hands without a trade.
        Transferred = 99 {
            /// Why.
            cause: TransferCause,
            /// Reference of the decision.
            document: String,
            /// Of the document.
            document_sha256: [u8; 32],
        }
    }
}

/// Whose history an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One account.
    Account(AccountId),
    /// Accounts that were loaded together, from the first one on.
    Accounts(AccountId, u32),
    /// One instrument.
    Instrument(InstrumentCode),
    /// One settlement bank.
    Bank(BankId),
    /// One settlement day.
    Day(Date),
}

impl Event {
    /// The event's canonical bytes: what its leaf in the tree is the hash of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(FORMAT);
        self.ordinal.write(&mut writer);
        self.log_index.write(&mut writer);
        self.ledger_time.write(&mut writer);
        self.actor.write(&mut writer);
        self.what.write(&mut writer);
        self.postings.write(&mut writer);
        writer.finish()
    }

    /// Reads an event back.
    ///
    /// # Errors
    /// When the bytes are not those of an event.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CorruptRecord> {
        Self::read(bytes).map_err(|problem| CorruptRecord { key: "event".to_owned(), problem })
    }

    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let mut reader = Reader::record(bytes, FORMAT)?;
        let event = Self {
            ordinal: Stored::read(&mut reader)?,
            log_index: Stored::read(&mut reader)?,
            ledger_time: Stored::read(&mut reader)?,
            actor: Stored::read(&mut reader)?,
            what: Stored::read(&mut reader)?,
            postings: Stored::read(&mut reader)?,
        };
        reader.finish()?;
        Ok(event)
    }

    /// Whose history it belongs to, each once. Trades belong to their day; an
    /// account's are found there.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects = self.what.subjects();
        if !matches!(self.what, What::AccountsLoaded { .. }) {
            for posting in &self.postings {
                match *posting {
                    Posting::Goods { account, instrument, .. } => {
                        subjects.push(Subject::Account(account));
                        subjects.push(Subject::Instrument(instrument));
                    }
                    Posting::GoodsPot { instrument, .. } => {
                        subjects.push(Subject::Instrument(instrument));
                    }
                    Posting::Cash { account, bank, .. } => {
                        subjects.push(Subject::Account(account));
                        subjects.push(Subject::Bank(bank));
                    }
                    Posting::CashPot { bank, .. } => subjects.push(Subject::Bank(bank)),
                }
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}

impl What {
    fn subjects(&self) -> Vec<Subject> {
        match *self {
            Self::AccountOpened { account, .. } => vec![Subject::Account(account)],
            Self::AccountsLoaded { first, count, .. } => vec![Subject::Accounts(first, count)],
            Self::BankOpened { bank, .. } => vec![Subject::Bank(bank)],
            Self::InstrumentRegistered { instrument, .. } => vec![Subject::Instrument(instrument)],
            Self::DayOpened { date, .. }
            | Self::TradesAccepted { date, .. }
            | Self::DayClosed { date, .. }
            | Self::DayCleared { date, .. }
            | Self::ClearingConfirmed { date }
            | Self::ClearingDisputed { date, .. }
            | Self::TradeAmended { date, .. }
            | Self::TradesDelivered { date, .. }
            | Self::HeldTradesTried { date, .. }
            | Self::TradesSettled { date, .. }
            | Self::StatementsIssued { date }
            | Self::DayFinal { date }
            | Self::DaySuspended { date }
            | Self::DayResumed { date } => vec![Subject::Day(date)],
            Self::ObjectionRaised { date, account, .. }
            | Self::ObjectionResolved { date, account, .. } => {
                vec![Subject::Day(date), Subject::Account(account)]
            }
            Self::HoldingMoved {}
            | Self::Deposited {}
            | Self::Issued { .. }
            | Self::HolidaysSet { .. }
            | Self::Founded { .. }
            | Self::Proposed { .. }
            | Self::Approved { .. }
            | Self::Declined { .. }
            | Self::ProposalWithdrawn { .. }
            | Self::ProposalExpired { .. }
            | Self::WithdrawalRequested { .. }
            | Self::WithdrawalConfirmed { .. }
            | Self::WithdrawalRejected { .. }
            | Self::FeeCharged { .. }
            | Self::SuspenseDeposited { .. }
            | Self::SuspenseAllocated { .. }
            | Self::SuspenseReturned { .. }
            | Self::ReserveFunded { .. }
            | Self::ReserveRepaid { .. } => Vec::new(),
            Self::ReserveUsed { date, .. } => vec![Subject::Day(date)],
            Self::BalanceReported { bank, .. } => vec![Subject::Bank(bank)],
            Self::ProvinceAssigned { account, .. }
            | Self::EmissionsRecorded { account, .. }
            | Self::EmissionsCorrected { account, .. } => vec![Subject::Account(account)],
            Self::Allocated { .. }
            | Self::SurrenderApplied { .. }
            | Self::SurrenderApproved { .. }
            | Self::SurrenderDeclined { .. }
            | Self::CarriedOver { .. }
            | Self::UnitsCancelled { .. }
            | Self::Transferred { .. } => Vec::new(),
        }
    }
}
