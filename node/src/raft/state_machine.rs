//! Feeds committed entries to the ledger and keeps its records on disk; no rules here.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use prost::Message as _;
use registry_ledger::{Answer, Entry, Genesis, Ledger, LedgerTime, RULES_KNOWN, Topology};
use registry_proto::storage::log_command::Command;
use registry_proto::storage::{AppliedMark, LogBatch, LogCommand};
use tokio::sync::{RwLock, watch};
use tokio::task::block_in_place;

use super::rules::{self, LaterRules, Met};
use super::types::{
    EntryContent, LogId, Payload, Snapshot, SnapshotMeta, StoredMembership, TypeConfig,
};
use super::view::LedgerView;
use super::wire;
use crate::storage::{
    Journal, LedgerStore, LedgerWrite, MARK_FORMAT, OpenedLedger, SnapshotFolder, SnapshotShelf,
    StorageError, Underway,
};

/// Format of [`LogBatch`] that this version writes and reads.
pub(crate) const BATCH_FORMAT: u32 = 1;
/// Changed records are handed to the disk at this number or age, whichever
/// comes first: a record that changes often is written once per handover.
const HANDOVER_RECORDS: usize = 1_000_000;
const HANDOVER_AGE: Duration = Duration::from_millis(500);
/// Many records become a file of their own; fewer and larger ones need less
/// merging. It is also the work that a node repeats after a crash.
const HANDOVER_AGE_OF_MANY: Duration = Duration::from_secs(3);
/// With so many waiting, applying waits for the disk instead of filling the memory.
const BACKLOG_RECORDS: usize = 2 * HANDOVER_RECORDS;

/// What the rest of the node sees of the applied state.
pub(crate) struct Applied {
    /// Held for as long as an entry takes to apply, which may be seconds:
    /// whoever waits for it must leave the thread to others meanwhile.
    pub(crate) view: RwLock<LedgerView>,
    /// What this cluster is, once known; consensus does not wait for the view.
    pub(crate) genesis: OnceLock<Genesis>,
    /// The cluster's record; none before the genesis.
    pub(crate) topology: watch::Sender<Option<Arc<Topology>>>,
    /// Every event of what is applied.
    pub(crate) journal: Journal,
    /// Last applied log index.
    pub(crate) index: watch::Sender<u64>,
    pub(crate) commands: AtomicU64,
    pub(crate) snapshots_installed: AtomicU64,
    /// Why nothing more is applied here.
    pub(crate) stopped: OnceLock<LaterRules>,
}

impl Applied {
    /// Lets others know what the cluster is.
    fn note_cluster(&self, ledger: &Ledger) {
        if let Some(genesis) = ledger.genesis() {
            self.genesis.get_or_init(|| genesis.clone());
        }
        self.topology.send_if_modified(|known| {
            let same = match (&*known, ledger.topology()) {
                (Some(known), Some(topology)) => Arc::ptr_eq(known, topology),
                (known, topology) => known.is_none() && topology.is_none(),
            };
            if !same {
                *known = ledger.topology().cloned();
            }
            !same
        });
    }
}

/// The replicated ledger of this node.
#[derive(Clone)]
pub(crate) struct StateMachine {
    applied: Arc<Applied>,
    store: LedgerStore,
    shelf: SnapshotShelf,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    handed_over: Instant,
    /// Newest version of the rules that this node applies.
    rules_known: u32,
}

impl StateMachine {
    /// Takes over the ledger as loaded from disk.
    pub(crate) fn new(
        opened: OpenedLedger,
        store: LedgerStore,
        shelf: SnapshotShelf,
    ) -> Result<(Self, Arc<Applied>), StorageError> {
        let (last_applied, membership) = read_mark(&opened.mark)?;
        let (term, log_index) = position(last_applied.as_ref());
        let applied = Arc::new(Applied {
            genesis: opened.ledger.genesis().cloned().map_or_else(OnceLock::new, OnceLock::from),
            topology: watch::Sender::new(opened.ledger.topology().cloned()),
            journal: store.journal().clone(),
            view: RwLock::new(LedgerView::new(opened.ledger, term, log_index)),
            index: watch::Sender::new(log_index),
            commands: AtomicU64::new(0),
            snapshots_installed: AtomicU64::new(0),
            stopped: OnceLock::new(),
        });
        let machine = Self {
            applied: applied.clone(),
            store,
            shelf,
            last_applied,
            membership,
            handed_over: Instant::now(),
            rules_known: RULES_KNOWN,
        };
        Ok((machine, applied))
    }

