//! Makes a data folder of a backup and the archive behind it: the records of the
//! backup with the archived entries applied to them, cut off from the cluster that
//! they are of. Its node is alone with it: nothing in its log, a term above every
//! one before, a storage id of its own, and a snapshot for those who join it.

mod archive;
mod backup;
mod log;
mod replay;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use archive::ArchivedEntries;
use backup::Backup;
use registry_ledger::{LedgerTime, Reason, Rejection, Restoration};
use replay::Replay;

use super::storage_id::{self, FoundLog};
use super::{SnapshotShelf, StorageError, io_error, sync_folder};
use crate::raft::LaterRules;
use crate::raft::state_machine::read_mark;
use crate::raft::types::{LogId, Vote};

/// What the name of a folder ends with that is not whole yet.
const UNFINISHED: &str = ".restoring";
/// Left free on the disk.
const SPARE_BYTES: u64 = 64 << 20;

/// What a data folder is to be made of, and for whom.
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
    /// The cluster that is to be founded on it.
    pub(crate) cluster_id: &'a str,
    /// The node that founds it.
    pub(crate) node_id: u64,
    /// The clock.
    pub(crate) now: LedgerTime,
}

/// What a data folder holds now.
#[derive(Debug)]
pub(crate) struct Restored {
    /// As the ledger itself says it.
    pub(crate) restoration: Restoration,
    /// The backup's last entry.
    pub(crate) backup_index: u64,
    /// Entries applied to it.
    pub(crate) entries: u64,
    /// The archive's chain hash behind the last of them.
    pub(crate) archive_chain: Option<[u8; 32]>,
    /// Where the restored log begins.
    pub(crate) begins: LogId,
    /// Of the folder as it is now, with the event that tells of the restoration.
    pub(crate) state_digest: [u8; 32],
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// Nothing is ever overwritten.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// It would not fit.
    #[error("{path} has {free_bytes} bytes free, {needed_bytes} are needed")]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// As far as can be told before.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// Bytes are missing or not what was written.
    #[error("{path} is not what was written: {why}")]
    Damaged {
        /// Which file or folder.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// Written by another version.
    #[error("{path} has {what} {found}, this version reads {reads}")]
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
    /// By rules that this program does not know.
    #[error(transparent)]
    LaterRules(#[from] LaterRules),
    /// Entries between backup and archive, or within the archive, are nowhere.
    #[error(
        "log entries {from_index} to {} are missing from the archive; without them the registry can be restored up to entry {}",
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
    #[error("the archive is of {found}, the backup of {expected}")]
    OtherCluster {
        /// The backup's.
        expected: String,
        /// The archive's.
        found: String,
    },
    /// A backup cannot be taken back.
    #[error("the backup ends with log entry {last_index}, entry {asked_index} is before it")]
    BeforeBackup {
        /// What is wanted.
        asked_index: u64,
        /// The backup's last.
        last_index: u64,
    },
    /// What is not archived cannot be applied.
    #[error("the last log entry that there is is {last_index}, entry {asked_index} is behind it")]
    BeyondArchive {
        /// What is wanted.
        asked_index: u64,
        /// The last there is.
        last_index: u64,
    },
    /// The registry may not become the one that is asked for.
    #[error("{0}")]
    Refused(Rejection),
    /// The file system or RocksDB refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn damaged(path: &Path, why: impl Into<String>) -> RestoreError {
    RestoreError::Damaged { path: path.to_owned(), why: why.into() }
}

impl RestoreError {
    /// A stable code: docs/errors.md.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotEmpty(_) => "FOLDER_IN_USE",
            Self::NoSpace { .. } => "NO_SPACE",
            Self::Damaged { .. } => "BACKUP_BROKEN",
            Self::OtherFormat { .. } | Self::LaterRules(_) => "OTHER_FORMAT",
            Self::Gap { .. } => "ARCHIVE_GAP",
            Self::OtherCluster { .. } => "OTHER_CLUSTER",
            Self::BeforeBackup { .. } | Self::BeyondArchive { .. } => "POSITION_NOT_HELD",
            Self::Refused(rejection) if rejection.reason == Reason::AlreadyBootstrapped => {
                "SAME_CLUSTER"
            }
            Self::Storage(StorageError::Io { error, .. })
                if error.kind() == ErrorKind::StorageFull =>
            {
                "NO_SPACE"
            }
            // RocksDB tells by words only.
            Self::Storage(StorageError::Rocks { error, .. })
                if error.to_string().contains("No space left") =>
            {
                "NO_SPACE"
            }
            Self::Storage(StorageError::OtherFormat { .. }) => "OTHER_FORMAT",
            Self::Storage(StorageError::Corrupt { .. }) => "BACKUP_BROKEN",
            Self::Refused(_) | Self::Storage(_) => "OTHER",
        }
    }
}

