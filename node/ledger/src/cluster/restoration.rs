//! A registry made of another one's backup: what it says of itself, and how it is
//! cut off from the cluster that it is a copy of.
//!
//! Until a cluster is founded on it, it refuses everything, as before any genesis.

use crate::cluster::topology::Topology;
use crate::codec::{Problem, Reader, Writer};
use crate::command::Genesis;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::records::{FORMAT, RecordKey};
use crate::rejection::{Reason, Rejection};
use crate::stored::{Stored, stored_struct};
use crate::text;
use crate::types::LedgerTime;

/// What a registry was made of. It stays for ever, as the event does that tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// The cluster that may be founded on it, and no other.
    pub cluster_id: String,
    /// The cluster that was copied.
    pub source_cluster_id: String,
    /// Its recovery epoch.
    pub source_recovery_epoch: u64,
    /// The last log entry that was taken over.
    pub log_index: u64,
    /// Its term.
    pub term: u64,
    /// Of the source, right behind that entry.
    pub state_digest: [u8; 32],
    /// Events of the source.
    pub events: u64,
    /// Root of the tree over them.
    pub root_sha256: [u8; 32],
    /// Version of the rules that were in force.
    pub rules_version: u32,
    /// Every cluster that this ledger was of before, the first one first.
    pub former_cluster_ids: Vec<String>,
}

stored_struct!(Restoration: cluster_id, source_cluster_id, source_recovery_epoch, log_index, term,
    state_digest, events, root_sha256, rules_version, former_cluster_ids);

/// Where and when a ledger is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The cluster that is to be founded on it.
    pub cluster_id: String,
    /// The last log entry that is applied.
    pub log_index: u64,
    /// Its term.
    pub term: u64,
    /// The log index of the cut itself.
    pub cut_log_index: u64,
    /// The clock.
    pub at: LedgerTime,
    /// Who does it, e.g. `node/11`.
    pub actor: String,
}

impl Ledger {
    /// What this registry was made of; none for one that was never restored.
    #[must_use]
    pub fn restoration(&self) -> Option<&Restoration> {
        self.restoration.as_ref()
    }

    /// Cuts the ledger off from its cluster, whose name it keeps. What it holds, its
    /// answers and its events stay; nothing of the cluster itself does.
    ///
    /// # Errors
    /// When there is no cluster to be cut off from, or the name of the next one is
    /// that of one before.
    pub fn cut_off(&mut self, cut: &CutOff) -> Result<Restoration, Rejection> {
        let (Some(genesis), Some(topology)) = (&self.genesis, &self.topology) else {
            let message = "the copy is of a registry that no cluster was founded on";
            return Err(Rejection::new(Reason::NotBootstrapped, "", message));
        };
        text::check_line(&cut.cluster_id, "cluster_id")?;
        let mut former_cluster_ids =
            self.restoration.as_ref().map(|of| of.former_cluster_ids.clone()).unwrap_or_default();
        former_cluster_ids.push(genesis.cluster_id.clone());
        if former_cluster_ids.contains(&cut.cluster_id) {
            let message = format!(
                "{} was the name of this registry's cluster before; its nodes may live: give the new cluster an id that was never used",
                cut.cluster_id
            );
            return Err(Rejection::new(Reason::AlreadyBootstrapped, "cluster_id", message));
        }
        let restoration = Restoration {
            cluster_id: cut.cluster_id.clone(),
            source_cluster_id: genesis.cluster_id.clone(),
            source_recovery_epoch: topology.recovery_epoch,
            log_index: cut.log_index,
            term: cut.term,
            state_digest: self.state_digest().0,
            events: self.journal().leaves(),
            root_sha256: self.journal().root(),
            rules_version: topology.rules_version,
            former_cluster_ids,
        };
        self.advance_time(cut.at);
        for record in [RecordKey::Genesis, RecordKey::Topology, RecordKey::Restoration] {
            self.touch(record);
        }
        (self.genesis, self.topology) = (None, None);
        self.restoration = Some(restoration.clone());
        self.attribute_events_to(&cut.actor, cut.cut_log_index);
        let what = What::Restored {
            source_cluster_id: restoration.source_cluster_id.clone(),
            source_recovery_epoch: restoration.source_recovery_epoch,
            log_index: restoration.log_index,
            term: restoration.term,
            state_digest: restoration.state_digest,
            root_sha256: restoration.root_sha256,
            cluster_id: restoration.cluster_id.clone(),
        };
        self.record(what, Vec::new());
        Ok(restoration)
    }

    /// The record of a cluster that is founded now: as its genesis says, with the
    /// rules that were in force before.
    ///
    /// # Errors
    /// When the registry was restored for another cluster.
    pub(crate) fn founded_topology(&self, genesis: &Genesis) -> Result<Topology, Rejection> {
        let mut topology = Topology::founded(genesis);
        if let Some(restoration) = &self.restoration {
            if restoration.cluster_id != genesis.cluster_id {
                let message = format!(
                    "this registry was restored for cluster {}; {} cannot be founded on it",
                    restoration.cluster_id, genesis.cluster_id
                );
                return Err(Rejection::new(Reason::LayoutForbids, "cluster_id", message));
            }
            topology.rules_version = restoration.rules_version;
        }
        Ok(topology)
    }

    pub(crate) fn write_restoration(&self, writer: &mut Writer) -> Option<()> {
        let restoration = self.restoration.as_ref()?;
        writer.u8(FORMAT);
        restoration.write(writer);
        Some(())
    }

    pub(crate) fn load_restoration(&mut self, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        self.restoration = Some(Stored::read(&mut reader)?);
        reader.finish()
    }
}
