//! A snapshot that arrives from another node, file by file, in a folder that
//! outlives the connection and this process: an interrupted transfer goes on
//! where it stopped.
//!
//! A file is `<name>.part` while it arrives and gets its name when its bytes
//! are those that the manifest vouches for and durable.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use registry_proto::storage::{SnapshotFile, SnapshotManifest};

use super::arriving_file::ArrivingFile;
use super::snapshot::{MANIFEST, STAGING, SnapshotFolder, SnapshotShelf};
use super::snapshot::{decode_manifest, read_manifest};
use super::{StorageError, io_error, sync_folder};

/// Of each sender one; of senders that have begun nothing lately, none.
const ARRIVING: &str = "staging-arriving-";
/// Complete and about to be installed, apart from what arrives next.
const ARRIVED: &str = "staging-arrived-";
const PART: &str = ".part";
/// A leader of before may lead again.
const KEPT_SENDERS: usize = 2;
/// A manifest takes about 100 bytes a file.
const MAX_MANIFEST_BYTES: usize = 8 << 20;
/// What a snapshot leaves free: the log and the ledger's records grow meanwhile.
const KEPT_FREE_BYTES: u64 = 64 << 20;

/// Which transfer of each sender is the latest.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    latest: BTreeMap<u64, u64>,
    count: u64,
}

impl Arrivals {
    fn begin(&mut self, sender: u64) -> u64 {
        self.count += 1;
        self.latest.insert(sender, self.count);
        self.count
    }
}

/// One transfer of a snapshot. Dropping it keeps what arrived.
pub(crate) struct ArrivingSnapshot {
    shelf: SnapshotShelf,
    sender: u64,
    arrival: u64,
    folder: PathBuf,
    manifest: SnapshotManifest,
    verified: BTreeSet<String>,
    current: Option<ArrivingFile>,
}

pub(super) fn is_half_arrived(name: &str) -> bool {
    name.starts_with(ARRIVING)
}

impl SnapshotShelf {
    /// What had arrived whole when the process ended can be offered again.
    pub(super) fn keep_half_arrived(&self) -> Result<(), StorageError> {
        for name in self.names()? {
            let sender = name.strip_prefix(ARRIVED).and_then(|rest| rest.split('-').next());
            let Some(sender) = sender else { continue };
            let (from, to) = (self.folder().join(&name), self.folder().join(arriving(sender)));
            if !to.exists() {
                fs::rename(&from, &to).map_err(|e| io_error("rename", &from, e))?;
            }
        }
        Ok(())
    }

