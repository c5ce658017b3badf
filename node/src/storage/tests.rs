//! The stores against the consensus library's own conformance suite, and
//! against the damage that it does not know of.

use std::path::Path;

use openraft::RaftLogReader as _;
use openraft::StorageError as LibraryError;
use openraft::StorageHelper;
use openraft::storage::{
    IOFlushed, RaftLogStorage as _, RaftSnapshotBuilder as _, RaftStateMachine as _,
};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt as _;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use registry_proto::storage::{AppliedMark, SnapshotManifest};
use tempfile::TempDir;

use super::durable_mark::DurableMark;
use super::log_store::{self, LOG_FAMILY};
use super::log_writer::{self, Job};
use super::{
    ArrivingSnapshot, LedgerStore, LogStore, MARK_FORMAT, SnapshotFolder, SnapshotShelf,
    StorageError, StorageThreads,
};
use crate::raft::state_machine::{StateMachine, as_snapshot};
use crate::raft::types::{Entry, EntryContent, LeaderId, LogId, Payload, TypeConfig, Vote};
use crate::raft::wire;

struct Builder;

pub(super) fn open_machine(folder: &Path) -> StateMachine {
    let shelf = SnapshotShelf::open(&folder.join("snapshots")).expect("shelf");
    let (store, opened) =
        LedgerStore::open(&folder.join("ledger"), &StorageThreads::default()).expect("ledger");
    StateMachine::new(opened, store, shelf).expect("machine").0
}

/// Opens it as soon as its last owner has let it go.
async fn open_again(folder: &Path) -> StateMachine {
    loop {
        let shelf = SnapshotShelf::open(&folder.join("snapshots")).expect("shelf");
        match LedgerStore::open(&folder.join("ledger"), &StorageThreads::default()) {
            Ok((store, opened)) => {
                return StateMachine::new(opened, store, shelf).expect("machine").0;
            }
            Err(StorageError::Rocks { error, .. }) if error.to_string().contains("LOCK") => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), LibraryError<TypeConfig>> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log =
            LogStore::open(&folder.path().join("log"), &StorageThreads::default()).expect("log");
        let machine = open_machine(folder.path());
        Ok((folder, log, machine))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_pass_the_consensus_librarys_conformance_suite() {
    Suite::test_all(Builder).await.expect("conformance");
}

pub(super) fn log_id(term: u64, index: u64) -> LogId {
    LogId { leader_id: LeaderId::new(term, 11), index }
}

pub(super) fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let payload = Payload(vec![7; bytes].into());
    Entry { log_id: log_id(term, index), payload: EntryContent::Normal(payload) }
}

pub(super) async fn append(log: &mut LogStore, entries: Vec<Entry>) {
    let (sender, flushed) = TypeConfig::oneshot();
    log.append(entries, IOFlushed::signal(sender)).await.expect("append");
    flushed.await.expect("writer lives").expect("durable");
}

async fn filled(folder: &Path, last_index: u64) {
    let mut log = LogStore::open(folder, &StorageThreads::default()).expect("log");
    log.save_vote(&Vote::new_committed(3, 11)).await.expect("vote");
    append(&mut log, (0..=last_index).map(|index| entry(3, index, 100)).collect()).await;
}

/// Opening waits until the previous writer thread has let go of the database.
fn reopen(folder: &Path) -> Result<LogStore, StorageError> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match LogStore::open(folder, &StorageThreads::default()) {
            Err(StorageError::Rocks { what, error }) if std::time::Instant::now() < deadline => {
                assert!(error.to_string().contains("lock"), "{what}: {error}");
                std::thread::yield_now();
            }
            opened => return opened,
        }
    }
}

