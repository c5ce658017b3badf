//! Rules that came after this program: a node stops before it applies anything by
//! them, because it would come to another state than the others.

use std::fmt;

use registry_ledger::Ledger;

/// The ledger goes on by rules that this program does not know. Nothing is lost:
/// the node goes on where it stopped, once it is a later program.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{met} version {version} of the rules; this program ({}) applies versions up to {known}, so \
     the node stops before it applies anything by the others. Nothing of it is lost or damaged: \
     install the program that the other nodes run (`registryctl cluster status --wide` \
     names each node's version and the rules that it knows) and start the node again with the \
     same data folder; do not wipe it",
    env!("CARGO_PKG_VERSION")
)]
pub(crate) struct LaterRules {
    met: Met,
    version: u32,
    known: u32,
}

/// Where later rules were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// A command puts them in force.
    Entry { log_index: u64 },
    /// The records of this node's own, or of a copy.
    Ledger,
    /// A snapshot that another node sent.
    Snapshot { log_index: u64 },
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { log_index } => write!(f, "log entry {log_index} puts in force"),
            Self::Ledger => write!(f, "the ledger in the data folder goes by"),
            Self::Snapshot { log_index } => {
                write!(f, "the snapshot at log index {log_index} that arrived goes by")
            }
        }
    }
}

impl LaterRules {
    pub(super) fn new(met: Met, version: u32, known: u32) -> Self {
        Self { met, version, known }
    }
}

/// Refuses a ledger whose rules in force came after those that are known.
pub(crate) fn check(ledger: &Ledger, known: u32, met: Met) -> Result<(), LaterRules> {
    match ledger.rules_version() {
        version if version > known => Err(LaterRules::new(met, version, known)),
        _ => Ok(()),
    }
}
