//! Snapshot folders: a RocksDB checkpoint of the ledger's records with a
//! manifest, made durable in a staging folder and then renamed into place.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prost::Message as _;
use registry_proto::storage::{AppliedMark, SnapshotFile, SnapshotManifest};
use sha2::{Digest as _, Sha256};

use super::ledger_records::check_format;
use super::{StorageError, io_error, sync_folder};

pub(super) const MANIFEST: &str = "snapshot.manifest";
const STAGING: &str = "staging-";
/// Format of the manifest.
pub(crate) const FORMAT: u32 = 1;

/// One complete snapshot on this node's disk.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFolder {
    pub(crate) path: PathBuf,
    pub(crate) mark: AppliedMark,
    pub(crate) files: Vec<SnapshotFile>,
}

/// The folder that holds this node's snapshots; only the newest is kept.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotShelf {
    folder: PathBuf,
    /// Held to look at the shelf or to change it: a snapshot of this node's own
    /// may be put there while one from the leader arrives.
    order: Arc<Mutex<()>>,
    arrivals: Arc<AtomicU64>,
}

impl SnapshotShelf {
    /// Opens the shelf and removes what an interrupted run left unfinished.
    pub(crate) fn open(folder: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
        let shelf =
            Self { folder: folder.to_owned(), order: Arc::default(), arrivals: Arc::default() };
        for name in shelf.names()? {
            if name.starts_with(STAGING) {
                let path = folder.join(&name);
                fs::remove_dir_all(&path).map_err(|e| io_error("remove", &path, e))?;
            }
        }
        Ok(shelf)
    }

    fn names(&self) -> Result<Vec<String>, StorageError> {
        let mut names = Vec::new();
        let listing = fs::read_dir(&self.folder).map_err(|e| io_error("list", &self.folder, e))?;
        for item in listing {
            let item = item.map_err(|e| io_error("list", &self.folder, e))?;
            names.push(item.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// The newest complete snapshot.
    pub(crate) fn latest(&self) -> Result<Option<SnapshotFolder>, StorageError> {
        let _order = self.order.lock();
        let newest = self.names()?.into_iter().rfind(|name| !name.starts_with(STAGING));
        newest.map(|name| read_manifest(&self.folder.join(name))).transpose()
    }

    /// A fresh staging path; `purpose` keeps two users apart.
    pub(crate) fn staging(&self, purpose: &str) -> Result<PathBuf, StorageError> {
        let path = self.folder.join(format!("{STAGING}{purpose}"));
        match fs::remove_dir_all(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io_error("remove", &path, e)),
        }
        Ok(path)
    }

    /// Completes a checkpoint in `staging`: manifest, fsync, rename; older snapshots go.
    pub(crate) fn publish(
        &self,
        staging: &Path,
        mark: AppliedMark,
    ) -> Result<SnapshotFolder, StorageError> {
        // Whatever is wrong with it does not concern the new one.
        let before = self.latest().ok().flatten();
        seal(staging, mark, before.as_ref())?;
        self.shelve(staging)
    }

    /// Moves a complete snapshot to its place; older ones go. One that lies in
    /// its place already stays: after a crash it may be installed from there.
    pub(crate) fn shelve(&self, staging: &Path) -> Result<SnapshotFolder, StorageError> {
        let _order = self.order.lock();
        let staged = read_manifest(staging)?;
        let last = staged.mark.last_applied.unwrap_or_default();
        let name = format!("{:020}-{:010}", last.index, last.leader_id.unwrap_or_default().term);
        let target = self.folder.join(&name);
        if staging == target {
            return Ok(staged);
        }
        if target.exists() {
            // Never half a snapshot under a complete one's name, not even after a crash.
            let replaced = self.staging("replaced")?;
            fs::rename(&target, &replaced).map_err(|e| io_error("rename", &target, e))?;
        }
        fs::rename(staging, &target).map_err(|e| io_error("rename", staging, e))?;
        sync_folder(&self.folder)?;
        for old in self.names()? {
            if old < name && !old.starts_with(STAGING) {
                let path = self.folder.join(&old);
                fs::remove_dir_all(&path).map_err(|e| io_error("remove", &path, e))?;
            }
        }
        self.staging("replaced")?;
        read_manifest(&target)
    }

    /// Drops an arrived snapshot that was not wanted; one that was shelved has
    /// left this path.
    pub(crate) fn discard(&self, arrived: &Path) {
        if arrived.parent() == Some(&self.folder)
            && let Err(error) = fs::remove_dir_all(arrived)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %arrived.display(), "snapshot could not be removed");
        }
    }
}

