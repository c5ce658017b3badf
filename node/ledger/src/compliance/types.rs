//! Names and entries of yearly compliance. Entries are kept for ever, in order.

use crate::stored::stored_numbers;
use crate::types::{AccountId, Date, InstrumentCode, LedgerTime, Quantity};

/// Administrative division code of a province, two digits (GB/T 2260), e.g. 42 Hubei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProvinceCode(u8);

/// A year whose emissions must be met with allowances, 2019 to 2099.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComplianceYear(u16);

/// First year of the allowances that the older ones may not stand in for.
const SECOND_ERA: u16 = 2025;

impl ProvinceCode {
    /// A code whose authority takes part in the national market; 66 is the
    /// Xinjiang Production and Construction Corps (新疆生产建设兵团).
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        let known = matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=66);
        u8::try_from(code).ok().filter(|_| known).map(Self)
    }

    /// The two digits as a number.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }
}

impl std::fmt::Display for ProvinceCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl ComplianceYear {
    /// A year that instruments can be of.
    #[must_use]
    pub fn from_year(year: u32) -> Option<Self> {
        u16::try_from(year).ok().filter(|year| (2019..=2099).contains(year)).map(Self)
    }

    /// The year as a number.
    #[must_use]
    pub fn year(self) -> u16 {
        self.0
    }

    /// Whether an allowance of that vintage may meet an obligation of this year:
    /// 2019 to 2024 are one era, 2025 and later the next.
    ///
    /// Source: national allocation plans 2023-24, as `docs/market/compliance.md` tells.
    #[must_use]
    pub fn accepts(self, vintage: u16) -> bool {
        (self.0 >= SECOND_ERA) == (vintage >= SECOND_ERA)
    }
}

impl std::fmt::Display for ComplianceYear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl InstrumentCode {
    /// The vintage of an allowance; `None` for a certified reduction.
    #[must_use]
    pub fn vintage(&self) -> Option<u16> {
        self.as_str().strip_prefix("CEA-")?.parse().ok()
    }
}

/// What an allocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AllocationKind {
    /// Before emissions are known (预分配).
    PreAllocation,
    /// What was missing, once they are known (多退少补).
    TrueUp,
    /// What was too much, out of circulation for good.
    Recall,
}

stored_numbers!(AllocationKind, "kind of allocation": PreAllocation = 1, TrueUp = 2, Recall = 3);

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SurrenderState {
    /// The province has not decided.
    Pending,
    /// Surrendered for good.
    Approved,
    /// The holder has the tonnes back.
    Declined,
}

stored_numbers!(SurrenderState, "state of a surrender": Pending = 1, Approved = 2, Declined = 3);

/// Why tonnes change hands without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransferCause {
    /// 合并
    Merger,
    /// 分立
    Division,
    /// 继承
    Succession,
    /// 司法扣划
    Court,
}

stored_numbers!(TransferCause, "cause of a transfer":
    Merger = 1, Division = 2, Succession = 3, Court = 4);

/// Tonnes that a province gave to a firm, or that were taken out of circulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Its number, from 1.
    pub number: u64,
    /// Whose decision it is.
    pub province: ProvinceCode,
    /// Who received, or of a recall gave.
    pub account: AccountId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// What it is.
    pub kind: AllocationKind,
    /// How much, > 0.
    pub quantity: Quantity,
    /// Reference of the decision.
    pub document: String,
    /// Ledger time.
    pub decided_at: LedgerTime,
}

/// A firm's verified emissions of a year. The newest entry counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emissions {
    /// Its number, from 1.
    pub number: u64,
    /// Whose.
    pub account: AccountId,
    /// The firm's province.
    pub province: ProvinceCode,
    /// Of which year.
    pub year: ComplianceYear,
    /// How much, >= 0: the obligation.
    pub verified: Quantity,
    /// Of the verification report.
    pub report_sha256: [u8; 32],
    /// The entry that this one replaces.
    pub corrects: Option<u64>,
    /// Reference of the decision to correct; empty for a first entry.
    pub document: String,
    /// Ledger time.
    pub recorded_at: LedgerTime,
}

