//! Pledges (质押), recognised in both cities: one record, one price.
//!
//! Pledged tonnes stay in the pledgor's account, in its position `pledged`;
//! what lies there is the sum of the pledges that hold it.

mod amend;
mod check;
mod command;
mod cover;
mod enforcement;
mod goods;
mod life;
mod offer;
mod records;
mod state;
mod watch;

pub use command::{PledgeCommand, PledgeOffer, SubstitutionOffer};
pub use cover::PledgeView;
pub use offer::{CURE_PERIOD_LIMIT_MS, OFFER_LIFE_LIMIT_MS};
pub use state::{Pledge, PledgeFilter, PledgeRef, PledgeState, PledgeTerms, Substitution};

pub(crate) use state::Pledges;
