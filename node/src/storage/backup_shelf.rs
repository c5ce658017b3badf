//! Checkpoints kept for backups: each a snapshot with a signed manifest beside
//! it, until whoever fetches it lets it go. They outlive a restart, so that a
//! download goes on.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_proto::registry::{BackupFile, SignedDocument};
use registry_proto::storage::AppliedMark;

use super::snapshot::{MANIFEST, SnapshotFolder, seal, sync_and_hash, write_durably};
use super::{StorageError, io_error, sync_folder};

/// The signed manifest of a backup, beside its other files.
pub(crate) const BACKUP_MANIFEST: &str = "backup.manifest";
const STAGING: &str = "staging";

/// The folder of a node's kept checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct BackupShelf {
    folder: PathBuf,
}

impl BackupShelf {
    /// Opens the shelf and removes what an interrupted run left unfinished. The
    /// folder is made with the first checkpoint.
    pub(crate) fn open(folder: &Path) -> Result<Self, StorageError> {
        let shelf = Self { folder: folder.to_owned() };
        remove_if_there(&shelf.folder.join(STAGING))?;
        Ok(shelf)
    }

    /// A fresh staging path.
    pub(crate) fn staging(&self) -> Result<PathBuf, StorageError> {
        fs::create_dir_all(&self.folder).map_err(|e| io_error("create", &self.folder, e))?;
        let path = self.folder.join(STAGING);
        remove_if_there(&path)?;
        Ok(path)
    }

    /// Completes a checkpoint in staging as a snapshot and lists its files.
    pub(crate) fn seal(
        staging: &Path,
        mark: AppliedMark,
        before: Option<&SnapshotFolder>,
        cluster_id: &str,
    ) -> Result<Vec<BackupFile>, StorageError> {
        let sealed = seal(staging, mark, before, cluster_id)?;
        let (length_bytes, sha256) = sync_and_hash(&staging.join(MANIFEST))?;
        let name = MANIFEST.to_owned();
        let manifest = BackupFile { name, length_bytes, sha256: sha256.to_vec().into() };
        let others = sealed.files.into_iter().map(|file| BackupFile {
            name: file.name,
            length_bytes: file.length_bytes,
            sha256: file.sha256,
        });
        Ok(std::iter::once(manifest).chain(others).collect())
    }

    /// Keeps what is in staging under its id.
    pub(crate) fn keep(
        &self,
        staging: &Path,
        id: &str,
        manifest: &SignedDocument,
    ) -> Result<(), StorageError> {
        write_durably(&staging.join(BACKUP_MANIFEST), &manifest.encode_to_vec())?;
        sync_folder(staging)?;
        let target = self.path(id);
        fs::rename(staging, &target).map_err(|e| io_error("rename", staging, e))?;
        sync_folder(&self.folder)
    }

    /// Every kept checkpoint with its manifest; what cannot be read goes.
    pub(crate) fn kept(&self) -> Result<Vec<(String, SignedDocument)>, StorageError> {
        let listing = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(|e| io_error("list", &self.folder, e))?,
        };
        let mut kept = Vec::new();
        for item in listing {
            let item = item.map_err(|e| io_error("list", &self.folder, e))?;
            let id = item.file_name().to_string_lossy().into_owned();
            let bytes = fs::read(item.path().join(BACKUP_MANIFEST)).unwrap_or_default();
            match SignedDocument::decode(&bytes[..]) {
                Ok(document) if !bytes.is_empty() => kept.push((id, document)),
                _ => self.release(&id)?,
            }
        }
        Ok(kept)
    }

    /// Where the checkpoint of this id lies.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Lets it go; one that is gone already is no error.
    pub(crate) fn release(&self, id: &str) -> Result<(), StorageError> {
        remove_if_there(&self.path(id))
    }
}

fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}