/// An application to surrender, and what became of it (清缴).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surrender {
    /// Its number, from 1.
    pub number: u64,
    /// Whose.
    pub account: AccountId,
    /// The province that decides: the firm's when it applied.
    pub province: ProvinceCode,
    /// For which year.
    pub year: ComplianceYear,
    /// Of what.
    pub instrument: InstrumentCode,
    /// How much, > 0.
    pub quantity: Quantity,
    /// Where it stands.
    pub state: SurrenderState,
    /// Ledger time of the application.
    pub applied_at: LedgerTime,
    /// Ledger time of the decision.
    pub decided_at: Option<LedgerTime>,
    /// Why it was declined; empty otherwise.
    pub reason: String,
}

/// Tonnes that a holder gave up for good, for everybody to see (自愿注销).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Its number, from 1.
    pub number: u64,
    /// Whose tonnes.
    pub account: AccountId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// How much, > 0.
    pub quantity: Quantity,
    /// On whose behalf.
    pub beneficiary: String,
    /// What for.
    pub reason: String,
    /// Ledger time.
    pub cancelled_at: LedgerTime,
}

/// Tonnes of an old vintage turned into a new one (结转).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarryOver {
    /// Its number, from 1.
    pub number: u64,
    /// Whose.
    pub account: AccountId,
    /// What was burned.
    pub from: InstrumentCode,
    /// What was minted.
    pub to: InstrumentCode,
    /// How much of either, > 0.
    pub quantity: Quantity,
    /// First day whose trades count.
    pub sold_from: Date,
    /// Last day whose trades count.
    pub sold_to: Date,
    /// Older vintages sold less bought by the account on those days; may be negative.
    pub net_sold: Quantity,
    /// Reference of the decision.
    pub document: String,
    /// Ledger time.
    pub decided_at: LedgerTime,
}

/// Where an instrument's tonnes went for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Met obligations.
    pub surrendered: Quantity,
    /// Given up voluntarily.
    pub cancelled: Quantity,
    /// Turned into a later vintage.
    pub carried_out: Quantity,
    /// Taken back by allocation.
    pub recalled: Quantity,
}

impl Retired {
    /// All of it; `None` if it overflows.
    #[must_use]
    pub fn total(&self) -> Option<Quantity> {
        [self.cancelled, self.carried_out, self.recalled]
            .into_iter()
            .try_fold(self.surrendered, Quantity::checked_add)
    }
}

/// Allowances and certified reductions, apart because only so much of the
/// latter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// CEA of all vintages.
    pub allowances: Quantity,
    /// CCER.
    pub reductions: Quantity,
}

impl Means {
    /// Both together. Neither is more than what was issued.
    #[must_use]
    pub fn total(&self) -> i128 {
        i128::from(self.allowances.0).saturating_add(self.reductions.0.into())
    }

    pub(crate) fn part_mut(&mut self, instrument: InstrumentCode) -> &mut Quantity {
        match instrument.vintage() {
            Some(_) => &mut self.allowances,
            None => &mut self.reductions,
        }
    }

    pub(crate) fn part(mut self, instrument: InstrumentCode) -> Quantity {
        *self.part_mut(instrument)
    }
}

/// What a firm owes for a year, and what it has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Whose.
    pub account: AccountId,
    /// The firm's province now.
    pub province: ProvinceCode,
    /// For which year.
    pub year: ComplianceYear,
    /// The entry of verified emissions that counts.
    pub emissions: u64,
    /// What it must surrender.
    pub verified: Quantity,
    /// What provinces approved.
    pub surrendered: Means,
    /// What waits for a province.
    pub pending: Means,
}

impl Obligation {
    /// Tonnes that are still missing; nothing when all is surrendered.
    #[must_use]
    pub fn shortfall(&self) -> Quantity {
        let missing = i128::from(self.verified.0).saturating_sub(self.surrendered.total());
        Quantity(i64::try_from(missing.max(0)).unwrap_or(i64::MAX))
    }
}

/// Whose entries to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only this account's.
    pub account: Option<AccountId>,
    /// Only this province's.
    pub province: Option<ProvinceCode>,
}

/// A province and what it may allocate from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvinceView {
    /// Its code.
    pub province: ProvinceCode,
    /// The account that receives what is issued to it; `None` while there is none.
    pub account: Option<AccountId>,
    /// Firms that belong to it.
    pub firms: u64,
}