    /// Applies no rules after this version, as an earlier program would.
    pub(crate) fn with_rules_up_to(self, rules_known: u32) -> Self {
        Self { rules_known, ..self }
    }

    /// The mark of this state of the ledger.
    fn mark(&self, ledger: &Ledger) -> AppliedMark {
        AppliedMark {
            format: MARK_FORMAT,
            last_applied: self.last_applied.as_ref().map(wire::log_id_out),
            membership: Some(wire::stored_membership_out(&self.membership)),
            state_digest: Bytes::copy_from_slice(&ledger.state_digest().0),
            answers_digest: Bytes::copy_from_slice(&ledger.answers_digest().0),
        }
    }

    async fn apply_batch(&mut self, log_id: &LogId, payload: &Payload) -> io::Result<Vec<Answer>> {
        let batch = LogBatch::decode(payload.0.clone())
            .map_err(|e| io::Error::other(format!("log entry {log_id} does not decode: {e}")))?;
        if batch.format != BATCH_FORMAT {
            return Err(io::Error::other(format!(
                "log entry {log_id} has format {}, this version reads {BATCH_FORMAT}: upgrade this node",
                batch.format
            )));
        }
        let mut view = self.applied.view.write().await;
        let (ledger, known) = (&mut view.ledger, self.rules_known);
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let mut apply = || (apply_commands(ledger, log_id, &batch, known), ledger.seal());
            if batch.commands.iter().any(takes_long) { block_in_place(apply) } else { apply() }
        }));
        let Ok((answers, sealed)) = applied else {
            // Half of an entry may be applied, and readers wait for this lock.
            tracing::error!(%log_id, "the ledger panicked; stopping this node");
            std::process::abort();
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(later) => {
                // Commands before it in the entry may be applied: nobody may see that.
                std::mem::forget(view);
                return Err(self.stop(later));
            }
        };
        view.advance(log_id.leader_id.term, log_id.index, sealed.state_digest);
        self.store.journal().append(view.ledger.take_events());
        self.applied.note_cluster(&view.ledger);
        drop(view);
        self.applied.commands.fetch_add(answers.len() as u64, Ordering::Relaxed);
        Ok(answers)
    }

    /// Notes why nothing more is applied here.
    fn stop(&self, later: LaterRules) -> io::Error {
        let error = io::Error::other(later.clone());
        // Only the first reason counts.
        let _ = self.applied.stopped.set(later);
        error
    }

    async fn hand_over(&mut self) -> Result<(), StorageError> {
        let records = self.applied.view.read().await.ledger.changed_records();
        let waiting = records.saturating_add(self.store.journal().waiting());
        let many = waiting >= LedgerStore::MANY_RECORDS;
        let age = if many { HANDOVER_AGE_OF_MANY } else { HANDOVER_AGE };
        let due = waiting >= HANDOVER_RECORDS || self.handed_over.elapsed() >= age;
        if !due || (waiting < BACKLOG_RECORDS && !self.store.has_room()) {
            return Ok(());
        }
        let changed = self.take_changes().await;
        self.store.write(changed).await
    }

    /// What changed since the last handover, with the mark of what it leads to.
    async fn take_changes(&mut self) -> LedgerWrite {
        self.handed_over = Instant::now();
        let mut view = self.applied.view.write().await;
        let ledger = &mut view.ledger;
        let changes = match ledger.changed_records() {
            few if few < LedgerStore::MANY_RECORDS => ledger.take_changes(),
            _ => block_in_place(|| ledger.take_changes()),
        };
        let (events, mark) = (self.store.journal().hand_over(), self.mark(ledger));
        LedgerWrite { changes, events, mark }
    }

    /// Writes everything that is applied to disk, for a clean stop. Nothing
    /// else may be applied before it resolves.
    pub(crate) fn flush(
        &mut self,
    ) -> impl Future<Output = Result<(), StorageError>> + Send + use<> {
        let mut machine = self.clone();
        async move {
            let changed = machine.take_changes().await;
            machine.store.flush(changed).await?.finished().await
        }
    }

    /// Queues a checkpoint of exactly this state for a backup, as one for a
    /// snapshot is. Nothing else may be applied before it resolves.
    pub(crate) fn start_backup(
        &mut self,
        staging: PathBuf,
    ) -> impl Future<Output = Result<BackupCheckpoint, StorageError>> + Send + use<> {
        let mut machine = self.clone();
        async move {
            let changed = machine.take_changes().await;
            let mark = changed.mark.clone();
            let (ledger_time, event_count, root_sha256) = {
                let ledger = &machine.applied.view.read().await.ledger;
                let journal = ledger.journal();
                (ledger.ledger_time(), journal.leaves(), journal.root())
            };
            let made = machine.store.checkpoint(changed, staging).await?;
            let shelf = machine.shelf;
            Ok(BackupCheckpoint { mark, ledger_time, event_count, root_sha256, made, shelf })
        }
    }
}

