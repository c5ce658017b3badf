//! TigerBeetle: three replicas, a trade as two linked transfers.
//!
//! Only with the feature of the same name, because its client library is
//! compiled with zig: see `tigerbeetle-setup`.

#[cfg(not(feature = "tigerbeetle"))]
mod absent;
#[cfg(feature = "tigerbeetle")]
mod cluster;
#[cfg(feature = "tigerbeetle")]
mod ledger;
#[cfg(feature = "tigerbeetle")]
mod transfers;

use std::path::PathBuf;

#[cfg(not(feature = "tigerbeetle"))]
pub(crate) use absent::{Cluster, run};
#[cfg(feature = "tigerbeetle")]
pub(crate) use cluster::{Cluster, run};

/// Where TigerBeetle is.
#[derive(clap::Args, Clone, Debug)]
#[cfg_attr(not(feature = "tigerbeetle"), allow(dead_code, reason = "only the feature reads them"))]
pub(crate) struct Location {
    /// TigerBeetle's server program, to start three replicas of.
    #[arg(long, value_name = "PROGRAM", env = "REGISTRY_TIGERBEETLE")]
    tigerbeetle_server: Option<PathBuf>,
    /// A TigerBeetle cluster that runs already, as 127.0.0.1:3001,127.0.0.1:3002,...
    #[arg(long, value_name = "ADDRESSES")]
    tigerbeetle_addresses: Option<String>,
    /// Its cluster id.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    tigerbeetle_cluster_id: u128,
    /// The process ids of its replicas; without them their processor time is not known.
    #[arg(long, value_name = "PIDS", value_delimiter = ',')]
    tigerbeetle_pids: Vec<u32>,
}
