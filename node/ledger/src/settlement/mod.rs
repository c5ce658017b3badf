//! The settlement day: open, trades in chunks, manifest, clearing,
//! confirmation, delivery versus payment, held trades, statements, final.

pub(crate) mod amend;
pub(crate) mod chunk;
pub(crate) mod clearing;
pub(crate) mod day;
pub(crate) mod delivery;
pub(crate) mod held;
pub(crate) mod immediate;
pub(crate) mod limits;
pub(crate) mod manifest;
pub(crate) mod numbers;
pub(crate) mod open;
pub(crate) mod places;
pub(crate) mod price;
pub(crate) mod statement;
pub(crate) mod suspend;
pub(crate) mod trade;
