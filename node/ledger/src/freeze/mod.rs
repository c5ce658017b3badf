//! Freezes by courts (司法冻结): of a whole account, of tonnes, or of a pledge.
//!
//! Tonnes are taken from free positions first, then from offers that are not
//! recognised yet; what recognised pledges hold stays pledged, with a court stay.
//! What a freeze holds the court may take (扣划), in whole or in parts.

mod execution;
mod records;
mod rules;
mod state;

pub use rules::FreezeCommand;
pub use state::{Freeze, FreezeTarget};

pub(crate) use state::Freezes;
