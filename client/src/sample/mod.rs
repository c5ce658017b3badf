//! Sample days: trades and firms made from a seed for a day of which only the
//! daily figures are published.
//!
//! Reading order: [`DayFigures`] is one published row; [`contradictions`]
//! holds it against the market's rules; [`Population`] makes the banks and
//! firms; [`generate_day`] makes trades whose totals and prices are exactly
//! the published ones; [`fund()`] gives the firms what they need to deliver
//! them, save for a chosen few. Everything is a pure function of its inputs,
//! in integers only: a seed gives the same day for ever, on every machine.

mod block;
mod csv_rows;
mod figures;
mod fill;
mod fund;
mod generate;
mod listed;
mod money;
mod names;
mod population;
mod random;
mod rules;
mod trade;
pub mod uscc;

#[cfg(test)]
mod fund_tests;
#[cfg(test)]
mod generate_tests;

pub use csv_rows::SampleFileError;
pub use figures::{DayFigures, SessionPrices, read_figures, write_figures};
pub use fund::{FundError, HeldPlan, TopUp, fund};
pub use generate::{
    DEFAULT_INSTRUMENT, DayOptions, GenerateError, MAX_LISTED_TRADES, generate_day,
};
pub use names::{SETTLEMENT_BANKS, SettlementBank};
pub use population::{DEFAULT_FIRM_COUNT, Firm, Population};
pub use rules::contradictions;
pub use trade::{BEIJING, SampleTrade, TradeKind, read_trades, write_trades};
