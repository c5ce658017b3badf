//! Tests of the ledger through its public interface.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cash;
mod compliance;
mod control;
mod delivery;
mod journal;
mod model;
mod opening;
mod properties;
mod published_days;
mod records;
mod rejections;
mod requests;
mod settlement_day;
mod world;
