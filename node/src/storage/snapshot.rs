//! Snapshot folders: a RocksDB checkpoint of the ledger's records with a
//! manifest, made durable in a staging folder and then renamed into place.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use prost::Message as _;
use registry_proto::storage::{AppliedMark, SnapshotFile, SnapshotManifest};
use sha2::{Digest as _, Sha256};

use super::arriving::{Arrivals, is_half_arrived};
use super::ledger_records::check_format;
use super::{StorageError, io_error, sync_folder};

pub(crate) const MANIFEST: &str = "snapshot.manifest";
pub(super) const STAGING: &str = "staging-";
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
    /// What arrives from other nodes.
    pub(super) arrivals: Arc<Mutex<Arrivals>>,
    /// Noted in each manifest; empty where it does not matter.
    pub(super) cluster_id: Arc<str>,
}

impl SnapshotShelf {
    /// Opens the shelf and removes what an interrupted run left unfinished.
    pub(crate) fn open(folder: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
        let shelf = Self {
            folder: folder.to_owned(),
            order: Arc::default(),
            arrivals: Arc::default(),
            cluster_id: Arc::default(),
        };
        shelf.keep_half_arrived()?;
        for name in shelf.names()? {
            if name.starts_with(STAGING) && !is_half_arrived(&name) {
                let path = folder.join(&name);
                fs::remove_dir_all(&path).map_err(|e| io_error("remove", &path, e))?;
            }
        }
        Ok(shelf)
    }

    /// The same for snapshots of one cluster only.
    pub(crate) fn of_cluster(self, cluster_id: &str) -> Self {
        Self { cluster_id: cluster_id.into(), ..self }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn names(&self) -> Result<Vec<String>, StorageError> {
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
        seal(staging, mark, before.as_ref(), &self.cluster_id)?;
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
    cluster_id: &str,
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
    let cluster_id = cluster_id.to_owned();
    let manifest = SnapshotManifest { format: FORMAT, mark: Some(mark), files, cluster_id };
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

    /// What identifies this snapshot and vouches for its files.
    pub(crate) fn manifest(&self) -> Result<Vec<u8>, StorageError> {
        let path = self.path.join(MANIFEST);
        fs::read(&path).map_err(|e| io_error("read", &path, e))
    }
}

pub(super) fn read_manifest(folder: &Path) -> Result<SnapshotFolder, StorageError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|e| io_error("read", &path, e))?;
    let manifest = decode_manifest(&bytes, &path.display().to_string())?;
    let mark = manifest.mark.unwrap_or_default();
    Ok(SnapshotFolder { path: folder.to_owned(), mark, files: manifest.files })
}

/// A manifest of a format that this version reads, with its mark.
pub(super) fn decode_manifest(bytes: &[u8], what: &str) -> Result<SnapshotManifest, StorageError> {
    let corrupt = |why: String| StorageError::Corrupt { what: what.to_owned(), why };
    let manifest = SnapshotManifest::decode(bytes).map_err(|e| corrupt(e.to_string()))?;
    if manifest.format != FORMAT {
        return Err(StorageError::OtherFormat {
            what: what.to_owned(),
            found: manifest.format.to_string(),
            reads: FORMAT,
        });
    }
    let mark = manifest.mark.as_ref().ok_or_else(|| corrupt("no mark".into()))?;
    check_format(mark, "a snapshot of the ledger")?;
    Ok(manifest)
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