fn damage(folder: &Path, change: impl Fn(&rocksdb::DB)) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let options = rocksdb::Options::default();
    let db = loop {
        match rocksdb::DB::open_cf(&options, folder, ["default", LOG_FAMILY, "meta"]) {
            Ok(db) => break db,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    change(&db);
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    filled(folder.path(), 9).await;
    let mut log = reopen(folder.path()).expect("opens");
    let state = log.get_log_state().await.expect("state");
    assert_eq!(state.last_log_id, Some(log_id(3, 9)));
    let mut reader = log.get_log_reader().await;
    assert_eq!(reader.read_vote().await.expect("vote"), Some(Vote::new_committed(3, 11)));
    let entries = reader.try_get_log_entries(0..10).await.expect("entries");
    assert_eq!(entries.len(), 10);
}

#[tokio::test]
async fn a_log_that_lost_acknowledged_entries_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    filled(folder.path(), 9).await;
    damage(folder.path(), |db| {
        let log = db.cf_handle(LOG_FAMILY).expect("family");
        db.delete_cf(log, 9u64.to_be_bytes()).expect("delete");
    });
    assert!(matches!(reopen(folder.path()), Err(StorageError::LogTailLost { .. })));
}

#[tokio::test]
async fn a_log_that_lost_its_vote_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    filled(folder.path(), 9).await;
    damage(folder.path(), |db| {
        db.delete_cf(db.cf_handle("meta").expect("family"), b"vote").expect("delete");
    });
    assert!(matches!(reopen(folder.path()), Err(StorageError::LogTailLost { .. })));
}

#[tokio::test]
async fn a_truncated_log_may_be_shorter_than_before() {
    let folder = tempfile::tempdir().expect("temporary folder");
    filled(folder.path(), 9).await;
    {
        let mut log = reopen(folder.path()).expect("opens");
        log.truncate_after(Some(log_id(3, 4))).await.expect("truncate");
    }
    let mut log = reopen(folder.path()).expect("opens again");
    let state = log.get_log_state().await.expect("state");
    assert_eq!(state.last_log_id, Some(log_id(3, 4)));
}

#[tokio::test]
async fn the_mark_gives_way_before_the_log_is_cut() {
    let folder = tempfile::tempdir().expect("temporary folder");
    filled(folder.path(), 9).await;
    drop(reopen(folder.path()).expect("opens"));
    damage(folder.path(), |_| {});
    // This database refuses to write, which is where a crash would leave off.
    let families = ["default", LOG_FAMILY, "meta"];
    let options = rocksdb::Options::default();
    let db = rocksdb::DB::open_cf_for_read_only(&options, folder.path(), families, false);
    let (shared, mut found) = log_store::load(db.expect("opens")).expect("loads");
    let (mark, before) = DurableMark::open(folder.path()).expect("mark");
    assert_eq!((before.next_index, found.next_index), (10, 10));
    let (done, _) = tokio::sync::oneshot::channel();
    let cut = vec![Job::Truncate { from_index: 5, last_term: 3, done }];
    let shared = std::sync::Arc::new(shared);
    log_writer::write_group(&shared, cut, &mark, &mut found).expect_err("it cannot be written");
    let (_, left) = DurableMark::open(folder.path()).expect("mark");
    assert_eq!((left.next_index, left.vote_term), (5, 3));
}

#[tokio::test]
async fn a_message_never_begins_after_a_purged_entry() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut log = LogStore::open(folder.path(), &StorageThreads::default()).expect("log");
    append(&mut log, (0..10).map(|index| entry(1, index, 100)).collect()).await;
    log.purge(log_id(1, 4)).await.expect("purge");
    let mut reader = log.get_log_reader().await;
    assert_eq!(reader.limited_get_log_entries(5, 10).await.expect("entries").len(), 5);
    assert_eq!(reader.limited_get_log_entries(2, 10).await.expect("entries").len(), 0);
}

