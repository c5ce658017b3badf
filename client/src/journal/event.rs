//! What an event says: the table of `docs/formats.md`, line by line.

use super::bytes::{DecodeError, Reader, Wire};
use super::code::{AllocationKind, Date, HolderKind, Instrument, TradeMark, TransferCause};
use super::posting::Posting;
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
}
