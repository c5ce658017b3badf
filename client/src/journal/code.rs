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
        matches!(self, Self::HeldForGoods | Self::HeldForCash)
    }
}

/// A calendar date, YYYYMMDD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

impl Date {
    /// 20211216 for 2021-12-16, if there is such a day.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
        let (year, day) = (i32::try_from(year).ok()?, u8::try_from(day).ok()?);
        time::Date::from_calendar_date(year, month, day).ok()?;
        Some(Self(number))
    }
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
