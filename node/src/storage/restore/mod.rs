//! Makes a data folder of a backup and the archive behind it: ledger records as
//! the backup has them, and a log with the archived entries, which the node
//! applies when it starts. It has no vote and a storage id of its own: no part
//! in the cluster that the backup is of.

mod archive;
mod backup;
mod log;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use archive::ArchivedEntries;
use backup::Backup;
use registry_proto::storage::AppliedMark;

use super::ledger_records::{flush, load, open_database};
use super::storage_id::{self, FoundLog};
use super::{StorageError, io_error, sync_folder};
use crate::raft::state_machine::read_mark;
use crate::raft::types::LogId;

/// Parts of a data folder that is not whole yet.
const STAGING: &str = "restoring";

/// What a data folder is to be made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RestorePlan<'a> {
    /// Absent or empty.
    pub(crate) data_dir: &'a Path,
    /// A folder made by `registryctl backup create`, whose signature was checked.
    pub(crate) backup: &'a Path,
    /// A folder made by `registryctl backup follow`.
    pub(crate) archive: Option<&'a Path>,
    /// The last log entry wanted; the archive's last one, or the backup's, if unset.
    pub(crate) through_index: Option<u64>,
}

/// What a data folder holds now.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Of the backup.
    pub(crate) cluster_id: String,
    /// Of the backup.
    pub(crate) recovery_epoch: u64,
    /// What the records reflect.
    pub(crate) mark: AppliedMark,
    /// The last entry of the log; the backup's last one when the log has none.
    pub(crate) last_log_id: LogId,
    /// Drawn for this folder.
    pub(crate) storage_id: [u8; 16],
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// Nothing is ever overwritten.
    #[error("{0} is not empty: restore into an empty folder, or move what is there away")]
    NotEmpty(PathBuf),
    /// Bytes are missing or not what was written.
    #[error("{path} is damaged: {why}; take another copy of it, or an earlier backup")]
    Damaged {
        /// Which file or folder.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// Written by another version.
    #[error("{path} has {what} {found}, this version reads {reads}: restore with its version")]
    OtherFormat {
        /// Which file.
        path: PathBuf,
        /// Which of its formats.
        what: &'static str,
        /// As it is.
        found: u32,
        /// As this version reads it.
        reads: u32,
    },
    /// Entries between backup and archive, or within the archive, are nowhere.
    #[error(
        "log entries {from_index} to {} are missing from the archive: look for its missing segments, or restore up to the entry before: {}",
        begins_at.saturating_sub(1),
        from_index.saturating_sub(1)
    )]
    Gap {
        /// The first that is missing.
        from_index: u64,
        /// The first behind the hole.
        begins_at: u64,
    },
    /// Backup and archive are of two clusters, or of one before and after a recovery.
    #[error("the archive is of {found}, the backup of {expected}: use that backup's archive")]
    OtherCluster {
        /// The backup's.
        expected: String,
        /// The archive's.
        found: String,
    },
    /// A backup cannot be taken back.
    #[error(
        "the backup ends with log entry {last_index}, {asked_index} is before it: use an earlier backup"
    )]
    BeforeBackup {
        /// What is wanted.
        asked_index: u64,
        /// The backup's last.
        last_index: u64,
    },
    /// What is not archived cannot be applied.
    #[error(
        "the last log entry that there is is {last_index}, {asked_index} is behind it: give the archive that has it"
    )]
    BeyondArchive {
        /// What is wanted.
        asked_index: u64,
        /// The last there is.
        last_index: u64,
    },
    /// The file system or RocksDB refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn damaged(path: &Path, why: impl Into<String>) -> RestoreError {
    RestoreError::Damaged { path: path.to_owned(), why: why.into() }
}

