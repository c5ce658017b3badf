//! Real processes under faults: clusters of `registry-node` processes, the
//! emulated links between them, and the work that is sent to them.
//!
//! In reading order: [`cluster`] starts, stops and measures node processes,
//! [`link`] is the wide-area network between the cities, [`wait`] the one way
//! to wait; [`market`] makes loads of any size, [`day`] takes them through a
//! settlement day step by step, [`books`] works out what a day must leave
//! behind, [`sample_day`] does so for a published day; [`latency`] makes figures of
//! waiting times, [`scratch`] says where a test's files go; [`persons`] makes those of an
//! inclusive platform, [`probe`] is a client that notes how long the service was gone, [`year`] ends a compliance year, [`beijing`] says what day it is; [`model`] is the naive
//! ledger that the real one is compared with.

pub mod beijing;
pub mod books;
pub mod cluster;
pub mod day;
pub mod latency;
pub mod link;
pub mod market;
pub mod model;
pub mod persons;
pub mod pledging;
pub mod probe;
pub mod sample_day;
pub mod scratch;
pub mod wait;
pub mod year;
