//! What a transfer keeps when it is interrupted, and what it refuses.

use std::collections::BTreeMap;

use prost::Message as _;
use tempfile::TempDir;

use super::super::tests::{made, send};
use super::*;

struct Bed {
    _origin: TempDir,
    home: TempDir,
    made: SnapshotFolder,
    manifest: Vec<u8>,
}

impl Bed {
    async fn new() -> Self {
        let (_origin, made) = made(5).await;
        let home = tempfile::tempdir().expect("temporary folder");
        let manifest = made.manifest().expect("read");
        Self { _origin, home, made, manifest }
    }

    fn shelf(&self) -> SnapshotShelf {
        SnapshotShelf::open(self.home.path()).expect("shelf").of_cluster("ours")
    }

    fn begin(&self, shelf: &SnapshotShelf) -> ArrivingSnapshot {
        ArrivingSnapshot::begin(shelf, 12, &self.manifest).expect("begun")
    }

    /// The largest file: the table.
    fn table(&self) -> &SnapshotFile {
        self.made.files.iter().max_by_key(|file| file.length_bytes).expect("files")
    }

    fn bytes(&self, file: &SnapshotFile) -> Vec<u8> {
        std::fs::read(self.made.path.join(&file.name)).expect("read")
    }

    fn altered(&self, change: impl FnOnce(&mut SnapshotManifest)) -> Vec<u8> {
        let mut manifest = SnapshotManifest::decode(&self.manifest[..]).expect("a manifest");
        change(&mut manifest);
        manifest.encode_to_vec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_transfer_goes_on_where_it_stopped_even_after_a_restart() {
    let bed = Bed::new().await;
    let (table, shelf) = (bed.table(), bed.shelf());
    let half = table.length_bytes / 2;
    let mut first = bed.begin(&shelf);
    for file in bed.made.files.iter().filter(|file| *file != table) {
        first.file(&file.name, file.length_bytes, 0).expect("file");
        first.data(&bed.bytes(file)).expect("data");
    }
    first.file(&table.name, table.length_bytes, 0).expect("file");
    first.data(&bed.bytes(table)[..half as usize]).expect("data");
    drop(first);

    let shelf = bed.shelf();
    let mut again = bed.begin(&shelf);
    let held: BTreeMap<_, _> = again.held().into_iter().collect();
    assert_eq!(held[&table.name], half);
    assert_eq!(again.missing_bytes(), table.length_bytes - half, "nothing else is missing");
    again.file(&table.name, table.length_bytes, half + 1).expect_err("a gap");
    again.file(&table.name, table.length_bytes, half).expect("where it stopped");
    again.data(&bed.bytes(table)[half as usize..]).expect("data");
    let complete = again.finish().expect("whole");
    assert_eq!(complete.first_damaged().expect("readable"), None);

    // Killed before it was installed: all of it is offered again.
    let shelf = bed.shelf();
    assert_eq!(bed.begin(&shelf).missing_bytes(), 0);
    send(&shelf, &bed.made, &bed.manifest).expect("nothing needs to be sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_alone_is_sent_again() {
    let bed = Bed::new().await;
    let (table, shelf) = (bed.table(), bed.shelf());
    let mut arriving = bed.begin(&shelf);
    for file in &bed.made.files {
        let mut bytes = bed.bytes(file);
        arriving.file(&file.name, file.length_bytes, 0).expect("file");
        if file == table {
            bytes[0] ^= 1;
            let error = arriving.data(&bytes).expect_err("damaged");
            assert!(matches!(&error, StorageError::DamagedFile { file } if *file == table.name));
        } else {
            arriving.data(&bytes).expect("data");
        }
    }
    arriving.finish().expect_err("a file is missing");
    let mut again = bed.begin(&shelf);
    assert_eq!(again.missing_bytes(), table.length_bytes);
    again.file(&table.name, table.length_bytes, 0).expect("file");
    again.data(&bed.bytes(table)).expect("data");
    again.finish().expect("whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_snapshot_of_the_sender_keeps_the_files_that_both_have() {
    let bed = Bed::new().await;
    let (table, shelf) = (bed.table(), bed.shelf());
    let mut first = bed.begin(&shelf);
    for file in &bed.made.files {
        first.file(&file.name, file.length_bytes, 0).expect("file");
        first.data(&bed.bytes(file)).expect("data");
    }
    drop(first);
    let later = bed.altered(|manifest| {
        manifest.files.retain(|file| file.name == table.name || file.name == "CURRENT");
        for file in &mut manifest.files {
            if file.name == "CURRENT" {
                file.sha256 = vec![7; 32].into();
            }
        }
    });
    let arriving = ArrivingSnapshot::begin(&shelf, 12, &later).expect("begun");
    assert_eq!(arriving.held(), [(table.name.clone(), table.length_bytes)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_manifest_announces_is_refused_and_changes_nothing() {
    let bed = Bed::new().await;
    let (table, shelf) = (bed.table(), bed.shelf());
    let mut arriving = bed.begin(&shelf);
    arriving.data(b"data").expect_err("data before a file");
    for name in ["../escape", "", "a/b", ".", "unlisted", MANIFEST] {
        assert!(arriving.file(name, 1, 0).is_err(), "{name:?} was taken");
    }
    arriving.file(&table.name, table.length_bytes + 1, 0).expect_err("another length");
    arriving.file(&table.name, table.length_bytes, 0).expect("file");
    let longer = [bed.bytes(table), vec![7]].concat();
    let error = arriving.data(&longer).expect_err("beyond the announced length").to_string();
    assert!(error.contains("longer than announced"), "{error}");
    arriving.finish().expect_err("not whole");

    for name in ["../escape", "", "a/b", ".", MANIFEST, "staging-own", "x.part", "CURRENT"] {
        let bad = bed.altered(|manifest| {
            let file = SnapshotFile { name: name.to_owned(), ..table.clone() };
            manifest.files.push(file);
        });
        assert!(ArrivingSnapshot::begin(&shelf, 12, &bad).is_err(), "{name:?} was taken");
    }
    let foreign = bed.altered(|manifest| manifest.cluster_id = "theirs".to_owned());
    let error = ArrivingSnapshot::begin(&shelf, 12, &foreign).map(|_| ()).expect_err("foreign");
    assert!(error.to_string().contains("cluster theirs"), "{error}");
    let newer = bed.altered(|manifest| manifest.format += 1);
    let error = ArrivingSnapshot::begin(&shelf, 12, &newer).map(|_| ()).expect_err("newer");
    assert!(matches!(error, StorageError::OtherFormat { .. }), "{error}");
    ArrivingSnapshot::begin(&shelf, 12, b"\xff").map(|_| ()).expect_err("no manifest at all");
    assert!(shelf.latest().expect("readable").is_none());
    send(&shelf, &bed.made, &bed.manifest).expect("the right one is taken as ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_began_again_ends_the_one_before() {
    let bed = Bed::new().await;
    let (table, shelf) = (bed.table(), bed.shelf());
    let mut first = bed.begin(&shelf);
    first.file(&table.name, table.length_bytes, 0).expect("file");
    let _second = bed.begin(&shelf);
    let error = first.data(b"late").expect_err("the connection was given up");
    assert!(matches!(error, StorageError::TakenOver), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_senders_the_last_two_are_kept() {
    let bed = Bed::new().await;
    let shelf = bed.shelf();
    for sender in [11, 12, 13, 21] {
        let begun = ArrivingSnapshot::begin(&shelf, sender, &bed.manifest).expect("begun");
        let noted = File::options().append(true).open(begun.folder.join(MANIFEST));
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(sender);
        noted.and_then(|file| file.set_modified(time)).expect("a time of its own");
    }
    let kept = bed.shelf().names().expect("names");
    assert_eq!(kept, ["staging-arriving-13", "staging-arriving-21"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_does_not_fit_is_refused_before_a_byte_of_it_came() {
    let bed = Bed::new().await;
    let shelf = bed.shelf();
    let huge = bed.altered(|manifest| manifest.files[0].length_bytes = 1 << 60);
    let error = ArrivingSnapshot::begin(&shelf, 12, &huge).map(|_| ()).expect_err("no room");
    assert!(matches!(error, StorageError::NoRoom { .. }), "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
    send(&shelf, &bed.made, &bed.manifest).expect("one that fits is taken");
}

/// A file system of a few pages; only root may have one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=68m", "tmpfs"]).arg(folder.path());
        mount.output().ok()?.status.success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(self.0.path()).output();
        assert!(unmounted.is_ok_and(|done| done.status.success()), "still mounted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_meanwhile_gets_its_room_back() {
    let Some(disk) = SmallDisk::mount() else { return };
    let bed = Bed::new().await;
    let shelf = SnapshotShelf::open(disk.0.path()).expect("shelf");
    let grown = bed.altered(|manifest| {
        manifest.files.truncate(1);
        manifest.files[0].length_bytes = 2 << 20;
    });
    let mut arriving = ArrivingSnapshot::begin(&shelf, 12, &grown).expect("there is room");
    arriving.file(&bed.made.files[0].name, 2 << 20, 0).expect("file");
    let other = vec![7; 67 << 20];
    std::fs::write(disk.0.path().join("log"), &other).expect("the log grows");
    let error = loop {
        match arriving.data(&[7; 64 << 10]) {
            Ok(()) => assert!(arriving.missing_bytes() > 0, "it fitted"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StorageError::NoRoom { .. }), "{error}");
    assert_eq!(shelf.names().expect("names"), ["log"], "half a snapshot stays");
}
