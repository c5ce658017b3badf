//! Whole jobs made of many calls. Each can be run again after it was cut
//! short and goes on where the registry stands.

mod compare;
mod held;
mod load;
#[cfg(test)]
mod load_tests;
mod plan;
mod settle;
#[cfg(test)]
mod settle_tests;
mod wire;

pub use held::{HeldTrade, TopUp, TopUpKind, TopUps};
pub use load::{AccountNumbers, LoadOptions, LoadProgress, LoadReport, load_population};
pub use plan::{DayPlan, SettleProgress, SettleReport, Stage};
pub use settle::settle_day;
pub use wire::{renumber, wire_trade, wire_trades};

use crate::amount::AmountError;
use crate::error::ClientError;
use crate::formats::FormatError;

/// Why a job stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// A call failed.
    #[error("{step}: {cause}")]
    Call {
        /// What the job was doing.
        step: String,
        /// Why it failed.
        cause: ClientError,
    },
    /// A trade that cannot be hashed or summed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An amount in an answer that is no amount.
    #[error("in the registry's answer: {0}")]
    Amount(#[from] AmountError),
    /// The registry's clearing is not the exchange's; nothing was confirmed.
    #[error(
        "day {date}: the registry's clearing hash {registry_sha256} is not the exchange's \
         {own_sha256}; compare the books, then dispute with `day confirm --sha256 {own_sha256}`"
    )]
    ClearingDiffers {
        /// Which day.
        date: String,
        /// Over the exchange's own trades.
        own_sha256: String,
        /// As the registry answers it.
        registry_sha256: String,
    },
    /// The day holds other trades than the plan; the job went no further.
    #[error("day {date} is {state} with other trades than the plan's: {difference}")]
    OtherTrades {
        /// Which day.
        date: String,
        /// Its state's name on the wire.
        state: String,
        /// What the registry has and what the plan gives.
        difference: String,
    },
    /// The day stands where the job cannot go on.
    #[error("day {date} is {state}: {advice}")]
    DayState {
        /// Which day.
        date: String,
        /// Its state's name on the wire.
        state: String,
        /// What to do.
        advice: String,
    },
    /// The registry numbered an account otherwise than the population file.
    #[error(
        "{name} ({uscc}) got account {assigned}, the file says {expected}: the registry already \
         holds accounts that the file does not know; load into an empty registry or renumber"
    )]
    AccountNumber {
        /// Credit code.
        uscc: String,
        /// Legal name.
        name: String,
        /// The registry's number.
        assigned: u64,
        /// The file's number.
        expected: u64,
    },
    /// The registry has a record of the same name with other content.
    #[error("{record} exists already with {existing}, the load gives {given}")]
    ExistsOtherwise {
        /// Which record.
        record: String,
        /// What the registry has.
        existing: String,
        /// What was to be loaded.
        given: String,
    },
    /// The plan cannot be carried out as it is.
    #[error("{0}")]
    Plan(String),
}

/// Names what a job was doing when a call failed.
pub(crate) trait During<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, WorkflowError>;
}

impl<T> During<T> for Result<T, ClientError> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, WorkflowError> {
        self.map_err(|cause| WorkflowError::Call { step: step(), cause })
    }
}
