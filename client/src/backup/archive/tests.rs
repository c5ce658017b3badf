//! An archive goes on where it ends, and every change of its bytes shows.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_proto::peer::entry::Payload;
use registry_proto::peer::{Entry, LeaderId, LogId};
use registry_proto::registry::BackupManifest;

use super::{ArchiveWriter, verify_archive};
use crate::backup::{BackupError, verify_join};
use crate::hex;

const CLUSTER: &str = "test";
/// Two entries of 100 bytes and their heads.
const SMALL: u64 = 300;

fn entry(term: u64, index: u64) -> Vec<u8> {
    let log_id = LogId { leader_id: Some(LeaderId { term, node_id: 11 }), index };
    let payload = Some(Payload::Normal(vec![7; 80].into()));
    Entry { log_id: Some(log_id), payload }.encode_to_vec()
}

fn entries(indexes: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    indexes.map(|index| entry(2, index)).collect()
}

fn archive(folder: &Path, indexes: std::ops::Range<u64>) -> ArchiveWriter {
    let mut writer =
        ArchiveWriter::create(folder, CLUSTER, 0, indexes.start, SMALL).expect("an empty folder");
    for entry in entries(indexes) {
        writer.append(&[entry]).expect("added");
    }
    writer
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|item| item.expect("an item").path()).collect();
    paths.sort();
    paths
}

fn told(folder: &Path) -> String {
    verify_archive(folder, None, |_, _| {}).expect_err("changed").to_string()
}

fn backup(log_index: u64, term: u64) -> BackupManifest {
    BackupManifest {
        cluster_id: CLUSTER.to_owned(),
        log_index,
        term,
        leader_node_id: 11,
        ..Default::default()
    }
}

#[test]
fn an_archive_has_what_was_added_over_any_number_of_segments_and_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("archive");
    assert!(ArchiveWriter::open(&folder, SMALL).expect("no fault").is_none());
    drop(archive(&folder, 5..8));
    let mut again = ArchiveWriter::open(&folder, SMALL).expect("opens").expect("an archive");
    assert_eq!(again.next_index(), 8);
    again.append(&entries(8..12)).expect("added");
    let chain = again.chain_sha256();
    drop(again);
    let report = verify_archive(&folder, Some(9), |_, _| {}).expect("whole");
    assert_eq!((report.first_index, report.next_index, report.segments), (5, 12, 3));
    assert_eq!((report.chain_sha256, report.looked_up.map(|id| id.index)), (chain, Some(9)));
}

/// The bytes are on disks for years: docs/formats.md has the same hash.
#[test]
fn a_segment_has_the_documented_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = ArchiveWriter::create(folder.path(), CLUSTER, 0, 5, SMALL).expect("made");
    let log_id = LogId { leader_id: Some(LeaderId { term: 2, node_id: 11 }), index: 5 };
    let blank = Entry { log_id: Some(log_id), payload: Some(Payload::Blank(true)) };
    writer.append(&[blank.encode_to_vec()]).expect("added");
    let chain = hex(&writer.chain_sha256());
    let bytes = fs::read(&segments(folder.path())[0]).expect("a segment");
    let head = 20 + 1 + 4 + CLUSTER.len() + 8 + 8 + 32;
    assert_eq!(bytes.len(), head + 4 + 32 + blank.encoded_len());
    assert_eq!(hex(&bytes[head + 4..head + 36]), chain);
    assert_eq!(chain, "42a7496d4e41aa68a71de1eb771e22afce54f511861576f903e073c8cce64cef");
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _writer = archive(folder.path(), 0..2);
    let second = ArchiveWriter::open(folder.path(), SMALL);
    assert!(matches!(second, Err(BackupError::InUse(_))), "{second:?}");
}

#[test]
fn an_entry_that_does_not_follow_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = archive(folder.path(), 0..3);
    for (term, index) in [(2, 2), (2, 4), (1, 3)] {
        let refused = writer.append(&[entry(term, index)]).expect_err("it does not follow");
        assert_eq!(refused.reason(), "BACKUP_BROKEN", "{refused}");
    }
    writer.append(&[entry(3, 3)]).expect("the next one");
}

