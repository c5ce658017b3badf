//! Tests of the ledger through its public interface.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cash;
mod cluster;
mod cluster_model;
mod compliance;
mod control;
mod crossed;
mod delivery;
mod freeze;
mod inclusive;
mod journal;
mod model;
mod opening;
mod pledge;
mod pledge_golden;
mod pledge_steps;
mod properties;
mod published_days;
mod queries;
mod records;
mod rejections;
mod repo;
mod requests;
mod restoration;
mod rules;
mod settlement_day;
mod world;
