//! A data folder made of a backup and an archive: it has what the source had at that
//! log position, it is of no cluster yet, and what does not fit together is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use openraft::StorageHelper;
use openraft::storage::RaftStateMachine as _;
use prost::Message as _;
use registry_client::backup::archive::ArchiveWriter;
use registry_ledger::Ledger;
use registry_proto::peer;
use registry_proto::registry::{BackupManifest, OpenBankRequest, SignedDocument};
use registry_proto::storage::log_command::Command;
use registry_proto::storage::{City, Genesis, LogBatch, LogCommand, Member};
use tempfile::TempDir;

use super::*;
use crate::raft::TERM_STEP;
use crate::raft::state_machine::{BATCH_FORMAT, StateMachine};
use crate::raft::types::{Entry, EntryContent, Payload};
use crate::raft::wire;
use crate::storage::ledger_records::{load, open_database};
use crate::storage::tests::{log_id, open_machine};
use crate::storage::{BackupShelf, LogStore, MARK_FORMAT, SNAPSHOT_FORMAT, StorageThreads};

const CLUSTER: &str = "test";
/// The one that is founded on it.
const NEW_CLUSTER: &str = "restored";
const NODE: u64 = 31;
const NOW: LedgerTime = LedgerTime(1_639_700_000_000);
/// Small, so that an archive has several segments.
const SEGMENT_BYTES: u64 = 300;
/// Last entry of the backup, and of the archive.
const BACKUP_END: u64 = 6;
const ARCHIVE_END: u64 = 12;

fn command(index: u64) -> LogCommand {
    let member = Member { node_id: 11, storage_id: vec![7; 16].into() };
    let command = match index {
        1 => Command::Genesis(Genesis {
            cluster_id: CLUSTER.to_owned(),
            layout: "single-city".to_owned(),
            cities: vec![City { name: "shanghai".to_owned(), members: vec![member] }],
        }),
        _ => Command::OpenBank(OpenBankRequest {
            request_id: format!("bank-{index}"),
            bank_id: 100 + u32::try_from(index).expect("a small index"),
            name: "Bank".to_owned(),
        }),
    };
    let actor = if index == 1 { "operator/1" } else { "registry/officer-1" };
    LogCommand { actor: actor.to_owned(), command: Some(command) }
}

fn entry_of_format(index: u64, format: u32) -> Entry {
    let payload = match index {
        0 => EntryContent::Membership(
            wire::membership_in(peer::Membership {
                voter_sets: vec![peer::NodeSet { node_ids: vec![11] }],
                node_ids: vec![11],
            })
            .expect("a membership"),
        ),
        5 => EntryContent::Blank,
        _ => {
            let commands = vec![command(index)];
            let batch = LogBatch { format, proposed_at_ms: 1_639_620_000_000, commands };
            EntryContent::Normal(Payload(batch.encode_to_vec().into()))
        }
    };
    Entry { log_id: log_id(3, index), payload }
}

fn entry(index: u64) -> Entry {
    entry_of_format(index, BATCH_FORMAT)
}

async fn apply(machine: &mut StateMachine, indexes: Range<u64>) {
    let entries = indexes.map(|index| Ok((entry(index), None)));
    machine.apply(futures::stream::iter(entries)).await.expect("applies");
}

async fn digest(machine: &mut StateMachine) -> (u64, Bytes) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let taken = machine.start_backup(folder.path().join("unused")).await.expect("queued");
    taken.made.finished().await.expect("made");
    (taken.mark.last_applied.expect("a position").index, taken.mark.state_digest)
}

/// A backup, the archive behind it and an empty place.
struct Kept {
    folder: TempDir,
}

