//! Commands of yearly compliance.

use super::types::{AllocationKind, ComplianceYear, ProvinceCode, TransferCause};
use crate::types::{AccountId, Date, InstrumentCode, Quantity};

/// What is asked for around a year's obligations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComplianceCommand {
    /// Says to which province an emitter's account belongs, or which account of
    /// the kind "province" is that province's own.
    AssignProvince {
        /// Whose.
        account: AccountId,
        /// Where.
        province: ProvinceCode,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Gives tonnes of a province's account to one of its firms; needs two people.
    Allocate {
        /// Whose account gives.
        province: ProvinceCode,
        /// Who receives.
        account: AccountId,
        /// Of what.
        instrument: InstrumentCode,
        /// Pre-allocation or true-up.
        kind: AllocationKind,
        /// How much, > 0.
        quantity: Quantity,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Takes tonnes out of circulation that were too much; needs two people.
    Recall {
        /// A firm, or a province's own account.
        account: AccountId,
        /// Of what.
        instrument: InstrumentCode,
        /// How much, > 0.
        quantity: Quantity,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Enters a firm's verified emissions of a year for the first time.
    RecordEmissions {
        /// The province that enters them; `None` when the registry does.
        by: Option<ProvinceCode>,
        /// Whose.
        account: AccountId,
        /// Of which year.
        year: ComplianceYear,
        /// How much, >= 0.
        verified: Quantity,
        /// Of the verification report.
        report_sha256: [u8; 32],
    },
    /// Replaces an entry of verified emissions by a new one; needs two people.
    CorrectEmissions {
        /// Number of the entry that counts now.
        corrects: u64,
        /// How much, >= 0.
        verified: Quantity,
        /// Of the new verification report.
        report_sha256: [u8; 32],
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Sets tonnes aside for the province to approve.
    ApplySurrender {
        /// Whose.
        account: AccountId,
        /// For which year.
        year: ComplianceYear,
        /// Of what.
        instrument: InstrumentCode,
        /// How much, > 0.
        quantity: Quantity,
    },
    /// The province says yes: surrendered for good.
    ApproveSurrender {
        /// The province that was asked.
        province: ProvinceCode,
        /// The application's number.
        surrender: u64,
    },
    /// The province says no: the holder has the tonnes back.
    DeclineSurrender {
        /// The province that was asked.
        province: ProvinceCode,
        /// The application's number.
        surrender: u64,
        /// 1 to 200 bytes.
        reason: String,
    },
    /// Turns tonnes of an old vintage into a later one; needs two people.
    CarryOver {
        /// Whose.
        account: AccountId,
        /// What is burned.
        from: InstrumentCode,
        /// What is minted.
        to: InstrumentCode,
        /// How much, > 0.
        quantity: Quantity,
        /// First day whose trades count.
        sold_from: Date,
        /// Last day whose trades count: over, and every day up to it final.
        sold_to: Date,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
    },
    /// Gives tonnes up for good.
    Cancel {
        /// Whose.
        account: AccountId,
        /// Of what.
        instrument: InstrumentCode,
        /// How much, > 0.
        quantity: Quantity,
        /// On whose behalf, 1 to 200 bytes.
        beneficiary: String,
        /// What for, 1 to 200 bytes.
        reason: String,
    },
    /// Moves tonnes to another holder without a trade; needs two people.
    Transfer {
        /// Why.
        cause: TransferCause,
        /// Who gives.
        from: AccountId,
        /// Who receives.
        to: AccountId,
        /// Of what and how much, > 0; `None` for all that is registered.
        part: Option<(InstrumentCode, Quantity)>,
        /// Reference of the decision, 1 to 200 bytes.
        document: String,
        /// Of the document.
        document_sha256: [u8; 32],
    },
}

impl ComplianceCommand {
    /// Whether it takes effect by an approval alone.
    ///
    /// Source: "Control" of the market's rules; a carry-over mints units.
    #[must_use]
    pub fn needs_two_people(&self) -> bool {
        match self {
            Self::Allocate { .. }
            | Self::Recall { .. }
            | Self::CorrectEmissions { .. }
            | Self::CarryOver { .. }
            | Self::Transfer { .. } => true,
            Self::AssignProvince { .. }
            | Self::RecordEmissions { .. }
            | Self::ApplySurrender { .. }
            | Self::ApproveSurrender { .. }
            | Self::DeclineSurrender { .. }
            | Self::Cancel { .. } => false,
        }
    }
}
