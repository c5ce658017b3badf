//! What an event says: the table of `docs/formats.md`, line by line.

use super::bytes::{DecodeError, Reader, Wire};
use super::code::{
    AllocationKind, ClusterChange, Date, FreePart, HolderKind, Instrument, Shortage, TradeMark,
    TransferCause,
};
use super::posting::Posting;
use super::repos::RepoTerms;
use super::terms::{FreezeTarget, OtherTonnes, PledgeParties, PledgeTerms};
use super::trade::TradeLine;

/// The only format there is.
const FORMAT: u8 = 1;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// From 1, without gaps.
    pub number: u64,
    /// Of the entry that made it.
    pub log_index: u64,
    /// Ledger time.
    pub ledger_time_ms: i64,
    /// From the certificate.
    pub actor: String,
    /// The change.
    pub what: What,
    /// What it moved; those of trades follow from the trades.
    pub postings: Vec<Posting>,
}

impl Event {
    /// Reads an event's canonical bytes.
    ///
    /// # Errors
    /// For bytes that are cut off, too many, in another format, of an unknown
    /// kind, or not the only encoding of what they say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let format: u8 = from.read()?;
        if format != FORMAT {
            return from.bad(format!("format {format}, only {FORMAT} is known"));
        }
        let event = Self {
            number: from.read()?,
            log_index: from.read()?,
            ledger_time_ms: from.read()?,
            actor: from.read()?,
            what: from.read()?,
            postings: from.read()?,
        };
        from.finish()?;
        Ok(event)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = vec![FORMAT];
        self.number.put(&mut to);
        self.log_index.put(&mut to);
        self.ledger_time_ms.put(&mut to);
        self.actor.put(&mut to);
        self.what.put(&mut to);
        self.postings.put(&mut to);
        to
    }
}

/// Kinds of events: number, name, content in the order of its bytes.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $number:literal $name:ident { $($field:ident: $of:ty,)* })+) => {
        /// What changed.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the fields are those of docs/formats.md, in its order")]
        pub enum What { $($(#[$doc])+ $name { $($field: $of,)* },)+ }

        impl What {
            /// The names of all kinds.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// The kind's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name),)+ }
            }
        }

        impl Wire for What {
            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match from.read::<u8>()? {
                    $($number => Ok(Self::$name { $($field: from.read()?,)* }),)+
                    other => from.bad(format!(
                        "kind of event {other} is unknown; this program may be older than the registry"
                    )),
                }
            }
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$name { $($field,)* } => {
                        to.push($number);
                        $($field.put(to);)*
                    })+
                }
            }
        }
    };
}