    /// Removes the folders of all but the latest senders.
    fn forget_senders(&self, but: &Path) -> Result<(), StorageError> {
        let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
        for name in self.names()?.iter().filter(|name| is_half_arrived(name)) {
            let path = self.folder().join(name);
            if path != but {
                let begun = fs::metadata(path.join(MANIFEST)).and_then(|found| found.modified());
                others.push((begun.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        others.sort();
        others.reverse();
        for (_, path) in others.iter().skip(KEPT_SENDERS - 1) {
            fs::remove_dir_all(path).map_err(|e| io_error("remove", path, e))?;
        }
        Ok(())
    }
}

fn arriving(sender: &str) -> String {
    format!("{ARRIVING}{sender}")
}

impl ArrivingSnapshot {
    /// Begins or goes on with the snapshot of a manifest. Whatever of an
    /// earlier one of this sender is not the same file goes. An earlier
    /// transfer of the same sender can do nothing more.
    pub(crate) fn begin(
        shelf: &SnapshotShelf,
        sender: u64,
        manifest: &[u8],
    ) -> Result<Self, StorageError> {
        let wanted = check(shelf, manifest)?;
        let mut arrivals = shelf.arrivals.lock();
        let arrival = arrivals.begin(sender);
        let folder = shelf.folder().join(arriving(&sender.to_string()));
        fs::create_dir_all(&folder).map_err(|e| io_error("create", &folder, e))?;
        let mut snapshot = Self {
            shelf: shelf.clone(),
            sender,
            arrival,
            folder,
            manifest: wanted,
            verified: BTreeSet::new(),
            current: None,
        };
        snapshot.keep_what_fits()?;
        snapshot.check_room()?;
        let noted = snapshot.write_manifest(manifest);
        snapshot.unless_full(noted)?;
        shelf.forget_senders(&snapshot.folder)?;
        drop(arrivals);
        Ok(snapshot)
    }

    /// Bytes of each file that need not be sent.
    pub(crate) fn held(&self) -> Vec<(String, u64)> {
        let held = self.manifest.files.iter().map(|file| {
            let bytes = match self.verified.contains(&file.name) {
                true => file.length_bytes,
                false => self.part_bytes(file),
            };
            (file.name.clone(), bytes)
        });
        held.filter(|(_, bytes)| *bytes > 0).collect()
    }

    /// What is still to come.
    pub(crate) fn missing_bytes(&self) -> u64 {
        let all: u64 = self.manifest.files.iter().map(|file| file.length_bytes).sum();
        all - self.held().iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    /// Starts the next file at an offset up to which it is here already.
    pub(crate) fn file(
        &mut self,
        name: &str,
        length_bytes: u64,
        offset_bytes: u64,
    ) -> Result<(), StorageError> {
        self.end_of_file()?;
        let found = self.manifest.files.iter().find(|file| file.name == name).cloned();
        let wanted = found.filter(|file| file.length_bytes == length_bytes).ok_or_else(|| {
            bad(format!("no file {name:?} of {length_bytes} bytes is in its manifest"))
        })?;
        let held = self.part_bytes(&wanted);
        if offset_bytes > held {
            let why = format!("{name} is to go on at byte {offset_bytes}, {held} are here");
            return Err(bad(why));
        }
        let started = self.exclusively(|snapshot| {
            snapshot.verified.remove(name);
            let part = snapshot.part(name);
            snapshot.current = Some(ArrivingFile::open(wanted, part, offset_bytes)?);
            snapshot.verify_if_whole()
        });
        self.unless_full(started)
    }

    /// Appends to the current file; the last of its bytes verify it.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let appended = self.exclusively(|snapshot| {
            let Some(current) = &mut snapshot.current else {
                // An empty file is whole before its data.
                if bytes.is_empty() {
                    return Ok(());
                }
                return Err(bad("data outside of a file".to_owned()));
            };
            current.append(bytes)?;
            snapshot.verify_if_whole()
        });
        self.unless_full(appended)
    }

    /// All files are here: the folder as the shelf can take it.
    pub(crate) fn finish(mut self) -> Result<SnapshotFolder, StorageError> {
        self.end_of_file()?;
        if let Some(missing) =
            self.manifest.files.iter().find(|file| !self.verified.contains(&file.name))
        {
            return Err(bad(format!("it ended without {}", missing.name)));
        }
        self.exclusively(|snapshot| {
            sync_folder(&snapshot.folder)?;
            let name = format!("{ARRIVED}{}-{}", snapshot.sender, snapshot.arrival);
            let complete = snapshot.shelf.folder().join(name);
            if complete.exists() {
                fs::remove_dir_all(&complete).map_err(|e| io_error("remove", &complete, e))?;
            }
            fs::rename(&snapshot.folder, &complete)
                .map_err(|e| io_error("rename", &snapshot.folder, e))?;
            sync_folder(snapshot.shelf.folder())?;
            read_manifest(&complete)
        })
    }

    /// Does what no later transfer of this sender may meet half done.
    fn exclusively<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let arrivals = Arc::clone(&self.shelf.arrivals);
        let arrivals = arrivals.lock();
        if arrivals.latest.get(&self.sender) != Some(&self.arrival) {
            return Err(StorageError::TakenOver);
        }
        work(self)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{PART}"))
    }

    fn part_bytes(&self, file: &SnapshotFile) -> u64 {
        let found = fs::metadata(self.part(&file.name)).map_or(0, |part| part.len());
        if found > file.length_bytes { 0 } else { found }
    }

    /// Removes what is no file of this snapshot, and remembers what is whole.
    fn keep_what_fits(&mut self) -> Result<(), StorageError> {
        let before = match fs::read(self.folder.join(MANIFEST)) {
            Ok(bytes) => decode_manifest(&bytes, "an earlier manifest").ok(),
            Err(_) => None,
        };
        let before = before.map(|manifest| manifest.files).unwrap_or_default();
        let listing = fs::read_dir(&self.folder).map_err(|e| io_error("list", &self.folder, e))?;
        for item in listing {
            let item = item.map_err(|e| io_error("list", &self.folder, e))?;
            let name = item.file_name().to_string_lossy().into_owned();
            if name == MANIFEST {
                continue;
            }
            let whole = name.strip_suffix(PART).is_none();
            let plain = name.strip_suffix(PART).unwrap_or(&name);
            let same = |file: &&SnapshotFile| file.name == plain && before.contains(file);
            let wanted = self.manifest.files.iter().find(same);
            let length_bytes = item.metadata().map_or(0, |found| found.len());
            match wanted {
                Some(file) if whole && file.length_bytes == length_bytes => {
                    self.verified.insert(name);
                }
                Some(_) if !whole => {}
                _ => {
                    let path = item.path();
                    fs::remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
                }
            }
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), StorageError> {
        let space = rustix::fs::statvfs(&self.folder)
            .map_err(|e| io_error("look at", &self.folder, e.into()))?;
        let free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
        if self.missing_bytes().saturating_add(KEPT_FREE_BYTES) > free_bytes {
            return Err(self.no_room(free_bytes));
        }
        Ok(())
    }

    fn no_room(&self, free_bytes: u64) -> StorageError {
        StorageError::NoRoom {
            folder: self.shelf.folder().display().to_string(),
            needed_bytes: self.missing_bytes(),
            free_bytes,
            kept_bytes: KEPT_FREE_BYTES,
        }
    }

    fn unless_full(&mut self, outcome: Result<(), StorageError>) -> Result<(), StorageError> {
        match outcome {
            Err(StorageError::Io { error, .. }) if error.kind() == ErrorKind::StorageFull => {
                Err(self.give_room_back())
            }
            outcome => outcome,
        }
    }

    /// The log needs the room more than half a snapshot does.
    fn give_room_back(&mut self) -> StorageError {
        self.current = None;
        let error = self.no_room(0);
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, path = %self.folder.display(), "half a snapshot stays");
        }
        error
    }