/// Makes the data folder. It gets its name when all of it is there and on the disk;
/// of what was refused or interrupted nothing is left under that name.
///
/// # Errors
/// [`RestoreError`].
pub(crate) fn restore(plan: &RestorePlan<'_>) -> Result<Restored, RestoreError> {
    must_be_empty(plan.data_dir)?;
    let backup = Backup::open(plan.backup)?;
    let unfinished = unfinished(plan.data_dir);
    remove_if_there(&unfinished)?;
    must_have_room(plan, &backup)?;
    let made = make(plan, &backup, &unfinished);
    if made.is_err() {
        // What went wrong first is what counts.
        let _ = remove_if_there(&unfinished);
        return made;
    }
    fs::rename(&unfinished, plan.data_dir)
        .map_err(|e| io_error("give its name to", &unfinished, e))?;
    sync_folder(parent(plan.data_dir))?;
    made
}

fn make(plan: &RestorePlan<'_>, backup: &Backup, into: &Path) -> Result<Restored, RestoreError> {
    let (last_applied, _) = read_mark(&backup.mark)?;
    let last_applied =
        last_applied.ok_or_else(|| damaged(plan.backup, "its ledger reflects no log entry"))?;
    let backup_index = last_applied.index;
    if let Some(asked_index) = plan.through_index.filter(|asked| *asked < backup_index) {
        return Err(RestoreError::BeforeBackup { asked_index, last_index: backup_index });
    }
    fs::create_dir_all(into).map_err(|e| io_error("create", into, e))?;
    let mut replay = Replay::begin(backup, &into.join("ledger"), last_applied)?;
    let mut archive_chain = None;
    if let Some(archive) = plan.archive {
        let mut entries = ArchivedEntries::open(archive, last_applied, backup)?;
        let through_index = plan.through_index.unwrap_or(u64::MAX);
        while replay.last_applied().index < through_index {
            let Some(entry) = entries.next() else { break };
            replay.apply(&entry?)?;
            archive_chain = entries.chain_sha256();
        }
    }
    let last_index = replay.last_applied().index;
    if let Some(asked_index) = plan.through_index.filter(|asked| *asked > last_index) {
        return Err(RestoreError::BeyondArchive { asked_index, last_index });
    }
    let shelf = SnapshotShelf::open(&into.join("snapshots"))?;
    let cut = replay.cut_off(plan, &shelf)?;
    let vote = Vote::new(cut.begins.leader_id.term, plan.node_id);
    log::create_log(&into.join("log"), cut.begins, vote)?;
    storage_id::open(into, FoundLog::Empty)?;
    sync_folder(into)?;
    Ok(Restored {
        restoration: cut.restoration,
        backup_index,
        entries: last_index - backup_index,
        archive_chain,
        begins: cut.begins,
        state_digest: cut.state_digest,
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

/// Beside the data folder: it must be on the same disk.
fn unfinished(data_dir: &Path) -> PathBuf {
    let mut name: OsString = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    data_dir.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove_if_there(folder: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io_error("remove", folder, e)),
        _ => Ok(()),
    }
}

/// The backup's files, what the archive adds, and the snapshot, which shares most
/// of them, fit.
fn must_have_room(plan: &RestorePlan<'_>, backup: &Backup) -> Result<(), RestoreError> {
    let folder = parent(plan.data_dir);
    fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
    let disk = rustix::fs::statvfs(folder).map_err(|e| io_error("look at", folder, e.into()))?;
    let mut needed_bytes = backup.bytes();
    if let Some(archive) = plan.archive {
        needed_bytes = needed_bytes.saturating_add(archive::size_bytes(archive)?);
    }
    must_fit(folder, needed_bytes, disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn must_fit(path: &Path, content_bytes: u64, free_bytes: u64) -> Result<(), RestoreError> {
    let needed_bytes = content_bytes.saturating_add(SPARE_BYTES);
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    Err(RestoreError::NoSpace { path: path.to_owned(), needed_bytes, free_bytes })
}
