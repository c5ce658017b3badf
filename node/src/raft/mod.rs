//! Consensus: one log in both cities. The rest of the node proposes commands,
//! asks for read barriers and looks at the applied ledger; only this module
//! and `storage` know the consensus library.

mod admission;
mod backup;
mod batcher;
mod bootstrap;
mod clock;
#[cfg(test)]
pub(crate) mod cluster_tests;
mod consensus;
mod copy;
mod directory;
mod due;
mod freshness;
mod handover;
mod leadership;
mod log_purge;
mod membership;
mod network;
mod peer_service;
mod placement;
mod protocol;
mod read_gate;
mod reconcile;
mod recovery;
mod replica;
pub(crate) mod rules;
mod snapshot_pace;
mod snapshot_receive;
mod snapshot_send;
mod snapshot_trigger;
mod start;
pub(crate) mod state_machine;
pub(crate) mod types;
mod view;
pub(crate) mod wire;

pub(crate) use admission::NotMet;
pub(crate) use backup::{BackupCopy, ExportError};
pub(crate) use bootstrap::BootstrapError;
pub(crate) use clock::now_ms;
pub(crate) use consensus::{Consensus, RaftStatus, Unavailable};
pub(crate) use copy::StoredCopy;
pub(crate) use directory::Directory;
pub(crate) use handover::NotHandedOver;
pub(crate) use recovery::{Closed, NotRecovered, TERM_STEP};
pub(crate) use replica::Replica;
pub(crate) use rules::LaterRules;
pub(crate) use start::start;
pub(crate) use view::LedgerView;