impl Kept {
    async fn new() -> Self {
        let kept = Self { folder: tempfile::tempdir().expect("temporary folder") };
        let mut machine = open_machine(&kept.path("node"));
        apply(&mut machine, 0..BACKUP_END + 1).await;
        let shelf = BackupShelf::open(&kept.path("shelf")).expect("a shelf");
        let staging = shelf.staging().expect("a path");
        let taken = machine.start_backup(staging.clone()).await.expect("queued");
        taken.made.finished().await.expect("made");
        let files = BackupShelf::seal(&staging, taken.mark.clone(), None, CLUSTER).expect("sealed");
        let manifest = BackupManifest {
            format: 1,
            cluster_id: CLUSTER.to_owned(),
            log_index: BACKUP_END,
            term: 3,
            leader_node_id: 11,
            state_digest: taken.mark.state_digest,
            answers_digest: taken.mark.answers_digest,
            snapshot_format: SNAPSHOT_FORMAT,
            store_format: MARK_FORMAT,
            log_format: BATCH_FORMAT,
            files,
            ..Default::default()
        };
        let content = manifest.encode_to_vec().into();
        let document = SignedDocument { content, ..Default::default() };
        shelf.keep(&staging, "backup", &document).expect("kept");
        kept.archive("archive", CLUSTER, (2..ARCHIVE_END + 1).map(entry));
        kept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backup(&self) -> PathBuf {
        self.path("shelf").join("backup")
    }

    fn archive(&self, name: &str, cluster: &str, entries: impl Iterator<Item = Entry>) -> PathBuf {
        let mut entries = entries.peekable();
        let first_index = entries.peek().expect("an entry").log_id.index;
        let folder = self.path(name);
        let created = ArchiveWriter::create(&folder, cluster, 0, first_index, SEGMENT_BYTES);
        let mut writer = created.expect("an empty folder");
        for entry in entries {
            writer.append(&[wire::entry_out(&entry).encode_to_vec()]).expect("added");
        }
        folder
    }

    /// With this archive, up to this entry.
    fn restored(&self, archive: &str, through: Option<u64>) -> Result<Restored, RestoreError> {
        self.restored_for(NEW_CLUSTER, archive, through)
    }

    fn restored_for(
        &self,
        cluster_id: &str,
        archive: &str,
        through: Option<u64>,
    ) -> Result<Restored, RestoreError> {
        let (data_dir, backup) = (self.path("data"), self.backup());
        let archive = self.path(archive);
        restore(&RestorePlan {
            data_dir: &data_dir,
            backup: &backup,
            archive: Some(archive.as_path()).filter(|archive| archive.exists()),
            through_index: through,
            cluster_id,
            node_id: NODE,
            now: NOW,
        })
    }

    /// What it is refused with; nothing is left behind.
    fn refused(&self, archive: &str, through: Option<u64>) -> RestoreError {
        let refused = self.restored(archive, through).expect_err("refused");
        for left in ["data", "data.restoring"] {
            assert!(!self.path(left).exists(), "{refused}: {left} was left");
        }
        refused
    }

    fn change_manifest(&self, change: impl FnOnce(&mut BackupManifest)) {
        let path = self.backup().join("backup.manifest");
        let bytes = fs::read(&path).expect("readable");
        let document = SignedDocument::decode(&bytes[..]).expect("a document");
        let mut manifest = BackupManifest::decode(document.content).expect("a manifest");
        change(&mut manifest);
        let content = manifest.encode_to_vec().into();
        let document = SignedDocument { content, ..Default::default() };
        fs::write(&path, document.encode_to_vec()).expect("written");
    }
}

/// The state of a node that starts in the folder: it votes alone, in a later term.
async fn started(data_dir: &Path, restored: &Restored) -> (u64, Bytes) {
    let threads = StorageThreads::default();
    let mut log = LogStore::open(&data_dir.join("log"), &threads).expect("a log");
    let mut machine = open_machine(data_dir);
    let mut helper = StorageHelper::new(&mut log, &mut machine).with_id(NODE);
    let state = helper.get_initial_state().await.expect("it starts");
    assert_eq!(state.vote_ref().leader_id.term, 3 + TERM_STEP);
    let (last_applied, membership) = machine.applied_state().await.expect("a position");
    assert_eq!(last_applied, Some(restored.begins));
    assert_eq!(membership.voter_ids().collect::<Vec<_>>(), [NODE]);
    let snapshot = machine.get_current_snapshot().await.expect("readable").expect("a snapshot");
    assert_eq!(snapshot.meta.last_log_id, last_applied, "those who join get it whole");
    let found = storage_id::open(data_dir, FoundLog::Filled).expect("an id");
    assert_ne!(found, [7; 16], "no member of the old cluster");
    digest(&mut machine).await
}

/// The ledger in the folder.
fn ledger_in(data_dir: &Path) -> Ledger {
    let folder = data_dir.join("ledger");
    load(&open_database(&folder).expect("a database")).expect("whole").ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_folder_has_all_up_to_the_wanted_entry_and_is_of_no_cluster_yet() {
    let kept = Kept::new().await;
    for (through, end) in
        [(None, ARCHIVE_END), (Some(BACKUP_END), BACKUP_END), (Some(9), 9), (Some(12), 12)]
    {
        let restored = kept.restored("archive", through).expect("restored");
        let expected = tempfile::tempdir().expect("temporary folder");
        let mut machine = open_machine(expected.path());
        apply(&mut machine, 0..end + 1).await;
        let of = &restored.restoration;
        let digests = (end, Bytes::copy_from_slice(&of.state_digest));
        assert_eq!((of.log_index, digests.1.clone()), digests);
        assert_eq!(digest(&mut machine).await, digests, "what the source had there");
        assert_eq!((of.source_cluster_id.as_str(), of.source_recovery_epoch), (CLUSTER, 0));
        assert_eq!((of.cluster_id.as_str(), of.term), (NEW_CLUSTER, 3));
        assert_eq!(of.former_cluster_ids, [CLUSTER]);
        assert_eq!(restored.backup_index + restored.entries, end);
        assert_eq!((restored.begins.index, restored.begins.leader_id.node_id), (end + 1, NODE));
        let state = started(&kept.path("data"), &restored).await;
        assert_eq!(state, (end + 1, Bytes::copy_from_slice(&restored.state_digest)));
        let ledger = ledger_in(&kept.path("data"));
        assert_eq!(ledger.restoration(), Some(of));
        assert!(ledger.genesis().is_none() && ledger.topology().is_none());
        // Again, now that something is there.
        let refused = kept.restored("archive", through).expect_err("not empty");
        assert!(matches!(refused, RestoreError::NotEmpty(_)), "{refused}");
        fs::rename(kept.path("data"), kept.path(&format!("data-{through:?}"))).expect("moved");
    }
    // An empty folder is as good as none, and what an interruption left goes.
    fs::create_dir(kept.path("data")).expect("an empty folder");
    fs::create_dir_all(kept.path("data.restoring").join("log")).expect("half a folder");
    let alone = kept.restored("no archive", None).expect("restored");
    assert_eq!((alone.restoration.log_index, alone.entries), (BACKUP_END, 0));
    assert!(!kept.path("data.restoring").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_registry_becomes_that_of_a_cluster_it_was_of_before() {
    let kept = Kept::new().await;
    let refused = kept.restored_for(CLUSTER, "archive", None).expect_err("its own");
    assert_eq!(refused.reason(), "SAME_CLUSTER", "{refused}");
    assert!(!kept.path("data").exists());
    kept.restored_for("another", "archive", None).expect("another");
}

#[test]
fn a_full_disk_is_told_before_anything_is_written() {
    let path = Path::new("/data");
    must_fit(path, 10, SPARE_BYTES + 10).expect("it fits");
    let refused = must_fit(path, 10, SPARE_BYTES + 9).expect_err("one byte short");
    assert_eq!(refused.reason(), "NO_SPACE", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_not_there_is_refused() {
    let kept = Kept::new().await;
    let before = kept.refused("archive", Some(BACKUP_END - 1));
    assert!(matches!(before, RestoreError::BeforeBackup { .. }), "{before}");
    let beyond = kept.refused("archive", Some(ARCHIVE_END + 1));
    let last_index = ARCHIVE_END;
    assert!(
        matches!(beyond, RestoreError::BeyondArchive { last_index: last, .. } if last == last_index)
    );
    let alone = kept.refused("no archive", Some(BACKUP_END + 1));
    assert!(matches!(alone, RestoreError::BeyondArchive { .. }), "{alone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_does_not_go_on_where_the_backup_ends_is_refused() {
    let kept = Kept::new().await;
    kept.archive("later", CLUSTER, (BACKUP_END + 2..ARCHIVE_END).map(entry));
    let later = kept.refused("later", None);
    assert!(matches!(later, RestoreError::Gap { from_index: 7, begins_at: 8 }), "{later}");
    kept.archive("other", "other", (2..ARCHIVE_END).map(entry));
    let other = kept.refused("other", None);
    assert!(matches!(other, RestoreError::OtherCluster { .. }), "{other}");
    let of_term = |index| Entry { log_id: log_id(4, index), ..entry(index) };
    kept.archive("fork", CLUSTER, (2..ARCHIVE_END).map(of_term));
    let fork = kept.refused("fork", None);
    assert!(fork.to_string().contains("not the one that the backup ends with"), "{fork}");
    let of_later_format = |index| entry_of_format(index, BATCH_FORMAT + 1);
    kept.archive("newer", CLUSTER, (BACKUP_END + 1..ARCHIVE_END).map(of_later_format));
    let newer = kept.refused("newer", None);
    assert!(matches!(newer, RestoreError::OtherFormat { .. }), "{newer}");
    fs::create_dir(kept.path("empty")).expect("created");
    kept.refused("empty", None);

    // A segment that is gone, and one that was cut.
    let segments: BTreeMap<PathBuf, Vec<u8>> = fs::read_dir(kept.path("archive"))
        .expect("listed")
        .map(|item| item.expect("an item").path())
        .map(|path| (path.clone(), fs::read(path).expect("readable")))
        .collect();
    let paths: Vec<&PathBuf> = segments.keys().collect();
    let (middle, last) = (paths[paths.len() - 2], paths[paths.len() - 1]);
    fs::remove_file(middle).expect("removed");
    let gap = kept.refused("archive", None);
    assert!(matches!(gap, RestoreError::Gap { .. }), "{gap}");
    fs::write(middle, &segments[middle]).expect("as it was");
    for (path, bytes) in [(middle, &segments[middle]), (last, &segments[last])] {
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(path, changed).expect("written");
            kept.refused("archive", None);
        }
        fs::write(path, &bytes[..bytes.len() - 1]).expect("cut");
        kept.refused("archive", None);
        fs::write(path, bytes).expect("as it was");
    }
    kept.restored("archive", None).expect("as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_what_was_made_is_refused() {
    let kept = Kept::new().await;
    let backup = kept.backup();
    let names: Vec<PathBuf> =
        fs::read_dir(&backup).expect("listed").map(|item| item.expect("an item").path()).collect();
    for path in names.iter().filter(|path| !path.ends_with("backup.manifest")) {
        let bytes = fs::read(path).expect("readable");
        let mut changed = bytes.clone();
        match changed.get_mut(bytes.len() / 2) {
            Some(byte) => *byte ^= 1,
            None => changed.push(0),
        }
        fs::write(path, changed).expect("written");
        let refused = kept.refused("archive", None);
        assert!(matches!(refused, RestoreError::Damaged { .. }), "{}: {refused}", path.display());
        fs::remove_file(path).expect("removed");
        let refused = kept.refused("archive", None);
        assert!(matches!(refused, RestoreError::Damaged { .. }), "{}: {refused}", path.display());
        fs::write(path, bytes).expect("as it was");
    }
    fs::write(backup.join("000099.sst"), b"foreign").expect("written");
    let foreign = kept.refused("archive", None);
    assert!(foreign.to_string().contains("does not name it"), "{foreign}");
    fs::remove_file(backup.join("000099.sst")).expect("removed");

    kept.change_manifest(|manifest| manifest.log_index += 1);
    let other = kept.refused("archive", None);
    assert!(other.to_string().contains("not of the state"), "{other}");
    kept.change_manifest(|manifest| manifest.log_index -= 1);
    kept.change_manifest(|manifest| manifest.store_format += 1);
    let newer = kept.refused("archive", None);
    assert!(matches!(newer, RestoreError::OtherFormat { .. }), "{newer}");
    kept.change_manifest(|manifest| manifest.store_format -= 1);
    kept.restored("archive", None).expect("as it was");
}