kinds! {
    /// An account was opened.
    1 AccountOpened { account: u64, uscc: String, name: String, holder: HolderKind, }
    /// Books kept elsewhere were taken over.
    2 AccountsLoaded { first: u64, count: u64, accounts_sha256: [u8; 32], document: String, }
    /// Allowances moved between registered and trading.
    3 HoldingMoved {}
    /// A settlement bank was admitted.
    4 BankOpened { bank: u64, name: String, }
    /// A bank reported money.
    5 Deposited {}
    /// An instrument became known.
    6 InstrumentRegistered { instrument: Instrument, reference_price_fen: i64, }
    /// Units were created.
    7 Issued { document: String, }
    /// The list of holidays was replaced.
    8 HolidaysSet { dates: Vec<Date>, }
    /// A day opened; what was pending in became trading.
    9 DayOpened { date: Date, topup_window_ms: i64, }
    /// A chunk of the stream was taken.
    10 TradesAccepted { date: Date, chunk: u64, first: u64, count: u64, trades_sha256: [u8; 32], }
    /// The manifest closed the stream.
    11 DayClosed {
        date: Date, trades: u64, tonnes: i64, fen: i64, trades_sha256: [u8; 32],
        closes: Vec<(Instrument, i64)>,
    }
    /// Obligations were computed.
    12 DayCleared { date: Date, clearing_sha256: [u8; 32], }
    /// The exchange's books agree.
    13 ClearingConfirmed { date: Date, }
    /// The exchange's books differ.
    14 ClearingDisputed { date: Date, clearing_sha256: [u8; 32], }
    /// One trade was replaced or taken out.
    15 TradeAmended { date: Date, before: TradeLine, after: Option<TradeLine>, reason: String, }
    /// Trades were tried for the first time; all but the held ones delivered.
    16 TradesDelivered { date: Date, first: u64, count: u64, held: Vec<(u64, TradeMark)>, }
    /// Held trades were tried again or ended.
    17 HeldTradesTried { date: Date, results: Vec<(u64, TradeMark)>, }
    /// Single trades delivered at once.
    18 TradesSettled { date: Date, first: u64, count: u64, trades_sha256: [u8; 32], }
    /// The day's statements went out.
    19 StatementsIssued { date: Date, }
    /// An entity objected.
    20 ObjectionRaised { date: Date, account: u64, text: String, }
    /// The registry answered.
    21 ObjectionResolved { date: Date, account: u64, resolution: String, }
    /// The day is final.
    22 DayFinal { date: Date, }
    /// The day was stopped.
    23 DaySuspended { date: Date, }
    /// The stopped day goes on.
    24 DayResumed { date: Date, }
    /// The registry was founded.
    25 Founded { cluster_id: String, layout: String, }
    /// A command waits for a second person.
    30 Proposed { proposal: u64, content_sha256: [u8; 32], expires_at_ms: i64, }
    /// It was carried out: by the events before this one.
    31 Approved { proposal: u64, maker: String, }
    /// The second person said no.
    32 Declined { proposal: u64, reason: String, }
    /// The maker took it back.
    33 ProposalWithdrawn { proposal: u64, }
    /// Nobody approved it in time.
    34 ProposalExpired { proposal: u64, }
    /// A pledgor offered tonnes.
    40 PledgeProposed {
        pledge: u64, pledgor: u64, pledgee: u64, instrument: Instrument, tonnes: i64,
        from: FreePart, terms: PledgeTerms, expires_at_ms: i64,
    }
    /// The pledgee agreed.
    41 PledgeAccepted { parties: PledgeParties, }
    /// One of the two said no, or a court came first.
    42 PledgeDeclined { parties: PledgeParties, }
    /// Nobody accepted it in time.
    43 PledgeExpired { parties: PledgeParties, }
    /// It is recognised.
    44 PledgeActivated { parties: PledgeParties, filing_reference: String, }
    /// The pledgor pledged more.
    45 PledgeAdded { parties: PledgeParties, tonnes: i64, }
    /// Tonnes went back.
    46 PledgeReleased { parties: PledgeParties, tonnes: i64, left: i64, document: String, }
    /// The settled close is below the warning line.
    47 MarginCalled { parties: PledgeParties, price_fen: i64, date: Date, cure_deadline_ms: i64, }
    /// Price or tonnes cured it.
    48 MarginCured { parties: PledgeParties, price_fen: i64, date: Date, }
    /// The pledgee declared the default.
    49 PledgeDefaulted { parties: PledgeParties, claim_fen: i64, evidence_sha256: [u8; 32], }
    /// The tonnes may be sold.
    50 PledgeEnforcing { parties: PledgeParties, document: String, }
    /// They were: the next event settles the trade.
    51 PledgedSold { parties: PledgeParties, date: Date, trade: u64, tonnes: i64, left: i64, }
    /// The pledgee got its part.
    52 ProceedsPaid { parties: PledgeParties, fen: i64, disposed: bool, }
    /// The pledgor offered other tonnes.
    53 SubstitutionOffered { parties: PledgeParties, other: OtherTonnes, }
    /// The pledgee took them.
    54 Substituted { parties: PledgeParties, instrument: Instrument, tonnes: i64, }
    /// They went back.
    55 SubstitutionEnded { parties: PledgeParties, }
    /// A pledgee took proceeds out of the market.
    56 ProceedsTaken {}
    /// A court froze something.
    57 Frozen {
        freeze: u64, target: FreezeTarget, account: u64, court: String, document: String,
        stayed: Vec<PledgeParties>,
    }
    /// A court lifted its freeze.
    58 FreezeLifted { freeze: u64, account: u64, document: String, stayed: Vec<PledgeParties>, }
    /// How long an instrument can meet obligations.
    59 UsableUntilSet { instrument: Instrument, usable_until: Option<Date>, }
    /// An account's money waits to leave the market.
    60 WithdrawalRequested { withdrawal: u64, }
    /// The bank has paid it out.
    61 WithdrawalConfirmed { withdrawal: u64, }
    /// The bank does not pay it out.
    62 WithdrawalRejected { withdrawal: u64, reason: String, }
    /// An account paid a fee.
    63 FeeCharged { document: String, }
    /// Money arrived and nobody knows whose it is.
    64 SuspenseDeposited { reference: String, }
    /// Its owner was found.
    65 SuspenseAllocated { document: String, }
    /// It went back where it came from.
    66 SuspenseReturned { document: String, }
    /// The settlement risk reserve was filled up.
    67 ReserveFunded { document: String, }
    /// The reserve paid what a trade's buyer lacked, and the trade delivered.
    68 ReserveUsed { date: Date, trade: u64, claim_fen: i64, document: String, }
    /// An account paid back what it owed the reserve.
    69 ReserveRepaid { claim_fen: i64, }
    /// A bank said what it holds.
    70 BalanceReported { bank: u64, as_of: Date, balance_fen: i64, }
    /// An account came to a province.
    90 ProvinceAssigned { account: u64, province: u8, document: String, }
    /// A province's tonnes went to a firm, or some were recalled.
    91 Allocated { allocation: u64, province: u8, allocated: AllocationKind, document: String, }
    /// A firm's emissions were verified.
    92 EmissionsRecorded {
        emissions: u64, account: u64, year: u64, tonnes: i64, report_sha256: [u8; 32],
    }
    /// Another entry of verified emissions counts now.
    93 EmissionsCorrected {
        emissions: u64, corrects: u64, account: u64, tonnes: i64, report_sha256: [u8; 32],
        document: String,
    }
    /// Tonnes wait to be surrendered.
    94 SurrenderApplied { surrender: u64, province: u8, year: u64, }
    /// They are surrendered for good.
    95 SurrenderApproved { surrender: u64, }
    /// The firm has them back.
    96 SurrenderDeclined { surrender: u64, reason: String, }
    /// Tonnes of an old vintage became those of a later one.
    97 CarriedOver {
        carry_over: u64, sold_from: Date, sold_to: Date, net_sold: i64, document: String,
    }
    /// A holder gave tonnes up for good.
    98 UnitsCancelled { cancellation: u64, beneficiary: String, reason: String, }
    /// Tonnes changed hands without a trade.
    99 Transferred { cause: TransferCause, document: String, document_sha256: [u8; 32], }
    /// A court took tonnes that it had frozen.
    100 FreezeExecuted { freeze: u64, account: u64, document: String, document_sha256: [u8; 32], }
    /// A platform may credit more.
    120 InclusiveQuotaGranted { platform: u64, name: String, grams: i64, document: String, }
    /// Persons got accounts.
    121 InclusiveAccountsOpened { platform: u64, first: u64, count: u64, owners_sha256: [u8; 32], }
    /// Persons were credited.
    122 InclusiveCredited {
        platform: u64, batch: u64, count: u64, grams: i64, lines_sha256: [u8; 32],
    }
    /// Grams were burned into a voucher.
    123 VoucherIssued {
        voucher: u64, account: u64, platform: u64, bank: u64, grams: i64, fen: i64,
        expires_at_ms: i64,
    }
    /// Its bank took a voucher.
    124 VoucherRedeemed { voucher: u64, bank: u64, }
    /// Vouchers had their time.
    125 VouchersExpired { vouchers: Vec<u64>, }
    /// A seller offered a repo.
    130 RepoProposed { repo: u64, terms: RepoTerms, expires_at_ms: i64, }
    /// The buyer accepted, and the opening leg was delivered.
    131 RepoOpened { repo: u64, seller: u64, buyer: u64, }
    /// A party said no before the opening.
    132 RepoDeclined { repo: u64, seller: u64, buyer: u64, reason: String, }
    /// The return leg was delivered.
    133 RepoReturned { repo: u64, seller: u64, buyer: u64, }
    /// The return fell due and could not be delivered.
    134 RepoReturnMissed { repo: u64, seller: u64, buyer: u64, reason: Shortage, }
    /// The grace is over.
    135 RepoFailed { repo: u64, seller: u64, buyer: u64, reason: Shortage, }
    /// The buyer did not answer in time.
    136 RepoExpired { repo: u64, seller: u64, buyer: u64, }
    /// The cluster changed.
    140 ClusterChanged {
        change: ClusterChange, node_id: u64, city: String, recovery_epoch: u64, note: String,
    }
    /// The registry was made of another cluster's backup.
    141 Restored {
        source_cluster_id: String, source_recovery_epoch: u64, log_index: u64, term: u64,
        state_digest: [u8; 32], root_sha256: [u8; 32], cluster_id: String,
    }
}