/// Makes the data folder. Everything is checked before anything is written. A node
/// does not start in a folder that an interruption left half made.
///
/// # Errors
/// [`RestoreError`], whose sentence says what to do.
pub(crate) fn restore(plan: &RestorePlan<'_>) -> Result<Restored, RestoreError> {
    must_be_empty(plan.data_dir)?;
    let backup = Backup::open(plan.backup)?;
    let (last_applied, _) = read_mark(&backup.mark)?;
    let last_applied =
        last_applied.ok_or_else(|| damaged(plan.backup, "its ledger reflects no log entry"))?;
    let through_index = check_archive(plan, &backup, &last_applied)?;

    let staging = plan.data_dir.join(STAGING);
    fs::create_dir_all(&staging).map_err(|e| io_error("create", &staging, e))?;
    // First: with it and without a log a node refuses to start.
    let storage_id = storage_id::open(plan.data_dir, FoundLog::Empty)?;
    let mark = copy_ledger(&backup, &staging.join("ledger"))?;
    let entries = match plan.archive {
        Some(archive) if through_index > last_applied.index => {
            Some(ArchivedEntries::open(archive, last_applied, &backup)?.through(through_index))
        }
        _ => None,
    };
    let last_log_id =
        log::create(&staging.join("log"), last_applied, entries.into_iter().flatten())?;
    sync_folder(&staging)?;
    for part in ["ledger", "log"] {
        let (from, to) = (staging.join(part), plan.data_dir.join(part));
        fs::rename(&from, &to).map_err(|e| io_error("rename", &from, e))?;
        sync_folder(plan.data_dir)?;
    }
    fs::remove_dir(&staging).map_err(|e| io_error("remove", &staging, e))?;
    Ok(Restored {
        cluster_id: backup.manifest.cluster_id,
        recovery_epoch: backup.manifest.recovery_epoch,
        mark,
        last_log_id,
        storage_id,
    })
}

fn must_be_empty(data_dir: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(data_dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io_error("list", data_dir, e).into()),
        Ok(mut items) => match items.next() {
            None => Ok(()),
            Some(_) => Err(RestoreError::NotEmpty(data_dir.to_owned())),
        },
    }
}

/// Reads every entry that is wanted, and answers the last one's index.
fn check_archive(
    plan: &RestorePlan<'_>,
    backup: &Backup,
    last_applied: &LogId,
) -> Result<u64, RestoreError> {
    let asked = plan.through_index;
    if let Some(asked_index) = asked.filter(|asked| *asked < last_applied.index) {
        return Err(RestoreError::BeforeBackup { asked_index, last_index: last_applied.index });
    }
    let mut last_index = last_applied.index;
    if let Some(archive) = plan.archive {
        let entries = ArchivedEntries::open(archive, *last_applied, backup)?;
        for entry in entries.through(asked.unwrap_or(u64::MAX)) {
            last_index = entry?.log_id.index;
        }
    }
    match asked.filter(|asked| *asked > last_index) {
        Some(asked_index) => Err(RestoreError::BeyondArchive { asked_index, last_index }),
        None => Ok(last_index),
    }
}

/// Copies the records and reads all of them: they are those of the mark.
fn copy_ledger(backup: &Backup, into: &Path) -> Result<AppliedMark, RestoreError> {
    fs::create_dir_all(into).map_err(|e| io_error("create", into, e))?;
    for name in backup.record_files() {
        let (from, to) = (backup.folder.join(name), into.join(name));
        fs::copy(&from, &to).map_err(|e| io_error("copy", &from, e))?;
    }
    let mark = {
        let db = open_database(into)?;
        let opened = load(&db)?;
        flush(&db)?;
        opened.mark
    };
    if mark != backup.mark {
        return Err(damaged(
            &backup.folder,
            "its records are not those that its manifest tells of",
        ));
    }
    for item in fs::read_dir(into).map_err(|e| io_error("list", into, e))? {
        let path = item.map_err(|e| io_error("list", into, e))?.path();
        let synced = fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|e| io_error("sync", &path, e))?;
    }
    sync_folder(into)?;
    Ok(mark)
}
