//! What happened: one event for everything that changed the registry.

use crate::cluster::ClusterChange;
use crate::codec::{CorruptRecord, Problem, Reader, Writer};
use crate::compliance::{AllocationKind, ComplianceYear, ProvinceCode, TransferCause};
use crate::freeze::FreezeTarget;
use crate::inclusive::{Grams, InclusiveAccountId, PlatformId, VoucherId};
use crate::journal::posting::Posting;
use crate::pledge::{PledgeRef, PledgeTerms, Substitution};
use crate::repo::{RepoId, RepoTerms};
use crate::stored::{Stored, stored_enum};
use crate::types::{
    AccountId, AccountKind, BankId, Date, Fen, FreePosition, FreezeId, HeldReason, InstrumentCode,
    LedgerTime, PledgeId, Price, ProposalId, Quantity, Trade, TradeNumber, TradeStatus,
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
        /// A pledgor offered tonnes; they are held.
        PledgeProposed = 40 {
            /// Its number.
            pledge: PledgeId,
            /// Whose tonnes.
            pledgor: AccountId,
            /// To whom.
            pledgee: BankId,
            /// Of what.
            instrument: InstrumentCode,
            /// How many.
            quantity: Quantity,
            /// Where they came from.
            from: FreePosition,
            /// The contract.
            terms: Box<PledgeTerms>,
            /// Until when it can be accepted.
            expires_at: LedgerTime,
        }
        /// The pledgee agreed.
        PledgeAccepted = 41 {
            /// Which.
            pledge: PledgeRef,
        }
        /// One of the two said no, or a court's freeze came first.
        PledgeDeclined = 42 {
            /// Which.
            pledge: PledgeRef,
        }
        /// Nobody accepted it in time.
        PledgeExpired = 43 {
            /// Which.
            pledge: PledgeRef,
        }
        /// Recognised from now on.
        PledgeActivated = 44 {
            /// Which.
            pledge: PledgeRef,
            /// Reference in the movable-property registration.
            filing_reference: String,
        }
        /// The pledgor pledged more.
        PledgeAdded = 45 {
            /// Which.
            pledge: PledgeRef,
            /// How many tonnes more.
            quantity: Quantity,
        }
        /// Tonnes went back to the pledgor.
        PledgeReleased = 46 {
            /// Which.
            pledge: PledgeRef,
            /// How many.
            quantity: Quantity,
            /// What it still holds; with nothing left it has ended.
            left: Quantity,
            /// Reference of a court's order; empty when the pledgee released it.
            document: String,
        }
        /// The settled close is below the warning line.
        MarginCalled = 47 {
            /// Which.
            pledge: PledgeRef,
            /// The close.
            price: Price,
            /// Its day.
            date: Date,
            /// Until when it can be cured.
            cure_deadline: LedgerTime,
        }
        /// Cured by more tonnes or by the price.
        MarginCured = 48 {
            /// Which.
            pledge: PledgeRef,
            /// The close that it was held against.
            price: Price,
            /// Its day.
            date: Date,
        }
        /// The pledgee declared the default.
        PledgeDefaulted = 49 {
            /// Which.
            pledge: PledgeRef,
            /// What is owed.
            claim: Fen,
            /// Hash of the evidence.
            evidence_sha256: [u8; 32],
        }
        /// The tonnes may be sold.
        PledgeEnforcing = 50 {
            /// Which.
            pledge: PledgeRef,
            /// Reference of the agreement or the judgment.
            document: String,
        }
        /// Pledged tonnes were sold: the next event settles the trade.
        PledgedSold = 51 {
            /// Which.
            pledge: PledgeRef,
            /// The trade's day.
            date: Date,
            /// The trade.
            trade: TradeNumber,
            /// How many tonnes.
            quantity: Quantity,
            /// What the pledge still holds.
            left: Quantity,
        }
        /// The pledgee got its part of what the sale has brought.
        ProceedsPaid = 52 {
            /// Which.
            pledge: PledgeRef,
            /// How much.
            amount: Fen,
            /// Whether the pledge has ended; what was left of it went back.
            disposed: bool,
        }
        /// The pledgor offered other tonnes; they are held.
        SubstitutionOffered = 53 {
            /// For which.
            pledge: PledgeRef,
            /// What was offered.
            substitution: Box<Substitution>,
        }
        /// The pledgee took the other tonnes; the first ones went back.
        Substituted = 54 {
            /// Which.
            pledge: PledgeRef,
            /// What went back.
            instrument: InstrumentCode,
            /// How many tonnes.
            quantity: Quantity,
        }
        /// The other tonnes went back.
        SubstitutionEnded = 55 {
            /// For which.
            pledge: PledgeRef,
        }
        /// A pledgee took proceeds out of the market.
        ProceedsTaken = 56 {}
        /// A court's freeze began.
        Frozen = 57 {
            /// Its number.
            freeze: FreezeId,
            /// What is frozen.
            target: FreezeTarget,
            /// Whose it is.
            account: AccountId,
            /// Which court.
            court: String,
            /// Reference of its order.
            document: String,
            /// Pledges under its stay.
            stayed: Vec<PledgeRef>,
        }
        /// A freeze was lifted.
        FreezeLifted = 58 {
            /// Which.
            freeze: FreezeId,
            /// Whose it was.
            account: AccountId,
            /// Reference of the order.
            document: String,
            /// Pledges that were under its stay.
            stayed: Vec<PledgeRef>,
        }
        /// Until when an instrument can meet obligations.
        UsableUntilSet = 59 {
            /// Which.
            instrument: InstrumentCode,
            /// The last day; none when that is open.
            usable_until: Option<Date>,
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
        /// A court took tonnes that it had frozen.
        FreezeExecuted = 100 {
            /// Out of which freeze.
            freeze: FreezeId,
            /// Whose they were.
            account: AccountId,
            /// Reference of the order.
            document: String,
            /// Of the document.
            document_sha256: [u8; 32],
        }

        /// A platform may credit more to its persons.
        InclusiveQuotaGranted = 120 {
            /// Which; its first quota admits it.
            platform: PlatformId,
            /// Its name in certificates.
            name: String,
            /// How much more.
            grams: Grams,
            /// Reference of the decision.
            document: String,
        }
        /// Persons got accounts.
        InclusiveAccountsOpened = 121 {
            /// Whose persons.
            platform: PlatformId,
            /// Number of the first account; the others follow.
            first: InclusiveAccountId,
            /// How many.
            count: u32,
            /// SHA-256 over the persons' ids, 16 bytes each.
            owners_sha256: [u8; 32],
        }
        /// Persons were credited.
        InclusiveCredited = 122 {
            /// Whose persons.
            platform: PlatformId,
            /// Number of the batch.
            batch: u64,
            /// How many lines.
            count: u32,
            /// Their sum.
            grams: Grams,
            /// Over the lines, see `docs/formats.md`.
            lines_sha256: [u8; 32],
        }
        /// A person's grams were burned for good into a voucher.
        VoucherIssued = 123 {
            /// Its number.
            voucher: VoucherId,
            /// Whose grams.
            account: InclusiveAccountId,
            /// Whose person.
            platform: PlatformId,
            /// Where it counts.
            bank: BankId,
            /// What was burned.
            grams: Grams,
            /// What it is worth.
            amount: Fen,
            /// From then on it cannot be redeemed.
            expires_at: LedgerTime,
        }
        /// Its bank took a voucher.
        VoucherRedeemed = 124 {
            /// Which.
            voucher: VoucherId,
            /// Where.
            bank: BankId,
        }
        /// Vouchers had their time.
        VouchersExpired = 125 {
            /// In the order of their ends.
            vouchers: Vec<VoucherId>,
        }
        /// A seller offered a repo.
        RepoProposed = 130 {
            /// Its number.
            repo: RepoId,
            /// The contract.
            terms: RepoTerms,
            /// From then on the buyer cannot accept.
            expires_at: LedgerTime,
        }
        /// The buyer accepted, and the opening leg was delivered.
        RepoOpened = 131 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
        }
        /// A party said no before the opening.
        RepoDeclined = 132 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
            /// Why.
            reason: String,
        }
        /// The return leg was delivered.
        RepoReturned = 133 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
        }
        /// The return fell due and could not be delivered; its grace runs.
        RepoReturnMissed = 134 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
            /// What was short.
            reason: HeldReason,
        }
        /// The grace is over and the return could not be delivered.
        RepoFailed = 135 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
            /// What was short.
            reason: HeldReason,
        }
        /// The buyer did not answer in time.
        RepoExpired = 136 {
            /// Which.
            repo: RepoId,
            /// Who sold.
            seller: AccountId,
            /// Who bought.
            buyer: AccountId,
        }
        /// The cluster that keeps this ledger changed.
        ClusterChanged = 140 {
            /// How.
            change: ClusterChange,
            /// Which node; 0 for none.
            node_id: u64,
            /// Which city; empty for none.
            city: String,
            /// The recovery epoch since.
            recovery_epoch: u64,
            /// What else there is to say.
            note: String,
        }
        /// The registry was made of another cluster's backup: the events before
        /// are of that cluster, and the next one founds its own.
        Restored = 141 {
            /// The cluster that was copied.
            source_cluster_id: String,
            /// Its recovery epoch.
            source_recovery_epoch: u64,
            /// The last log entry that was taken over.
            log_index: u64,
            /// Its term.
            term: u64,
            /// Of the source there.
            state_digest: [u8; 32],
            /// Root of the tree over the events before.
            root_sha256: [u8; 32],
            /// The cluster that may be founded on it.
            cluster_id: String,
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
    /// One pledge.
    Pledge(PledgeId),
    /// Everything pledged to one bank.
    Pledgee(BankId),
    /// Trades of a day that were taken together, from this place on.
    PlacesTaken(Date, u64),
    /// Trades of a day that were tried together, from this place on.
    PlacesTried(Date, u64),
    /// Single trades of one account.
    TradesOf(AccountId),
    /// One trade.
    Trade(Date, TradeNumber),
    /// One platform of the inclusive-platform instrument.
    Platform(PlatformId),
    /// One repo.
    Repo(RepoId),
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
        if let What::DayClosed { closes, .. } = &self.what {
            subjects.extend(closes.iter().map(|(instrument, _)| Subject::Instrument(*instrument)));
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}

impl PledgeRef {
    fn subjects(&self) -> [Subject; 3] {
        [Subject::Pledge(self.id), Subject::Account(self.pledgor), Subject::Pledgee(self.pledgee)]
    }
}

impl What {
    fn subjects(&self) -> Vec<Subject> {
        match *self {
            Self::PledgeProposed { pledge: id, pledgor, pledgee, .. } => {
                PledgeRef { id, pledgor, pledgee }.subjects().to_vec()
            }
            Self::PledgeAccepted { pledge }
            | Self::PledgeDeclined { pledge }
            | Self::PledgeExpired { pledge }
            | Self::PledgeActivated { pledge, .. }
            | Self::PledgeAdded { pledge, .. }
            | Self::PledgeReleased { pledge, .. }
            | Self::MarginCalled { pledge, .. }
            | Self::MarginCured { pledge, .. }
            | Self::PledgeDefaulted { pledge, .. }
            | Self::PledgeEnforcing { pledge, .. }
            | Self::ProceedsPaid { pledge, .. }
            | Self::SubstitutionOffered { pledge, .. }
            | Self::Substituted { pledge, .. }
            | Self::SubstitutionEnded { pledge } => pledge.subjects().to_vec(),
            Self::PledgedSold { pledge, date, .. } => {
                let mut subjects = pledge.subjects().to_vec();
                subjects.push(Subject::Day(date));
                subjects
            }
            Self::Frozen { account, ref stayed, .. }
            | Self::FreezeLifted { account, ref stayed, .. } => {
                let mut subjects = vec![Subject::Account(account)];
                subjects.extend(stayed.iter().flat_map(PledgeRef::subjects));
                subjects
            }
            Self::FreezeExecuted { account, .. } => vec![Subject::Account(account)],
            Self::UsableUntilSet { instrument, .. } => vec![Subject::Instrument(instrument)],
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
            | Self::ClusterChanged { .. }
            | Self::Restored { .. }
            | Self::Proposed { .. }
            | Self::Approved { .. }
            | Self::Declined { .. }
            | Self::ProposalWithdrawn { .. }
            | Self::ProposalExpired { .. }
            | Self::ProceedsTaken {}
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
            Self::InclusiveQuotaGranted { platform, .. }
            | Self::InclusiveAccountsOpened { platform, .. }
            | Self::InclusiveCredited { platform, .. } => vec![Subject::Platform(platform)],
            Self::VoucherIssued { platform, bank, .. } => {
                vec![Subject::Bank(bank), Subject::Platform(platform)]
            }
            Self::VoucherRedeemed { bank, .. } => vec![Subject::Bank(bank)],
            Self::VouchersExpired { .. } => Vec::new(),
            Self::RepoProposed { repo, ref terms, .. } => vec![
                Subject::Account(terms.seller),
                Subject::Account(terms.buyer),
                Subject::Instrument(terms.instrument),
                Subject::Repo(repo),
            ],
            Self::RepoOpened { repo, seller, buyer }
            | Self::RepoDeclined { repo, seller, buyer, .. }
            | Self::RepoReturned { repo, seller, buyer }
            | Self::RepoReturnMissed { repo, seller, buyer, .. }
            | Self::RepoFailed { repo, seller, buyer, .. }
            | Self::RepoExpired { repo, seller, buyer } => {
                vec![Subject::Account(seller), Subject::Account(buyer), Subject::Repo(repo)]
            }
        }
    }
}