/// Makes a checkpoint a snapshot where it lies: manifest and fsync. Tables that
/// `before` has as well are not hashed again.
pub(super) fn seal(
    folder: &Path,
    mark: AppliedMark,
    before: Option<&SnapshotFolder>,
) -> Result<SnapshotFolder, StorageError> {
    let mut files = Vec::new();
    let listing = fs::read_dir(folder).map_err(|e| io_error("list", folder, e))?;
    for item in listing {
        let item = item.map_err(|e| io_error("list", folder, e))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name == MANIFEST {
            continue;
        }
        if let Some(known) = before.and_then(|before| before.same_table(&item)) {
            files.push(known.clone());
            continue;
        }
        let (length_bytes, sha256) = sync_and_hash(&item.path())?;
        files.push(SnapshotFile { name, length_bytes, sha256: sha256.to_vec().into() });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let manifest = SnapshotManifest { format: FORMAT, mark: Some(mark), files };
    write_durably(&folder.join(MANIFEST), &manifest.encode_to_vec())?;
    sync_folder(folder)?;
    read_manifest(folder)
}

/// Writes a new file whole.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    File::create(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|e| io_error("write", path, e))
}

impl SnapshotFolder {
    /// The table of this snapshot that `item` is another name of. RocksDB never
    /// changes a table, so it is on disk and has the hash that it had; if the
    /// disk has changed it since, whoever gets it finds out.
    fn same_table(&self, item: &fs::DirEntry) -> Option<&SnapshotFile> {
        let name = item.file_name();
        let is_table = Path::new(&name).extension().is_some_and(|extension| extension == "sst");
        let table = self.files.iter().find(|file| is_table && name == file.name.as_str())?;
        let (here, there) = (fs::metadata(self.path.join(&name)).ok()?, item.metadata().ok()?);
        let same = |here: &fs::Metadata, there: &fs::Metadata| {
            (here.dev(), here.ino()) == (there.dev(), there.ino())
        };
        (same(&here, &there) && there.len() == table.length_bytes).then_some(table)
    }

    /// The first file that is not what its manifest says.
    pub(crate) fn first_damaged(&self) -> Result<Option<String>, StorageError> {
        for file in &self.files {
            let (length_bytes, sha256) = sync_and_hash(&self.path.join(&file.name))?;
            if length_bytes != file.length_bytes || sha256[..] != file.sha256[..] {
                return Ok(Some(file.name.clone()));
            }
        }
        Ok(None)
    }

    /// A snapshot that lies in a folder of its own, with all of its files as they
    /// were. Nothing is written.
    pub(crate) fn look(folder: &Path) -> Result<Self, StorageError> {
        let snapshot = read_manifest(folder)?;
        for file in &snapshot.files {
            let path = folder.join(&file.name);
            let opened = File::open(&path).map_err(|e| io_error("open", &path, e))?;
            let (length_bytes, sha256) = hash(opened, &path)?;
            if length_bytes != file.length_bytes || sha256[..] != file.sha256[..] {
                let why = "it is not what the snapshot's manifest says".to_owned();
                return Err(StorageError::Corrupt { what: path.display().to_string(), why });
            }
        }
        Ok(snapshot)
    }

    /// Names of the files to send, the manifest first.
    pub(crate) fn file_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(MANIFEST).chain(self.files.iter().map(|file| file.name.as_str()))
    }
}

pub(super) fn read_manifest(folder: &Path) -> Result<SnapshotFolder, StorageError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|e| io_error("read", &path, e))?;
    let corrupt = |why: String| StorageError::Corrupt { what: path.display().to_string(), why };
    let manifest = SnapshotManifest::decode(&bytes[..]).map_err(|e| corrupt(e.to_string()))?;
    if manifest.format != FORMAT {
        return Err(StorageError::OtherFormat {
            what: path.display().to_string(),
            found: manifest.format.to_string(),
            reads: FORMAT,
        });
    }
    let mark = manifest.mark.ok_or_else(|| corrupt("no mark".into()))?;
    check_format(&mark, "a snapshot of the ledger")?;
    Ok(SnapshotFolder { path: folder.to_owned(), mark, files: manifest.files })
}

