//! Messages as records: the same keys in tables and JSON.

pub(crate) mod account;
pub(crate) mod cash;
pub(crate) mod cluster;
pub(crate) mod compliance;
pub(crate) mod day;
pub(crate) mod event;
mod event_pledge;
pub(crate) mod inclusive;
pub(crate) mod market;
pub(crate) mod pledge;
pub(crate) mod proposal;
pub(crate) mod query;
pub(crate) mod repo;

use registry_client::proto::Stamp;

use crate::output::Record;

/// Where and when an answer holds.
pub(crate) fn stamp(stamp: Option<Stamp>) -> Record {
    let stamp = stamp.unwrap_or_default();
    let record = Record::default()
        .with("term", stamp.term)
        .with("log_index", stamp.log_index)
        .with("ledger_time_ms", stamp.ledger_time_ms)
        .with("served_by_node", stamp.served_by_node)
        .with("stale", stamp.stale);
    let record = match (stamp.stale, stamp.stale_ms) {
        (false, _) => record,
        (true, ..0) => record.with_words("stale_ms", -1, "of unknown age".to_owned()),
        (true, ms) => record.with("stale_ms", ms),
    };
    match stamp.one_city {
        false => record,
        true => record.with_words(
            "one_city",
            true,
            "DURABLE IN ONE CITY ONLY, see `registryctl cluster status`".to_owned(),
        ),
    }
}

/// Where the next page begins.
pub(crate) fn next(name: &'static str, after: u64) -> Record {
    Record::default().with(name, after)
}

/// An enum's name on the wire without its prefix.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}