/// A checkpoint for a backup, under way, and what its ledger is.
pub(crate) struct BackupCheckpoint {
    pub(crate) mark: AppliedMark,
    pub(crate) ledger_time: LedgerTime,
    pub(crate) event_count: u64,
    pub(crate) root_sha256: [u8; 32],
    pub(crate) made: Underway<()>,
    /// Where a snapshot may lie that has tables of it.
    pub(crate) shelf: SnapshotShelf,
}

/// Applies the commands of one log entry, as every node does; stops before a command
/// that puts rules in force that are not known.
pub(crate) fn apply_commands(
    ledger: &mut Ledger,
    log_id: &LogId,
    batch: &LogBatch,
    rules_known: u32,
) -> Result<Vec<Answer>, LaterRules> {
    let proposed_at = LedgerTime(batch.proposed_at_ms);
    let (term, log_index) = (log_id.leader_id.term, log_id.index);
    let apply = |command: &LogCommand| match crate::decode::decode_command(command) {
        Ok((request, decoded)) => {
            let activates = decoded.rules_to_activate().is_some();
            let actor = command.actor.clone();
            let entry = Entry { term, log_index, proposed_at, actor, request, command: decoded };
            if activates
                && let Some(version) = ledger.rules_started_by(&entry)
                && version > rules_known
            {
                return Err(LaterRules::new(Met::Entry { log_index }, version, rules_known));
            }
            Ok(ledger.apply(&entry))
        }
        // The services refuse these before they are proposed; a log from
        // elsewhere gets the same answer on every node.
        Err(rejection) => {
            let ledger_time = ledger.ledger_time();
            Ok(Answer { term, log_index, ledger_time, outcome: Err(rejection) })
        }
    };
    batch.commands.iter().map(apply).collect()
}

/// Whether the work grows with the accounts of the market, with the trades of
/// the day, or with what one command may hold: other tasks must not wait behind
/// it on this thread.
fn takes_long(command: &LogCommand) -> bool {
    matches!(
        command.command,
        Some(
            Command::Propose(_)
                | Command::Approve(_)
                | Command::OpenDay(_)
                | Command::SubmitManifest(_)
                | Command::ClearDay(_)
                | Command::ConfirmClearing(_)
                | Command::AmendTrade(_)
                | Command::DeliverTrades(_)
                | Command::IssueStatements(_)
                | Command::FinalizeDay(_)
                | Command::OpenInclusiveAccounts(_)
                | Command::CreditInclusive(_)
        )
    )
}

/// Work that would hold up the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

pub(super) fn position(last_applied: Option<&LogId>) -> (u64, u64) {
    last_applied.map_or((0, 0), |id| (id.leader_id.term, id.index))
}

pub(crate) fn read_mark(
    mark: &AppliedMark,
) -> Result<(Option<LogId>, StoredMembership), StorageError> {
    let corrupt = |e: wire::Malformed| StorageError::Corrupt {
        what: "the ledger mark".into(),
        why: e.to_string(),
    };
    let last = mark.last_applied.map(wire::log_id_in).transpose().map_err(corrupt)?;
    let membership = wire::stored_membership_in(mark.membership.clone()).map_err(corrupt)?;
    Ok((last, membership))
}

fn meta_of(folder: &SnapshotFolder) -> Result<SnapshotMeta, StorageError> {
    let (last_log_id, last_membership) = read_mark(&folder.mark)?;
    Ok(SnapshotMeta { last_log_id, last_membership })
}

