//! A backup on disk: a snapshot with a manifest that a node signed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_proto::registry::{BackupManifest, SignedDocument};
use registry_proto::storage::AppliedMark;

use super::{RestoreError, damaged};
use crate::raft::state_machine::BATCH_FORMAT;
use crate::storage::backup_shelf::BACKUP_MANIFEST;
use crate::storage::ledger_records::MARK_FORMAT;
use crate::storage::snapshot::{FORMAT, MANIFEST, hash, read_manifest};
use crate::storage::{StorageError, io_error};

/// Format of a backup's manifest.
const BACKUP_FORMAT: u32 = 1;

/// A backup whose every file is what its manifest says.
pub(super) struct Backup {
    pub(super) folder: PathBuf,
    pub(super) manifest: BackupManifest,
    pub(super) mark: AppliedMark,
}

impl Backup {
    pub(super) fn open(folder: &Path) -> Result<Self, RestoreError> {
        let path = folder.join(BACKUP_MANIFEST);
        let bytes = fs::read(&path).map_err(|e| io_error("read", &path, e))?;
        let document =
            SignedDocument::decode(&bytes[..]).map_err(|e| damaged(&path, e.to_string()))?;
        let manifest =
            BackupManifest::decode(document.content).map_err(|e| damaged(&path, e.to_string()))?;
        check_formats(&manifest, &path)?;
        check_files(&manifest, folder)?;
        let snapshot = read_manifest(folder).map_err(|error| match error {
            StorageError::Corrupt { what, why } => damaged(Path::new(&what), why),
            other => other.into(),
        })?;
        let backup = Self { folder: folder.to_owned(), manifest, mark: snapshot.mark };
        backup.check_mark()?;
        Ok(backup)
    }

    /// What was signed is what the snapshot says of itself.
    fn check_mark(&self) -> Result<(), RestoreError> {
        let Self { folder, manifest, mark } = self;
        let last = mark.last_applied.unwrap_or_default();
        let leader = last.leader_id.unwrap_or_default();
        let signed = (manifest.log_index, manifest.term, manifest.leader_node_id);
        let same = (last.index, leader.term, leader.node_id) == signed
            && mark.state_digest == manifest.state_digest
            && mark.answers_digest == manifest.answers_digest;
        if same {
            return Ok(());
        }
        Err(damaged(
            &folder.join(MANIFEST),
            "it is not of the state that the backup's manifest has",
        ))
    }

    /// Of all files but the manifest.
    pub(super) fn bytes(&self) -> u64 {
        self.manifest.files.iter().map(|file| file.length_bytes).fold(0, u64::saturating_add)
    }

    /// The files of the database.
    pub(super) fn record_files(&self) -> impl Iterator<Item = &str> {
        let names = self.manifest.files.iter().map(|file| file.name.as_str());
        names.filter(|name| *name != MANIFEST)
    }
}

fn check_formats(manifest: &BackupManifest, path: &Path) -> Result<(), RestoreError> {
    let formats = [
        ("a manifest of format", manifest.format, BACKUP_FORMAT),
        ("a snapshot of format", manifest.snapshot_format, FORMAT),
        ("records of format", manifest.store_format, MARK_FORMAT),
        ("log entries of format", manifest.log_format, BATCH_FORMAT),
    ];
    match formats.into_iter().find(|(_, found, reads)| found != reads) {
        None => Ok(()),
        Some((what, found, reads)) => {
            Err(RestoreError::OtherFormat { path: path.to_owned(), what, found, reads })
        }
    }
}

/// Exactly the files of the manifest, each as it says.
fn check_files(manifest: &BackupManifest, folder: &Path) -> Result<(), RestoreError> {
    let names: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    for item in fs::read_dir(folder).map_err(|e| io_error("list", folder, e))? {
        let item = item.map_err(|e| io_error("list", folder, e))?;
        let name = item.file_name().to_string_lossy().into_owned();
        if name != BACKUP_MANIFEST && !names.contains(name.as_str()) {
            return Err(damaged(&item.path(), "the backup's manifest does not name it"));
        }
    }
    for file in &manifest.files {
        let path = folder.join(&file.name);
        if Path::new(&file.name).file_name().is_none_or(|name| name != file.name.as_str()) {
            return Err(damaged(folder, format!("its manifest names a file {:?}", file.name)));
        }
        if !path.exists() {
            return Err(damaged(&path, "it is missing"));
        }
        // Only read: a backup may lie on what nobody can write.
        let opened = fs::File::open(&path).map_err(|e| io_error("open", &path, e))?;
        let (length_bytes, sha256) = hash(opened, &path)?;
        if length_bytes != file.length_bytes || sha256[..] != file.sha256[..] {
            return Err(damaged(&path, "it is not what the backup's manifest says"));
        }
    }
    Ok(())
}
