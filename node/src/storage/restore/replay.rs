//! The records of a backup, with the entries behind it applied, and the cut that
//! makes them another cluster's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openraft::impls::EmptyNode;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use prost::bytes::Bytes;
use registry_ledger::journal::SealedEvent;
use registry_ledger::{CutOff, Ledger, RULES_KNOWN, Restoration};
use registry_proto::storage::{AppliedMark, LogBatch};
use rocksdb::DB;
use rocksdb::checkpoint::Checkpoint;

use super::backup::Backup;
use super::{RestoreError, RestorePlan, damaged};
use crate::raft::TERM_STEP;
use crate::raft::rules::{self, Met};
use crate::raft::state_machine::apply_commands;
use crate::raft::types::{Entry, EntryContent, LeaderId, LogId, Membership, StoredMembership};
use crate::raft::wire;
use crate::storage::ledger_records::{LedgerWrite, MARK_FORMAT, flush, load, open_database, write};
use crate::storage::{SnapshotShelf, StorageError, io_error, sync_folder};

/// Changed records that are written together.
const WRITE_RECORDS: usize = 500_000;
/// And events.
const WRITE_EVENTS: usize = 100_000;

/// Records that entries are applied to.
pub(super) struct Replay {
    folder: PathBuf,
    db: DB,
    ledger: Ledger,
    events: Vec<Arc<SealedEvent>>,
    last_applied: LogId,
    membership: StoredMembership,
}

/// A ledger that is of no cluster any more.
pub(super) struct Cut {
    pub(super) restoration: Restoration,
    /// The entry that the restored log begins behind.
    pub(super) begins: LogId,
    pub(super) state_digest: [u8; 32],
}

impl Replay {
    /// Copies the records and reads all of them: they are those of the mark.
    pub(super) fn begin(
        backup: &Backup,
        into: &Path,
        last_applied: LogId,
    ) -> Result<Self, RestoreError> {
        fs::create_dir_all(into).map_err(|e| io_error("create", into, e))?;
        for name in backup.record_files() {
            let (from, to) = (backup.folder.join(name), into.join(name));
            fs::copy(&from, &to).map_err(|e| io_error("copy", &from, e))?;
        }
        let db = open_database(into)?;
        let opened = load(&db)?;
        if opened.mark != backup.mark {
            let why = "its records are not those that its manifest tells of";
            return Err(damaged(&backup.folder, why));
        }
        rules::check(&opened.ledger, RULES_KNOWN, Met::Ledger)?;
        Ok(Self {
            folder: into.to_owned(),
            db,
            ledger: opened.ledger,
            events: Vec::new(),
            last_applied,
            membership: StoredMembership::default(),
        })
    }

    pub(super) fn last_applied(&self) -> &LogId {
        &self.last_applied
    }

    /// Applies one entry as every node did.
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), RestoreError> {
        if let EntryContent::Normal(payload) = &entry.payload {
            let batch = LogBatch::decode(Bytes::clone(&payload.0)).map_err(|e| {
                let what = format!("log entry {}", entry.log_id);
                StorageError::Corrupt { what, why: e.to_string() }
            })?;
            // Answers are in the ledger; whoever asks again gets them there.
            apply_commands(&mut self.ledger, &entry.log_id, &batch, RULES_KNOWN)?;
            self.seal();
        }
        self.last_applied = entry.log_id;
        if self.ledger.changed_records() >= WRITE_RECORDS || self.events.len() >= WRITE_EVENTS {
            self.write()?;
        }
        Ok(())
    }

    fn seal(&mut self) {
        self.ledger.seal();
        self.events.extend(self.ledger.take_events().into_iter().map(Arc::new));
    }

    fn mark(&self) -> AppliedMark {
        AppliedMark {
            format: MARK_FORMAT,
            last_applied: Some(wire::log_id_out(&self.last_applied)),
            membership: Some(wire::stored_membership_out(&self.membership)),
            state_digest: Bytes::copy_from_slice(&self.ledger.state_digest().0),
            answers_digest: Bytes::copy_from_slice(&self.ledger.answers_digest().0),
        }
    }

    fn write(&mut self) -> Result<(), StorageError> {
        let changes = self.ledger.take_changes();
        let events = std::mem::take(&mut self.events);
        write(&self.db, &LedgerWrite { changes, events, mark: self.mark() })
    }

    /// Makes the ledger that of a cluster that is still to be founded, by one node,
    /// and puts a snapshot of it on the shelf.
    pub(super) fn cut_off(
        mut self,
        plan: &RestorePlan<'_>,
        shelf: &SnapshotShelf,
    ) -> Result<Cut, RestoreError> {
        let LogId { leader_id, index } = self.last_applied;
        let cut = CutOff {
            cluster_id: plan.cluster_id.to_owned(),
            log_index: index,
            term: leader_id.term,
            cut_log_index: index + 1,
            at: plan.now,
            actor: format!("node/{}", plan.node_id),
        };
        let restoration = self.ledger.cut_off(&cut).map_err(RestoreError::Refused)?;
        self.seal();
        let leader_id = LeaderId::new(leader_id.term + TERM_STEP, plan.node_id);
        let begins = LogId { leader_id, index: index + 1 };
        self.last_applied = begins;
        self.membership = StoredMembership::new(Some(begins), alone(plan.node_id)?);
        self.write()?;
        flush(&self.db)?;
        let staging = shelf.staging("restored")?;
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(&staging))
            .map_err(StorageError::rocks("make a checkpoint"))?;
        shelf.publish(&staging, self.mark())?;
        let state_digest = self.ledger.state_digest().0;
        drop(self.db);
        sync_files(&self.folder)?;
        Ok(Cut { restoration, begins, state_digest })
    }
}

/// The node that has the folder votes, and nobody else.
fn alone(node_id: u64) -> Result<Membership, StorageError> {
    let nodes = BTreeMap::from([(node_id, EmptyNode {})]);
    Membership::new(vec![BTreeSet::from([node_id])], nodes)
        .map_err(|e| StorageError::Corrupt { what: "the membership".into(), why: e.to_string() })
}

fn sync_files(folder: &Path) -> Result<(), StorageError> {
    for item in fs::read_dir(folder).map_err(|e| io_error("list", folder, e))? {
        let path = item.map_err(|e| io_error("list", folder, e))?.path();
        let synced = fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|e| io_error("sync", &path, e))?;
    }
    sync_folder(folder)
}
