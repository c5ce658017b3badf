//! Newtypes of the market's quantities and names: integers only, so that sums are exact.

use std::fmt;

/// Number of an account, assigned in order from 1 and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// Interbank category code of a settlement bank, 100 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BankId(pub u16);

/// Whole tonnes of CO2 equivalent; never negative in a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(pub i64);

/// Money in fen (0.01 yuan).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fen(pub i64);

/// Price in fen per tonne; the tick is 1 fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(pub i64);

/// Milliseconds since 1970-01-01 UTC, as stamped into the log by a leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerTime(pub i64);

/// The exchange's number of a trade, unique per day, greater than 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeNumber(pub u64);

/// Number of a proposal, given in order from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// Number of a pledge, given in order from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PledgeId(pub u64);

/// Number of a freeze, given in order from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FreezeId(pub u64);

/// A calendar day as the decimal number YYYYMMDD; always a real Gregorian date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

/// What is traded: the vintage is part of the instrument.
///
/// `CEA-2020` is an allowance of the cycle that ends in 2020; `CCER` a
/// certified reduction. Ordered by its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentCode([u8; 8]);

/// Listed or block trade; auctions come with their own rules later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TradeKind {
    /// 挂牌: less than 100,000 t, within 10 % of the previous close.
    Listed,
    /// 大宗: at least 100,000 t, within 30 % of the previous close.
    Block,
}

/// Kind of an account's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountKind {
    /// Key emitting unit (重点排放单位).
    Emitter,
    /// Trading institution.
    Institution,
    /// Provincial authority's allocation account.
    Province,
}

/// The two positions that a holder moves allowances between (划转).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreePosition {
    /// 登记可用
    Registered,
    /// 交易可用
    Trading,
}

/// One trade as the exchange reports it. Signed numbers arrive unchecked;
/// the settlement rules refuse what is not positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Unique per day.
    pub number: TradeNumber,
    /// Listed or block.
    pub kind: TradeKind,
    /// What is sold.
    pub instrument: InstrumentCode,
    /// Who receives the tonnes and pays.
    pub buyer: AccountId,
    /// Who delivers the tonnes and is paid.
    pub seller: AccountId,
    /// Where the buyer pays from.
    pub buyer_bank: BankId,
    /// Where the seller is paid.
    pub seller_bank: BankId,
    /// Tonnes.
    pub quantity: Quantity,
    /// Fen per tonne.
    pub price: Price,
    /// When the exchange matched it, ms since 1970-01-01 UTC.
    pub traded_at: LedgerTime,
}

/// Where a trade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TradeStatus {
    /// Received and valid, not yet delivered.
    Accepted,
    /// Both legs done; never undone.
    Delivered,
    /// Could not deliver; waits for a top-up.
    Held(HeldReason),
    /// Held past the top-up deadline and ended.
    Failed(HeldReason),
    /// Taken out by an amendment while the clearing was disputed.
    Voided,
    /// Delivered like any other, what the buyer lacked being paid by the
    /// settlement risk reserve; never undone.
    Covered,
}

/// Why a trade could not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldReason {
    /// The seller's trading position is too small.
    GoodsShort,
    /// The buyer's available cash at the named bank is too small.
    CashShort,
    /// A court froze one of the two accounts, or the tonnes.
    AccountFrozen,
    /// The tonnes that the seller lacks are pledged.
    Pledged,
}

/// State of a settlement day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DayState {
    /// Trades are received.
    Open,
    /// The manifest agreed with what was received.
    Closed,
    /// Obligations are computed.
    Cleared,
    /// The exchange's clearing hash differs; amendments and a new manifest follow.
    Disputed,
    /// The exchange agreed; delivery may run.
    Confirmed,
    /// Every trade was tried.
    Delivered,
    /// Nothing of the day can change any more.
    Final,
    /// Stopped by two registry officers.
    Suspended,
}

macro_rules! checked_sums {
    ($($name:ident),+) => {$(
        impl $name {
            /// The sum, unless it overflows.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, unless it overflows.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
        }
    )+};
}

checked_sums!(Quantity, Fen);

impl TradeStatus {
    /// Whether both legs are done, by the buyer's own money or with the reserve's.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Delivered | Self::Covered)
    }
}

impl Trade {
    /// Price times quantity, exact in fen, unless it overflows.
    #[must_use]
    pub fn amount(&self) -> Option<Fen> {
        self.price.0.checked_mul(self.quantity.0).map(Fen)
    }
}

impl Date {
    /// A real Gregorian date of the years 1990 to 2199, else `None`.
    #[must_use]
    pub fn from_ymd(year: u32, month: u32, day: u32) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if !(1990..=2199).contains(&year) || day == 0 || day > days {
            return None;
        }
        Some(Self(
            year.checked_mul(10_000)?.checked_add(month.checked_mul(100)?)?.checked_add(day)?,
        ))
    }

    /// Reads exactly `YYYY-MM-DD` in ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<u32> {
            let digits = bytes.get(range)?;
            if !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            std::str::from_utf8(digits).ok()?.parse().ok()
        };
        Self::from_ymd(number(0..4)?, number(5..7)?, number(8..10)?)
    }

    /// The decimal number YYYYMMDD.
    #[must_use]
    pub fn yyyymmdd(self) -> u32 {
        self.0
    }

    /// From the decimal number YYYYMMDD.
    #[must_use]
    pub fn from_yyyymmdd(number: u32) -> Option<Self> {
        Self::from_ymd(number / 10_000, number / 100 % 100, number % 100)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl InstrumentCode {
    /// Reads `CEA-` and a year of 2019 to 2099, or `CCER`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = match text.strip_prefix("CEA-") {
            Some(year) => {
                year.len() == 4
                    && year.bytes().all(|b| b.is_ascii_digit())
                    && ("2019"..="2099").contains(&year)
            }
            None => text == "CCER",
        };
        if !well_formed {
            return None;
        }
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }

    /// Eight bytes, padded with zeros.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// The text, e.g. `CEA-2020`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        // Only `parse` makes a code, from ASCII.
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Display for InstrumentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InstrumentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
