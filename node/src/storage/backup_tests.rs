//! What is given out of a log, and what is kept of a ledger, for backups.

use std::fs;

use openraft::storage::RaftLogStorage as _;
use registry_proto::registry::SignedDocument;
use registry_proto::storage::AppliedMark;

use super::tests::{append, entry, log_id};
use super::*;
use prost::Message as _;

async fn log_of(folder: &std::path::Path, indexes: std::ops::Range<u64>) -> LogStore {
    let mut log = LogStore::open(folder, &StorageThreads::default()).expect("a log");
    append(&mut log, indexes.map(|index| entry(3, index, 100)).collect()).await;
    log
}

fn indexes(page: &LogPage) -> Vec<u64> {
    let entries = page.entries.iter().map(|bytes| {
        let entry = registry_proto::peer::Entry::decode(bytes.clone()).expect("an entry");
        entry.log_id.expect("an id").index
    });
    entries.collect()
}

#[tokio::test]
async fn a_page_of_the_log_ends_at_its_limits_and_never_has_a_hole() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut log = log_of(folder.path(), 0..10).await;
    let page = |log: &LogStore, from, through, bytes| log.page(from, through, bytes).expect("read");
    assert_eq!(indexes(&page(&log, 0, 99, 1 << 20)), (0..10).collect::<Vec<_>>());
    assert_eq!(indexes(&page(&log, 3, 5, 1 << 20)), [3, 4, 5], "none that is not applied");
    assert_eq!(indexes(&page(&log, 3, 9, 300)), [3, 4]);
    assert_eq!(indexes(&page(&log, 3, 9, 1)), [3], "one at least");
    assert_eq!(page(&log, 10, 99, 1 << 20), LogPage::default(), "it waits for more");
    log.purge(log_id(3, 4)).await.expect("purged");
    let gone = page(&log, 4, 9, 1 << 20);
    assert_eq!((gone.entries.len(), gone.begins_at), (0, Some(5)));
    assert_eq!(indexes(&page(&log, 5, 9, 1 << 20)), [5, 6, 7, 8, 9]);
}

#[test]
fn a_kept_checkpoint_outlives_a_restart_and_goes_when_it_is_let_go() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path().join("backups");
    let shelf = BackupShelf::open(&folder).expect("a shelf");
    assert_eq!(shelf.kept().expect("listed"), [], "nothing yet");
    let staging = shelf.staging().expect("a path");
    fs::create_dir(&staging).expect("created");
    fs::write(staging.join("000001.sst"), b"table").expect("written");
    let mark = AppliedMark { format: MARK_FORMAT, ..Default::default() };
    let files = BackupShelf::seal(&staging, mark, None, "test").expect("sealed");
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["snapshot.manifest", "000001.sst"]);
    let document = SignedDocument { purpose: "p".to_owned(), ..Default::default() };
    shelf.keep(&staging, "a1", &document).expect("kept");
    // What was under way when the process ended goes, and what is no backup.
    fs::create_dir(shelf.staging().expect("a path")).expect("created");
    fs::create_dir(folder.join("b2")).expect("created");
    let again = BackupShelf::open(&folder).expect("a shelf");
    assert_eq!(again.kept().expect("listed"), [("a1".to_owned(), document)]);
    assert!(!folder.join("staging").exists() && !folder.join("b2").exists());
    again.release("a1").expect("let go");
    again.release("a1").expect("it is gone already");
    assert_eq!(again.kept().expect("listed"), []);
}