pub(super) fn sync_and_hash(path: &Path) -> Result<(u64, [u8; 32]), StorageError> {
    let file = File::open(path).map_err(|e| io_error("open", path, e))?;
    file.sync_all().map_err(|e| io_error("sync", path, e))?;
    hash(file, path)
}

pub(super) fn hash(mut file: File, path: &Path) -> Result<(u64, [u8; 32]), StorageError> {
    let mut hash = Sha256::new();
    let mut length = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(|e| io_error("read", path, e))?;
        if read == 0 {
            return Ok((length, hash.finalize().into()));
        }
        length += read as u64;
        hash.update(&buffer[..read]);
    }
}

/// A snapshot that arrives file by file in a staging folder, which goes when
/// the rest does not come.
pub(crate) struct IncomingSnapshot {
    shelf: SnapshotShelf,
    staging: PathBuf,
    current: Option<(PathBuf, File, u64)>,
    names: BTreeSet<String>,
    complete: bool,
}

impl Drop for IncomingSnapshot {
    fn drop(&mut self) {
        if !self.complete {
            self.shelf.discard(&self.staging);
        }
    }
}

impl IncomingSnapshot {
    /// Starts anew, apart from other attempts of the same sender: one of them
    /// may be complete and about to be installed.
    pub(crate) fn begin(shelf: &SnapshotShelf, sender: u64) -> Result<Self, StorageError> {
        let arrival = shelf.arrivals.fetch_add(1, Ordering::Relaxed);
        let staging = shelf.staging(&format!("from-{sender}-{arrival}"))?;
        fs::create_dir_all(&staging).map_err(|e| io_error("create", &staging, e))?;
        Ok(Self {
            shelf: shelf.clone(),
            staging,
            current: None,
            names: BTreeSet::new(),
            complete: false,
        })
    }

    /// Starts the next file.
    pub(crate) fn file(&mut self, name: &str, length_bytes: u64) -> Result<(), StorageError> {
        self.close()?;
        let plain = !name.is_empty()
            && name.len() <= 100
            && name != "."
            && name != ".."
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !plain {
            return Err(StorageError::BadSnapshot(format!("{name:?} is no plain file name")));
        }
        let path = self.staging.join(name);
        let file = File::create_new(&path).map_err(|e| io_error("create", &path, e))?;
        self.current = Some((path, file, length_bytes));
        self.names.insert(name.to_owned());
        Ok(())
    }

    /// Appends to the current file.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let Some((path, file, remaining)) = &mut self.current else {
            return Err(StorageError::BadSnapshot("data before the first file".into()));
        };
        *remaining = remaining.checked_sub(bytes.len() as u64).ok_or_else(|| {
            StorageError::BadSnapshot(format!("{} is longer than announced", path.display()))
        })?;
        file.write_all(bytes).map_err(|e| io_error("write", path, e))
    }

    /// All but the manifest, in the manifest's order.
    fn other_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| *name != MANIFEST)
    }

    fn close(&mut self) -> Result<(), StorageError> {
        match self.current.take() {
            Some((path, _, remaining)) if remaining > 0 => Err(StorageError::BadSnapshot(format!(
                "{} is {remaining} bytes short",
                path.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Verifies every file against the manifest and makes all durable, still in staging.
    pub(crate) fn finish(mut self) -> Result<SnapshotFolder, StorageError> {
        self.close()?;
        let arrived = read_manifest(&self.staging)?;
        // Only what arrived under a plain name is looked at, and all of it is verified.
        if !arrived.file_names().eq(std::iter::once(MANIFEST).chain(self.other_names())) {
            let why = "its files are not those of its manifest";
            return Err(StorageError::BadSnapshot(why.into()));
        }
        if let Some(damaged) = arrived.first_damaged()? {
            return Err(StorageError::BadSnapshot(format!("{damaged} differs from the manifest")));
        }
        let manifest = self.staging.join(MANIFEST);
        File::open(&manifest)
            .and_then(|file| file.sync_all())
            .map_err(|e| io_error("sync", &manifest, e))?;
        sync_folder(&self.staging)?;
        let folder = read_manifest(&self.staging)?;
        self.complete = true;
        Ok(folder)
    }
}