#[tokio::test]
async fn entries_beyond_the_memory_are_read_from_disk_without_a_gap() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut log = LogStore::open(folder.path(), &StorageThreads::default()).expect("log");
    // 96 MiB pass through a memory of 64 MiB.
    for index in 0..96 {
        append(&mut log, vec![entry(1, index, 1 << 20)]).await;
    }
    let mut reader = log.get_log_reader().await;
    let entries = reader.try_get_log_entries(0..96).await.expect("entries");
    let indexes: Vec<u64> = entries.iter().map(|entry| entry.log_id.index).collect();
    assert_eq!(indexes, (0..96).collect::<Vec<_>>());
    let limited = reader.limited_get_log_entries(0, 96).await.expect("entries");
    assert!(limited.len() < 4, "{} MiB in one message", limited.len());
}

#[tokio::test]
async fn group_commit_needs_fewer_fsyncs_than_appends() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut log = LogStore::open(folder.path(), &StorageThreads::default()).expect("log");
    let mut waiting = Vec::new();
    for index in 0..500 {
        let (sender, flushed) = TypeConfig::oneshot();
        log.append([entry(1, index, 200)], IOFlushed::signal(sender)).await.expect("append");
        waiting.push(flushed);
    }
    for flushed in waiting {
        flushed.await.expect("writer lives").expect("durable");
    }
    let fsyncs = log.counters().fsyncs.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=250).contains(&fsyncs), "{fsyncs} fsyncs for 500 appends");
}

/// A snapshot at `index`, made elsewhere; the folder goes with the first part.
pub(crate) async fn made(index: u64) -> (TempDir, SnapshotFolder) {
    let origin = tempfile::tempdir().expect("temporary folder");
    let mut machine = open_machine(origin.path());
    let blank = Entry { log_id: log_id(1, index), payload: EntryContent::Blank };
    machine.apply(futures::stream::iter([Ok((blank, None))])).await.expect("applies");
    let mut builder = machine.get_snapshot_builder().await;
    let made = builder.build_snapshot().await.expect("snapshot").snapshot;
    (origin, made)
}

/// Sends all that the shelf does not hold, under a manifest.
pub(super) fn send(
    shelf: &SnapshotShelf,
    from: &SnapshotFolder,
    manifest: &[u8],
) -> Result<SnapshotFolder, StorageError> {
    let mut arriving = ArrivingSnapshot::begin(shelf, 12, manifest)?;
    let held: std::collections::BTreeMap<_, _> = arriving.held().into_iter().collect();
    for file in &from.files {
        let bytes = std::fs::read(from.path.join(&file.name)).expect("read");
        let offset = held.get(&file.name).copied().unwrap_or(0);
        if offset < file.length_bytes || bytes.is_empty() {
            arriving.file(&file.name, file.length_bytes, offset)?;
            arriving.data(&bytes[offset as usize..])?;
        }
    }
    arriving.finish()
}

/// A snapshot at `index`, made elsewhere and arrived in staging.
async fn arrived(shelf: &SnapshotShelf, index: u64) -> SnapshotFolder {
    let (_origin, made) = made(index).await;
    send(shelf, &made, &made.manifest().expect("read")).expect("whole")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_keeps_the_hash_that_it_was_first_published_with() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut machine = open_machine(folder.path());
    let mut made = Vec::new();
    for index in 1..=2 {
        let blank = Entry { log_id: log_id(1, index), payload: EntryContent::Blank };
        machine.apply(futures::stream::iter([Ok((blank, None))])).await.expect("applies");
        let mut builder = machine.get_snapshot_builder().await;
        let snapshot = builder.build_snapshot().await.expect("snapshot").snapshot;
        let tables: Vec<_> =
            snapshot.files.iter().filter(|file| file.name.ends_with(".sst")).cloned().collect();
        assert_eq!(tables.len() as u64, index, "one more table");
        // Bits rot in what both snapshots and the store share.
        let path = snapshot.path.join(&tables[0].name);
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[0] ^= 1;
        std::fs::write(&path, &bytes).expect("writable");
        made.push(tables);
    }
    assert_eq!(made[0][0], made[1][0], "the damage is not vouched for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_shelved_just_before_a_crash_is_installed_by_the_next_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    {
        let shelf = SnapshotShelf::open(&folder.path().join("snapshots")).expect("shelf");
        let snapshot = arrived(&shelf, 5).await;
        shelf.shelve(&snapshot.path).expect("shelved");
    }
    let threads = StorageThreads::default();
    let mut log = LogStore::open(&folder.path().join("log"), &threads).expect("log");
    let mut machine = open_machine(folder.path());
    let mut helper = StorageHelper::new(&mut log, &mut machine).with_id(11);
    helper.get_initial_state().await.expect("it starts");
    assert_eq!(machine.applied_state().await.expect("state").0, Some(log_id(1, 5)));
    let kept = machine.get_current_snapshot().await.expect("readable").expect("still there");
    assert_eq!(kept.meta.last_log_id, Some(log_id(1, 5)));
}

