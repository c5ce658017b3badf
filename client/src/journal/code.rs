//! Small values of the journal: codes, dates, instruments.

use std::fmt;

use super::bytes::{DecodeError, Reader, Wire};

/// Values that are one byte; any other byte is refused.
macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident { $($(#[$of:meta])+ $variant:ident = $byte:literal $shown:literal;)+ })+) => {
        $(
            $(#[$doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name { $($(#[$of])+ $variant,)+ }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self { $(Self::$variant => $shown,)+ })
                }
            }

            impl Wire for $name {
                fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                    match from.read::<u8>()? {
                        $($byte => Ok(Self::$variant),)+
                        other => from.bad(format!(concat!("{} is no ", stringify!($name)), other)),
                    }
                }
                fn put(&self, to: &mut Vec<u8>) {
                    to.push(match self { $(Self::$variant => $byte,)+ });
                }
            }
        )+
    };
}

codes! {
    /// Part of an account's holding.
    PositionPart {
        /// 登记可用
        Registered = 1 "registered";
        /// 交易可用
        Trading = 2 "trading";
        /// Bought, and tradable when the next day opens.
        PendingIn = 3 "pending in";
        /// Pledged.
        Pledged = 4 "pledged";
        /// Frozen.
        Frozen = 5 "frozen";
        /// Surrender or cancellation that waits for approval.
        PendingOut = 6 "pending out";
    }
    /// Where tonnes come from and go to, outside all accounts.
    GoodsPot {
        /// What was created, as less than nothing.
        Issued = 1 "issued";
        /// What met obligations.
        Surrendered = 10 "surrendered";
        /// What was given up.
        Cancelled = 11 "cancelled";
        /// What became a later vintage.
        CarriedOut = 12 "carried out";
        /// What was taken back.
        Recalled = 13 "recalled";
    }
    /// What an allocation is.
    AllocationKind {
        /// Before emissions are known.
        PreAllocation = 1 "pre-allocation";
        /// What was missing.
        TrueUp = 2 "true-up";
        /// What was too much.
        Recall = 3 "recall";
    }
    /// What happened to the cluster that keeps the ledger.
    ClusterChange {
        /// A node gets the log and does not vote.
        NodeAdmitted = 1 "node admitted";
        /// A node votes, maybe in the place of another.
        NodeSeated = 2 "node seated";
        /// A node was let go.
        NodeRetired = 3 "node retired";
        /// A node is found elsewhere.
        NodeMoved = 4 "node moved";
        /// From now on a commit is durable in one city only.
        CityLeft = 5 "city left";
        /// A city is on its way back.
        CityReturning = 6 "city returning";
        /// The voters are those commanded.
        VotersConfirmed = 7 "voters confirmed";
        /// The leader should stand there.
        CityPreferred = 8 "city preferred";
        /// The right to recover alone moved.
        RecoveryRightMoved = 9 "recovery right moved";
        /// A city may recover once without it.
        OverrideIssued = 10 "override issued";
        /// The survivors of a lost city went on.
        Recovered = 11 "recovered";
        /// Other rules are in force.
        RulesActivated = 12 "rules activated";
    }
    /// Why tonnes change hands without a trade.
    TransferCause {
        /// 合并
        Merger = 1 "merger";
        /// 分立
        Division = 2 "division";
        /// 继承
        Succession = 3 "succession";
        /// 司法扣划
        Court = 4 "court";
    }
    /// Part of an account's money at one bank.
    CashPart {
        /// Free to pay with.
        Available = 1 "available";
        /// A withdrawal that waits for the bank.
        PendingOut = 2 "pending out";
    }
    /// Where money comes from and goes to, outside all accounts.
    CashPot {
        /// What was paid in, as less than nothing.
        Deposited = 1 "deposited";
        /// What came from other banks, as less than nothing.
        Interbank = 2 "interbank";
        /// Fees paid.
        Fees = 3 "fees";
        /// The settlement risk reserve.
        Reserve = 4 "reserve";
        /// Money whose owner is not known.
        Suspense = 5 "suspense";
        /// What has left the market.
        Withdrawn = 6 "withdrawn";
        /// What sales of pledged tonnes brought the bank as pledgee.
        Proceeds = 7 "proceeds";
    }
    /// Where a trade stands.
    TradeMark {
        /// Taken.
        Accepted = 1 "accepted";
        /// Both legs moved.
        Delivered = 2 "delivered";
        /// The seller fell short.
        HeldForGoods = 3 "held for goods";
        /// The buyer fell short.
        HeldForCash = 4 "held for cash";
        /// Ended after the seller fell short.
        FailedForGoods = 5 "failed for goods";
        /// Ended after the buyer fell short.
        FailedForCash = 6 "failed for cash";
        /// Taken out by an amendment.
        Voided = 7 "voided";
        /// Both legs moved, with the reserve's money.
        Covered = 8 "covered by the reserve";
        /// A court froze an account of the trade, or the tonnes.
        HeldForFreeze = 9 "held for a freeze";
        /// The tonnes that the seller lacks are pledged.
        HeldForPledge = 10 "held for pledged tonnes";
        /// Ended after that.
        FailedForFreeze = 11 "failed for a freeze";
        /// Ended after that.
        FailedForPledge = 12 "failed for pledged tonnes";
    }
    /// Where free tonnes lie.
    FreePart {
        /// 登记可用
        Registered = 1 "registered";
        /// 交易可用
        Trading = 2 "trading";
    }
    /// Who holds an account.
    HolderKind {
        /// Key emitting unit.
        Emitter = 1 "emitter";
        /// Institution.
        Institution = 2 "institution";
        /// Provincial authority.
        Province = 3 "province";
    }
    /// Where a repo stands.
    RepoMark {
        /// Waits for the buyer.
        Proposed = 1 "PROPOSED";
        /// The return is to come.
        Open = 2 "OPEN";
        /// The tonnes are the seller's again.
        Returned = 3 "RETURNED";
        /// The return could not be delivered in time.
        Failed = 4 "FAILED";
        /// A party said no.
        Declined = 5 "DECLINED";
        /// The buyer did not answer in time.
        Expired = 6 "EXPIRED";
    }
    /// What a leg is short of.
    Shortage {
        /// Tonnes.
        Goods = 1 "GOODS_SHORT";
        /// Money.
        Cash = 2 "CASH_SHORT";
        /// A court froze one of the accounts.
        Frozen = 3 "ACCOUNT_FROZEN";
    }
    /// Where a voucher stands.
    VoucherMark {
        /// Its bank may take it.
        Issued = 1 "issued";
        /// Its bank took it.
        Redeemed = 2 "redeemed";
        /// Its time was over first.
        Expired = 3 "expired";
    }
    /// How a trade was made.
    TradeWay {
        /// 挂牌
        Listed = 1 "listed";
        /// 大宗
        Block = 2 "block";
    }
}