#[test]
fn a_record_that_was_cut_off_is_told_and_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(archive(folder.path(), 0..5));
    let last = segments(folder.path()).pop().expect("a segment");
    let bytes = fs::read(&last).expect("readable");
    fs::write(&last, &bytes[..bytes.len() - 1]).expect("cut");
    assert!(told(folder.path()).contains("it ends within the record of entry 4"));
    let mut again = ArchiveWriter::open(folder.path(), SMALL).expect("opens").expect("an archive");
    assert_eq!(again.next_index(), 4);
    again.append(&entries(4..5)).expect("added");
    drop(again);
    assert_eq!(fs::read(&last).expect("readable"), bytes);
}

#[test]
fn every_byte_that_changed_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(archive(folder.path(), 0..5));
    for path in segments(folder.path()) {
        let bytes = fs::read(&path).expect("readable");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("written");
            assert!(verify_archive(folder.path(), None, |_, _| {}).is_err(), "byte {at}");
        }
        fs::write(&path, bytes).expect("as it was");
    }
    verify_archive(folder.path(), None, |_, _| {}).expect("as it was");
}

#[test]
fn segments_that_are_missing_or_of_elsewhere_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(archive(folder.path(), 0..7));
    let paths = segments(folder.path());
    let hidden = fs::read(&paths[1]).expect("readable");
    fs::remove_file(&paths[1]).expect("removed");
    let gap = verify_archive(folder.path(), None, |_, _| {}).expect_err("a hole");
    assert!(matches!(gap, BackupError::Gap { from_index: 2, begins_at: 4, .. }), "{gap:?}");
    fs::write(&paths[1], hidden).expect("as it was");
    let first = fs::read(&paths[0]).expect("readable");
    fs::remove_file(&paths[0]).expect("removed");
    assert!(told(folder.path()).contains("those before it are missing"));
    fs::write(&paths[0], first).expect("as it was");

    let other = tempfile::tempdir().expect("a folder");
    let mut writer = ArchiveWriter::create(other.path(), "other", 0, 7, SMALL).expect("made");
    writer.append(&entries(7..8)).expect("added");
    drop(writer);
    let foreign = segments(other.path()).pop().expect("a segment");
    let target = folder.path().join(foreign.file_name().expect("a name"));
    fs::copy(&foreign, &target).expect("copied");
    let mixed = verify_archive(folder.path(), None, |_, _| {}).expect_err("two clusters");
    assert_eq!(mixed.reason(), "OTHER_CLUSTER", "{mixed}");
    fs::remove_file(&target).expect("removed");
    fs::write(folder.path().join("notes"), "x").expect("written");
    assert!(told(folder.path()).contains("nothing but its segments"));
}

#[test]
fn an_archive_joins_the_backups_whose_end_it_reaches() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(archive(folder.path(), 5..10));
    let join = |backup: &BackupManifest| verify_join(backup, folder.path(), |_, _| {});
    for end in [4, 5, 9] {
        join(&backup(end, 2)).unwrap_or_else(|e| panic!("behind {end}: {e}"));
    }
    let reasons = [
        (backup(3, 2), "ARCHIVE_GAP"),
        (backup(10, 2), "ARCHIVE_GAP"),
        (backup(6, 3), "BACKUP_BROKEN"),
        (backup(4, 3), "BACKUP_BROKEN"),
        (BackupManifest { cluster_id: "other".to_owned(), ..backup(5, 2) }, "OTHER_CLUSTER"),
        (BackupManifest { recovery_epoch: 1, ..backup(5, 2) }, "OTHER_CLUSTER"),
    ];
    for (backup, reason) in reasons {
        let refused = join(&backup).expect_err(reason);
        assert_eq!(refused.reason(), reason, "{refused}");
    }
}