/// The folder with another manifest, sent again.
fn sent_again(
    shelf: &SnapshotShelf,
    folder: &SnapshotFolder,
    change: impl FnOnce(&mut SnapshotManifest),
) -> Result<SnapshotFolder, StorageError> {
    let bytes = folder.manifest().expect("read");
    let mut manifest = SnapshotManifest::decode(&bytes[..]).expect("a manifest");
    change(&mut manifest);
    send(shelf, folder, &manifest.encode_to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arriving_snapshot_of_another_format_is_refused_as_such() {
    let elsewhere = tempfile::tempdir().expect("temporary folder");
    let shelf = SnapshotShelf::open(elsewhere.path()).expect("shelf");
    let whole = arrived(&shelf, 5).await;
    sent_again(&shelf, &whole, |_| ()).expect("unchanged it is taken");
    let other = MARK_FORMAT + 1;
    let refused = [
        sent_again(&shelf, &whole, |manifest| manifest.format += 1),
        sent_again(&shelf, &whole, |manifest| {
            manifest.mark.as_mut().expect("a mark").format = other;
        }),
    ];
    for refused in refused {
        let error = refused.expect_err("another format");
        assert!(matches!(error, StorageError::OtherFormat { .. }), "{error}");
        assert!(!error.to_string().contains("corrupt"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_read_costs_a_node_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut machine = open_machine(folder.path());
    let blank = Entry { log_id: log_id(1, 3), payload: EntryContent::Blank };
    machine.apply(futures::stream::iter([Ok((blank, None))])).await.expect("applies");
    machine.get_snapshot_builder().await.build_snapshot().await.expect("its own");
    let shelf = SnapshotShelf::open(&folder.path().join("arriving")).expect("shelf");
    let unreadable = arrived(&shelf, 5).await;
    let db = super::ledger_records::open_database(&unreadable.path).expect("opens");
    let bytes = db.get(b"mark").expect("readable").expect("there");
    let mut mark = AppliedMark::decode(&bytes[..]).expect("a mark");
    mark.format += 1;
    db.put(b"mark", mark.encode_to_vec()).expect("written");
    super::ledger_records::flush(&db).expect("flushed");
    drop(db);
    let meta = as_snapshot(unreadable.clone()).expect("its manifest is whole").meta;
    let error = machine.install_snapshot(&meta, unreadable).await.expect_err("another format");
    assert!(error.to_string().contains("has format 4"), "{error}");
    // Its records, in memory and on disk, and its snapshot are what they were.
    assert_eq!(machine.applied_state().await.expect("state").0, Some(log_id(1, 3)));
    let kept = machine.get_current_snapshot().await.expect("readable").expect("still there");
    assert_eq!(kept.meta.last_log_id, Some(log_id(1, 3)));
    let good = arrived(&shelf, 7).await;
    let meta = as_snapshot(good.clone()).expect("whole").meta;
    machine.install_snapshot(&meta, good).await.expect("the next one is taken");
    assert_eq!(machine.applied_state().await.expect("state").0, Some(log_id(1, 7)));
    machine.flush().await.expect("its records can still be written");
    drop(machine);
    let mut machine = open_again(folder.path()).await;
    assert_eq!(machine.applied_state().await.expect("state").0, Some(log_id(1, 7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_of_arriving_records_goes_at_the_next_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drop(open_machine(folder.path()));
    let half_arrived = folder.path().join("ledger.arriving");
    std::fs::create_dir(&half_arrived).expect("created");
    let table = folder.path().join("ledger/arriving-0.sst");
    std::fs::write(&table, b"half").expect("written");
    drop(open_again(folder.path()).await);
    assert!(!half_arrived.exists() && !table.exists());
    // Nothing that is not whole replaces the ledger.
    let ledger = folder.path().join("ledger");
    std::fs::create_dir(folder.path().join("ledger.next")).expect("created");
    let refused = LedgerStore::open(&ledger, &StorageThreads::default()).map(|_| ());
    assert!(refused.is_err() && ledger.join("CURRENT").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_current_file_is_not_taken_for_a_new_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drop(open_machine(folder.path()));
    drop(open_again(folder.path()).await);
    let current = folder.path().join("ledger/CURRENT");
    std::fs::remove_file(&current).expect("removed");
    for _ in 0..2 {
        let error = super::ledger_records::open_database(&folder.path().join("ledger"));
        let error = error.map(|_| ()).expect_err("refused").to_string();
        assert!(error.contains("CURRENT") && error.contains("rejoin"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_rotted_is_told_from_one_that_did_not() {
    let elsewhere = tempfile::tempdir().expect("temporary folder");
    let shelf = SnapshotShelf::open(elsewhere.path()).expect("shelf");
    let snapshot = arrived(&shelf, 5).await;
    assert_eq!(snapshot.first_damaged().expect("readable"), None);
    let table = snapshot.files.iter().find(|file| file.name.ends_with(".sst")).expect("a table");
    let path = snapshot.path.join(&table.name);
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[0] ^= 1;
    std::fs::write(&path, bytes).expect("writable");
    assert_eq!(snapshot.first_damaged().expect("readable").as_ref(), Some(&table.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arriving_snapshot_leaves_a_complete_one_of_the_same_sender_alone() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let shelf = SnapshotShelf::open(folder.path()).expect("shelf");
    let complete = arrived(&shelf, 5).await;
    let manifest = complete.manifest().expect("read");
    let again = ArrivingSnapshot::begin(&shelf, 12, &manifest).expect("begin");
    assert_eq!(again.held(), [], "the complete one is somewhere else");
    shelf.shelve(&complete.path).expect("it can be installed");
    drop(again);
    let refused = arrived(&shelf, 4).await;
    shelf.discard(&refused.path);
    let left = std::fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(left, 1, "only the shelved one stays");
}

#[test]
fn a_snapshot_of_its_own_and_one_from_the_leader_reach_the_shelf_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let shelf = SnapshotShelf::open(folder.path()).expect("shelf");
    let publish = |purpose: &str, index: u64| {
        let staging = shelf.staging(purpose).expect("staging");
        std::fs::create_dir(&staging).expect("folder");
        let last_applied = Some(wire::log_id_out(&log_id(1, index)));
        let mark = AppliedMark { format: MARK_FORMAT, last_applied, ..Default::default() };
        shelf.publish(&staging, mark).expect("published");
        shelf.latest().expect("the newest is whole").expect("there is one")
    };
    std::thread::scope(|threads| {
        threads.spawn(|| (0..100).for_each(|index| drop(publish("own", index))));
        threads.spawn(|| (100..200).for_each(|index| drop(publish("arriving", index))));
    });
    let newest = shelf.latest().expect("readable").expect("there is one");
    assert_eq!(newest.mark.last_applied.expect("a position").index, 199);
}
