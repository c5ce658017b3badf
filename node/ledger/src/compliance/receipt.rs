//! What the ledger answers to commands of yearly compliance.

use super::types::{Allocation, Cancellation, CarryOver, Emissions, Surrender};
use crate::receipt::{Holding, Receipt};
use crate::stored::stored_enum;
use crate::types::{AccountId, InstrumentCode, Quantity};

stored_enum! {
    /// What was done.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum ComplianceReceipt ("compliance receipt") {
        /// Tonnes were allocated or recalled.
        Allocated = 1 {
            /// The new entry.
            allocation: Allocation,
            /// What the receiver holds, or of a recall the giver.
            holding: Holding,
        }
        /// Emissions were recorded or corrected.
        Emissions = 2 {
            /// The new entry.
            emissions: Emissions,
        }
        /// A surrender was asked, approved or declined.
        Surrender = 3 {
            /// As it stands now.
            surrender: Surrender,
            /// What the firm holds now.
            holding: Holding,
        }
        /// Tonnes were given up.
        Cancelled = 4 {
            /// The new entry.
            cancellation: Cancellation,
            /// What the holder has now.
            holding: Holding,
        }
        /// Tonnes became those of a later vintage.
        CarriedOver = 5 {
            /// The new entry.
            carry_over: CarryOver,
            /// What the account holds of the old one now.
            from: Holding,
            /// What it holds of the new one now.
            to: Holding,
        }
        /// Tonnes changed hands.
        Transferred = 6 {
            /// Who gave.
            from: AccountId,
            /// Who received.
            to: AccountId,
            /// Of what and how much.
            moved: Vec<(InstrumentCode, Quantity)>,
        }
    }
}

impl From<ComplianceReceipt> for Receipt {
    fn from(receipt: ComplianceReceipt) -> Self {
        Self::Compliance(Box::new(receipt))
    }
}