    /// Never half a manifest beside files that it does not vouch for.
    fn write_manifest(&self, manifest: &[u8]) -> Result<(), StorageError> {
        let (path, part) = (self.folder.join(MANIFEST), self.part(MANIFEST));
        File::create(&part)
            .and_then(|mut file| {
                file.write_all(manifest)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&part, &path))
            .map_err(|e| io_error("write", &path, e))?;
        sync_folder(&self.folder)
    }

    fn end_of_file(&mut self) -> Result<(), StorageError> {
        match self.current.take() {
            Some(current) => {
                Err(bad(format!("{} is {} bytes short", current.name(), current.missing_bytes())))
            }
            None => Ok(()),
        }
    }

    fn verify_if_whole(&mut self) -> Result<(), StorageError> {
        let whole = self.current.take_if(|current| current.missing_bytes() == 0);
        let Some(whole) = whole else { return Ok(()) };
        let name = whole.name().to_owned();
        whole.complete()?;
        self.verified.insert(name);
        Ok(())
    }
}

fn bad(why: String) -> StorageError {
    StorageError::BadSnapshot(why)
}

/// A manifest that this node may act on.
fn check(shelf: &SnapshotShelf, manifest: &[u8]) -> Result<SnapshotManifest, StorageError> {
    if manifest.len() > MAX_MANIFEST_BYTES {
        return Err(bad(format!("its manifest has {} bytes", manifest.len())));
    }
    let manifest = match decode_manifest(manifest, "an arriving snapshot") {
        // Nothing of this node's own is corrupt.
        Err(StorageError::Corrupt { why, .. }) => Err(bad(format!("its manifest: {why}"))),
        decoded => decoded,
    }?;
    let (ours, theirs) = (shelf.cluster_id.as_ref(), manifest.cluster_id.as_str());
    if !ours.is_empty() && !theirs.is_empty() && ours != theirs {
        let (theirs, ours) = (theirs.to_owned(), ours.to_owned());
        return Err(StorageError::ForeignSnapshot { theirs, ours });
    }
    let mut names = BTreeSet::new();
    for file in &manifest.files {
        let name = &file.name;
        if !is_plain(name) || name.ends_with(PART) || name == MANIFEST || !names.insert(name) {
            return Err(bad(format!("{name:?} is no plain file name, or is there twice")));
        }
    }
    let mut lengths = manifest.files.iter().map(|file| file.length_bytes);
    if lengths.try_fold(0_u64, u64::checked_add).is_none() {
        return Err(bad("its files are longer than any disk".to_owned()));
    }
    Ok(manifest)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name != "."
        && name != ".."
        && !name.starts_with(STAGING)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
#[path = "arriving_tests.rs"]
mod tests;