impl TradeMark {
    /// Whether the trade waits for a top-up.
    pub(crate) fn is_held(self) -> bool {
        self.failed().is_some()
    }

    /// Whether it was held to the end.
    pub(crate) fn is_failed(self) -> bool {
        matches!(
            self,
            Self::FailedForGoods
                | Self::FailedForCash
                | Self::FailedForFreeze
                | Self::FailedForPledge
        )
    }

    /// What a held trade becomes when it ends.
    pub(crate) fn failed(self) -> Option<Self> {
        match self {
            Self::HeldForGoods => Some(Self::FailedForGoods),
            Self::HeldForCash => Some(Self::FailedForCash),
            Self::HeldForFreeze => Some(Self::FailedForFreeze),
            Self::HeldForPledge => Some(Self::FailedForPledge),
            Self::Accepted
            | Self::Delivered
            | Self::FailedForGoods
            | Self::FailedForCash
            | Self::Voided
            | Self::Covered
            | Self::FailedForFreeze
            | Self::FailedForPledge => None,
        }
    }
}

impl From<FreePart> for PositionPart {
    fn from(part: FreePart) -> Self {
        match part {
            FreePart::Registered => Self::Registered,
            FreePart::Trading => Self::Trading,
        }
    }
}

const DAY_MS: i64 = 86_400_000;
/// Beijing is eight hours ahead of UTC.
const BEIJING_MS: i64 = 8 * 3_600_000;
/// Julian day of 1970-01-01.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;

/// Days since 1970-01-01 of the day that it is in Beijing.
pub(crate) fn beijing_days(ms: i64) -> i64 {
    ms.saturating_add(BEIJING_MS).div_euclid(DAY_MS)
}

/// A calendar date, YYYYMMDD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// 20211216 for 2021-12-16, if there is such a day.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        calendar_date(number)?;
        Some(Self(number))
    }

    /// Days since 1970-01-01.
    pub(crate) fn days(self) -> i64 {
        let julian = calendar_date(self.0).map_or(0, time::Date::to_julian_day);
        i64::from(julian) - EPOCH_JULIAN_DAY
    }

    /// When the day begins in Beijing.
    pub(crate) fn midnight_ms(self) -> i64 {
        self.days() * DAY_MS - BEIJING_MS
    }
}

fn calendar_date(number: u32) -> Option<time::Date> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let (year, day) = (i32::try_from(year).ok()?, u8::try_from(day).ok()?);
    time::Date::from_calendar_date(year, month, day).ok()
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl Wire for Date {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = u32::from_be_bytes(from.read()?);
        match Self::from_number(number) {
            Some(date) => Ok(date),
            None => from.bad(format!("{number} is no date")),
        }
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self.0.to_be_bytes());
    }
}

/// An instrument: its ASCII text filled up with zero bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instrument([u8; 8]);

impl Instrument {
    /// The instrument of this name, if it can be one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then_some(Self(bytes))
    }
}

impl Instrument {
    /// The vintage of an allowance; none for a certified reduction.
    pub(crate) fn vintage(self) -> Option<u64> {
        self.to_string().strip_prefix("CEA-")?.parse().ok()
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.iter().take_while(|byte| **byte != 0);
        text.into_iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl Wire for Instrument {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes: [u8; 8] = from.read()?;
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(8);
        let (text, rest) = bytes.split_at(length);
        let text = std::str::from_utf8(text).ok().and_then(Self::from_text);
        match text.filter(|_| rest.iter().all(|byte| *byte == 0)) {
            Some(instrument) => Ok(instrument),
            None => from.bad("no instrument"),
        }
    }
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }
}
