//! Why a command is refused. Codes are stable: `docs/errors.md` lists each.

use crate::types::{HeldReason, TradeNumber};

impl HeldReason {
    /// The reason under which clients know it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::GoodsShort => Reason::GoodsShort,
            Self::CashShort => Reason::CashShort,
            Self::AccountFrozen => Reason::AccountFrozen,
            Self::Pledged => Reason::Pledged,
        }
    }
}

/// A replicated "no": it moves nothing, and the same request id gets it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Stable code.
    pub reason: Reason,
    /// Request field at fault, e.g. `chunk.trades[17].price_yuan`; empty when none is.
    pub field: String,
    /// A sentence that names what was asked, what stands, and what to do.
    pub message: String,
}

impl Rejection {
    /// A rejection of `field` with a sentence for a person.
    pub fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: message.into() }
    }

    /// The same rejection, its sentence naming the trade among many.
    pub(crate) fn of_trade(self, number: TradeNumber) -> Self {
        Self { message: format!("trade {}: {}", number.0, self.message), ..self }
    }

    /// The same rejection of a field that lies inside another.
    pub(crate) fn inside(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $number:literal, $code:literal;)+) => {
        /// Stable reason codes. Numbers are stored, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])+ $name = $number,)+ }

        impl Reason {
            /// Every reason, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code that clients see.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The stored number.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The reason with a stored number.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// A mandatory field is absent or empty.
    FieldMissing = 1, "FIELD_MISSING";
    /// Not a plain decimal number of ASCII digits with at most one point.
    NotADecimal = 2, "NOT_A_DECIMAL";
    /// More decimals than the unit has.
    TooManyDecimals = 3, "TOO_MANY_DECIMALS";
    /// Zero or negative where a positive number is needed.
    NotPositive = 4, "NOT_POSITIVE";
    /// Outside the field's range, or a sum or product would overflow.
    OutOfRange = 5, "OUT_OF_RANGE";
    /// Text too long, or a list too long.
    TooLong = 6, "TOO_LONG";
    /// A character the field does not allow.
    BadCharacter = 7, "BAD_CHARACTER";
    /// Not `YYYY-MM-DD` or no such day.
    BadDate = 8, "BAD_DATE";
    /// The credit code's check character is wrong.
    CheckCharacter = 9, "CHECK_CHARACTER";
    /// Bytes that do not decode, or an unknown enum value.
    Malformed = 10, "MALFORMED";

    /// The cluster has no genesis yet.
    NotBootstrapped = 20, "NOT_BOOTSTRAPPED";
    /// The cluster has its genesis already.
    AlreadyBootstrapped = 21, "ALREADY_BOOTSTRAPPED";
    /// The request id was used with other content.
    RequestIdReused = 22, "REQUEST_ID_REUSED";

    /// No such account.
    UnknownAccount = 30, "UNKNOWN_ACCOUNT";
    /// The entity has an account already.
    AccountExists = 31, "ACCOUNT_EXISTS";
    /// No such settlement bank.
    UnknownBank = 32, "UNKNOWN_BANK";
    /// The bank was admitted already.
    BankExists = 33, "BANK_EXISTS";
    /// No such instrument, or another vintage.
    WrongInstrument = 34, "WRONG_INSTRUMENT";
    /// The instrument is registered already.
    InstrumentExists = 35, "INSTRUMENT_EXISTS";
    /// The position is smaller than asked.
    InsufficientHolding = 36, "INSUFFICIENT_HOLDING";

    /// Saturday, Sunday or holiday.
    NotTradingDay = 50, "NOT_TRADING_DAY";
    /// The previous settlement day is not final.
    PreviousDayUnresolved = 51, "PREVIOUS_DAY_UNRESOLVED";
    /// The day lies after ledger time's date in Beijing.
    FutureDay = 52, "FUTURE_DAY";
    /// The day is not later than the last one.
    DayOrder = 53, "DAY_ORDER";
    /// No such settlement day.
    UnknownDay = 54, "UNKNOWN_DAY";
    /// The day's state does not allow this.
    DayState = 55, "DAY_STATE";
    /// The day is not open for trades.
    DayClosed = 56, "DAY_CLOSED";
    /// The chunk is not the next one.
    ChunkGap = 57, "CHUNK_GAP";
    /// The chunk number was used with other content.
    ChunkConflict = 58, "CHUNK_CONFLICT";
    /// The trade number was used with other content.
    TradeConflict = 59, "TRADE_CONFLICT";
    /// The same trade was received already.
    TradeDuplicate = 60, "TRADE_DUPLICATE";
    /// The price is not a whole number of ticks.
    Tick = 61, "TICK";
    /// The price is outside the day's limits.
    PriceLimit = 62, "PRICE_LIMIT";
    /// Listed trades are below 100,000 t, block trades are not.
    TradeSize = 63, "TRADE_SIZE";
    /// Buyer and seller are the same account.
    SelfTrade = 64, "SELF_TRADE";
    /// The manifest differs from what was received.
    ManifestMismatch = 65, "MANIFEST_MISMATCH";
    /// Receives and pays differ.
    ClearingImbalance = 66, "CLEARING_IMBALANCE";
    /// No such trade on this day.
    UnknownTrade = 67, "UNKNOWN_TRADE";
    /// The trade is not held.
    TradeNotHeld = 68, "TRADE_NOT_HELD";
    /// The seller's trading position is too small.
    GoodsShort = 69, "GOODS_SHORT";
    /// The buyer's available cash is too small.
    CashShort = 70, "CASH_SHORT";
    /// The time for top-ups is over.
    TopupDeadline = 71, "TOPUP_DEADLINE";
    /// The time for top-ups is not over yet.
    TopupOpen = 72, "TOPUP_OPEN";
    /// Trades are still held.
    TradesHeld = 73, "TRADES_HELD";
    /// Statements have not been issued.
    StatementsMissing = 74, "STATEMENTS_MISSING";
    /// Objections after the day is final are late.
    ObjectionLate = 75, "OBJECTION_LATE";
    /// An objection is without an answer.
    ObjectionOpen = 76, "OBJECTION_OPEN";
    /// No such objection.
    UnknownObjection = 77, "UNKNOWN_OBJECTION";
    /// A delivery step starts beyond the day's cursor.
    DeliveryGap = 78, "DELIVERY_GAP";
    /// The second person must be another than the first.
    SelfApproval = 79, "SELF_APPROVAL";
    /// A trade time outside the day.
    TradeTime = 80, "TRADE_TIME";

    /// No such open proposal.
    UnknownProposal = 90, "UNKNOWN_PROPOSAL";
    /// The proposal's time is over.
    ProposalExpired = 91, "PROPOSAL_EXPIRED";
    /// What is approved is not what was proposed.
    ContentMismatch = 92, "CONTENT_MISMATCH";
    /// Only who proposed it may withdraw it.
    NotMaker = 93, "NOT_MAKER";
    /// Open proposals hold too much already.
    TooManyProposals = 94, "TOO_MANY_PROPOSALS";
    /// No such pledge.
    UnknownPledge = 100, "UNKNOWN_PLEDGE";
    /// The instrument cannot be used any more on the day that it is needed.
    VintageExpiring = 101, "VINTAGE_EXPIRING";
    /// A court froze the account.
    AccountFrozen = 102, "ACCOUNT_FROZEN";
    /// Not the last settled close, or too old a one.
    PriceStale = 103, "PRICE_STALE";
    /// The loan is more than the contract's share of the value.
    LtvExceeded = 104, "LTV_EXCEEDED";
    /// Not the party that may do this.
    NotCounterparty = 105, "NOT_COUNTERPARTY";
    /// A pledge is recognised with its reference in the movable-property registration.
    FilingReferenceMissing = 106, "FILING_REFERENCE_MISSING";
    /// The pledge has changed since the caller looked at it.
    StaleVersion = 107, "STALE_VERSION";
    /// More was to be released than is pledged.
    ReleaseExceedsPledged = 108, "RELEASE_EXCEEDS_PLEDGED";
    /// What would be left does not cover the loan as the contract says.
    CoverBelowContract = 109, "COVER_BELOW_CONTRACT";
    /// The time to cure is not over.
    CurePeriodOpen = 110, "CURE_PERIOD_OPEN";
    /// A court keeps the pledge from being released and disposed of.
    CourtStay = 111, "COURT_STAY";
    /// More was sold than the claim needs, or than is pledged.
    OverDisposal = 112, "OVER_DISPOSAL";
    /// The pledge's state does not allow this.
    PledgeNotActive = 113, "PLEDGE_NOT_ACTIVE";
    /// The tonnes that the seller lacks are pledged.
    Pledged = 114, "PLEDGED";
    /// The pledge has other tonnes on offer already.
    SubstitutionOpen = 115, "SUBSTITUTION_OPEN";
    /// The pledge has no other tonnes on offer.
    NoSubstitution = 116, "NO_SUBSTITUTION";
    /// No such freeze stands.
    UnknownFreeze = 117, "UNKNOWN_FREEZE";
    /// The account's available money at the bank is too small.
    InsufficientCash = 130, "INSUFFICIENT_CASH";
    /// No such withdrawal at this bank.
    UnknownWithdrawal = 131, "UNKNOWN_WITHDRAWAL";
    /// The withdrawal was paid out or refused already.
    WithdrawalClosed = 132, "WITHDRAWAL_CLOSED";
    /// The account has as many open withdrawals as are allowed.
    WithdrawalsOpen = 133, "WITHDRAWALS_OPEN";
    /// The bank's money in suspense is less than asked.
    SuspenseShort = 134, "SUSPENSE_SHORT";
    /// The bank's reserve is smaller than what the buyer lacks.
    ReserveExhausted = 135, "RESERVE_EXHAUSTED";
    /// The trade can deliver without the reserve.
    ReserveNotNeeded = 136, "RESERVE_NOT_NEEDED";
    /// The account owes the reserve nothing at this bank.
    UnknownClaim = 137, "UNKNOWN_CLAIM";
    /// The account owes the reserve less than is paid back.
    ClaimExceeded = 138, "CLAIM_EXCEEDED";
    /// The bank reported a later day's balance already.
    ReportOlder = 139, "REPORT_OLDER";

    /// No such province.
    UnknownProvince = 150, "UNKNOWN_PROVINCE";
    /// The province has an account of its own already.
    ProvinceTaken = 151, "PROVINCE_TAKEN";
    /// Accounts of this kind cannot do this.
    AccountKind = 152, "ACCOUNT_KIND";
    /// The account belongs to no province, or the province has no account.
    ProvinceMissing = 153, "PROVINCE_MISSING";
    /// The firm belongs to another province.
    OtherProvince = 154, "OTHER_PROVINCE";
    /// The firm's emissions of the year are recorded already.
    EmissionsRecorded = 155, "EMISSIONS_RECORDED";
    /// No such entry of verified emissions.
    UnknownEmissions = 156, "UNKNOWN_EMISSIONS";
    /// The entry was corrected already.
    EmissionsSuperseded = 157, "EMISSIONS_SUPERSEDED";
    /// The firm's emissions of the year are not verified.
    NoObligation = 158, "NO_OBLIGATION";
    /// The instrument cannot be used for this year or into this vintage.
    VintageNotAllowed = 159, "VINTAGE_NOT_ALLOWED";
    /// Certified reductions would be too large a part of the obligation.
    CcerShare = 160, "CCER_SHARE";
    /// More would be surrendered than is owed.
    OverSurrender = 161, "OVER_SURRENDER";
    /// No such surrender of this province's firms.
    UnknownSurrender = 162, "UNKNOWN_SURRENDER";
    /// The surrender was approved or declined already.
    SurrenderClosed = 163, "SURRENDER_CLOSED";
    /// More would be carried over than the account may.
    CarryOverLimit = 164, "CARRY_OVER_LIMIT";
    /// Giver and receiver are the same account.
    SelfTransfer = 165, "SELF_TRANSFER";
    /// The period ends before it begins.
    PeriodReversed = 210, "PERIOD_REVERSED";
    /// The position lies beyond what has happened.
    PositionAhead = 211, "POSITION_AHEAD";
    /// The position lies before the registry's records begin.
    PositionBeforeRecords = 212, "POSITION_BEFORE_RECORDS";
    /// The cursor is of another question, or none at all.
    CursorMismatch = 213, "CURSOR_MISMATCH";
    /// No such platform.
    UnknownPlatform = 180, "UNKNOWN_PLATFORM";
    /// The platform has no account of this person.
    UnknownInclusiveAccount = 181, "UNKNOWN_INCLUSIVE_ACCOUNT";
    /// The person has an account already.
    InclusiveAccountExists = 182, "INCLUSIVE_ACCOUNT_EXISTS";
    /// The platform may not credit so much.
    QuotaExceeded = 183, "QUOTA_EXCEEDED";
    /// The batch is not the next one.
    BatchOutOfOrder = 184, "BATCH_OUT_OF_ORDER";
    /// The batch's lines do not come to what it says of them.
    BatchMismatch = 185, "BATCH_MISMATCH";
    /// The person has fewer grams than asked.
    InsufficientGrams = 186, "INSUFFICIENT_GRAMS";
    /// The grams are not worth whole fen.
    NotWholeFen = 187, "NOT_WHOLE_FEN";
    /// No such voucher at this bank.
    UnknownVoucher = 188, "UNKNOWN_VOUCHER";
    /// The voucher was redeemed already.
    VoucherRedeemed = 189, "VOUCHER_REDEEMED";
    /// The voucher's time is over.
    VoucherExpired = 190, "VOUCHER_EXPIRED";

    /// No such repo.
    UnknownRepo = 195, "UNKNOWN_REPO";
    /// The account is not the party that may do this.
    NotRepoParty = 196, "NOT_REPO_PARTY";
    /// The repo's state does not allow this.
    RepoState = 197, "REPO_STATE";
    /// The buyer's time to accept is over.
    RepoExpired = 198, "REPO_EXPIRED";
    /// The return is not due yet.
    ReturnNotDue = 199, "RETURN_NOT_DUE";
    /// The return date lies in the past.
    ReturnDatePassed = 200, "RETURN_DATE_PASSED";
    /// The seller has as many open offers as are allowed.
    TooManyRepos = 201, "TOO_MANY_REPOS";

    /// No such city in this cluster.
    UnknownCity = 220, "UNKNOWN_CITY";
    /// No such node, or not one that this can be done with.
    UnknownNode = 221, "UNKNOWN_NODE";
    /// The node's id, name or data folder is another's, or was, or its address is.
    NodeIdUsed = 222, "NODE_ID_USED";
    /// An earlier change of voters is not confirmed yet.
    VotersChanging = 223, "VOTERS_CHANGING";
    /// The city is out of the quorum.
    CityOut = 224, "CITY_OUT";
    /// The city is not out of the quorum.
    CityNotOut = 225, "CITY_NOT_OUT";
    /// The cluster's layout does not allow this.
    LayoutForbids = 226, "LAYOUT_FORBIDS";
    /// Not the recovery epoch that follows.
    RecoveryEpoch = 227, "RECOVERY_EPOCH";
    /// Not the version of the rules that follows.
    RulesVersion = 228, "RULES_VERSION";
}