/// A snapshot folder as the consensus library passes it around.
pub(crate) fn as_snapshot(folder: SnapshotFolder) -> Result<Snapshot, StorageError> {
    Ok(Snapshot { meta: meta_of(&folder)?, snapshot: folder })
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotFolder;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let log_id = entry.log_id;
            let answers = match &entry.payload {
                EntryContent::Normal(payload) => self.apply_batch(&log_id, payload).await?,
                EntryContent::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(log_id), membership.clone());
                    self.advance_only(&log_id).await;
                    Vec::new()
                }
                EntryContent::Blank => {
                    self.advance_only(&log_id).await;
                    Vec::new()
                }
            };
            self.last_applied = Some(log_id);
            self.applied.index.send_replace(log_id.index);
            if let Some(responder) = responder {
                responder.send(answers);
            }
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let staging = self.shelf.staging("own");
        // Changes are taken only when they are sure to be written.
        let (mark, checkpoint) = match staging {
            Err(error) => (self.mark(&self.applied.view.read().await.ledger), Err(error)),
            Ok(staging) => {
                let changed = self.take_changes().await;
                (changed.mark.clone(), self.start_checkpoint(staging, changed).await)
            }
        };
        SnapshotBuilder { shelf: self.shelf.clone(), mark, checkpoint: Some(checkpoint) }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotFolder,
    ) -> io::Result<()> {
        // Nothing of this node's own goes before all of the snapshot was read.
        let prepared = self.store.prepare_replacement(snapshot.path.clone()).await?;
        let opened = prepared.finished().await?;
        let (last_applied, membership) = read_mark(&opened.mark)?;
        let met = Met::Snapshot { log_index: position(last_applied.as_ref()).1 };
        rules::check(&opened.ledger, self.rules_known, met).map_err(|later| self.stop(later))?;
        if last_applied != meta.last_log_id {
            return Err(io::Error::other(format!(
                "snapshot {} does not reflect {:?}",
                meta.last_log_id.as_ref().map_or(0, |id| id.index),
                meta.last_log_id
            )));
        }
        let shelf = self.shelf.clone();
        blocking(move || shelf.shelve(&snapshot.path)).await??;
        let last_event = opened.ledger.journal().leaves();
        self.store.replace(last_event).await?.finished().await?;
        self.last_applied = last_applied;
        self.membership = membership;
        let (term, log_index) = position(last_applied.as_ref());
        let view = LedgerView::new(opened.ledger, term, log_index);
        self.applied.note_cluster(&view.ledger);
        let old = std::mem::replace(&mut *self.applied.view.write().await, view);
        // Readers do not wait while its memory is given back.
        blocking(move || drop(old)).await?;
        self.applied.index.send_replace(log_index);
        self.applied.snapshots_installed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(self.shelf.latest()?.map(as_snapshot).transpose()?)
    }
}

impl StateMachine {
    /// An entry without commands changes nothing but the position.
    async fn advance_only(&self, log_id: &LogId) {
        let mut view = self.applied.view.write().await;
        let digest = view.digest;
        view.advance(log_id.leader_id.term, log_id.index, digest);
    }

    async fn start_checkpoint(
        &self,
        staging: PathBuf,
        changed: LedgerWrite,
    ) -> Result<Checkpoint, StorageError> {
        let made = self.store.checkpoint(changed, staging.clone()).await?;
        Ok(Checkpoint { staging, made })
    }
}

/// A checkpoint that the ledger's writer makes in a staging folder.
struct Checkpoint {
    staging: PathBuf,
    made: Underway<()>,
}

/// Waits for the checkpoint that was queued when it was made, and shelves it.
pub(crate) struct SnapshotBuilder {
    shelf: SnapshotShelf,
    mark: AppliedMark,
    checkpoint: Option<Result<Checkpoint, StorageError>>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotFolder;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let Checkpoint { staging, made } = self
            .checkpoint
            .take()
            .ok_or_else(|| io::Error::other("a snapshot builder builds once"))??;
        made.finished().await?;
        let shelf = self.shelf.clone();
        let mark = self.mark.clone();
        // Hashing and syncing files would hold up the runtime.
        let folder = blocking(move || shelf.publish(&staging, mark)).await??;
        Ok(as_snapshot(folder)?)
    }
}
