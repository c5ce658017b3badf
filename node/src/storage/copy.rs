//! A copy of a node's data folder, or one of its snapshots, opened to be read:
//! not a byte of it changes.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use super::journal::Journal;
use super::ledger_records::{OpenedLedger, damage, open_read_only, read};
use super::snapshot::{MANIFEST, SnapshotFolder};
use super::{LogExtent, StorageError, io_error};

/// The ledger in a folder that no node uses.
pub(crate) struct FolderCopy {
    pub(crate) opened: OpenedLedger,
    pub(crate) journal: Journal,
    /// What became of the log; a snapshot has none.
    pub(crate) log: Option<LogExtent>,
    /// Id of the data folder that it is a copy of; a snapshot has none.
    pub(crate) storage_id: Option<[u8; 16]>,
    /// How the records differ from what was written.
    pub(crate) damage: Option<String>,
    /// Held so that no node starts in the folder meanwhile.
    pub(crate) locks: Vec<File>,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// Nothing that this program has written.
    #[error(
        "{0} is neither a node's data folder nor a snapshot of one: it has no ledger/ and no {MANIFEST}"
    )]
    NoCopy(PathBuf),
    /// A node may change it at any time.
    #[error(
        "{0} is in use by a running node: copy the folder while its node is stopped, or copy one of its snapshots"
    )]
    InUse(PathBuf),
    /// Bytes are missing or not what was written.
    #[error(
        "the copy is damaged: {what}: {why}; a copy is whole when its node was stopped while it was made, or when it is one of a snapshot"
    )]
    Damaged {
        /// Which part.
        what: String,
        /// How it shows.
        why: String,
    },
    /// Records that can be read and are not those that were written.
    #[error(
        "the copy is damaged: {0}; serve it with --despite-damage to have `registryctl audit` name the first record that is wrong"
    )]
    Altered(String),
    /// Of another format, or the file system refused.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for CopyError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupt { what, why } => Self::Damaged { what, why },
            StorageError::Rocks { what, error } => {
                Self::Damaged { what: what.to_owned(), why: error.to_string() }
            }
            StorageError::Io { what, path, error } if error.kind() == ErrorKind::NotFound => {
                Self::Damaged { what: format!("{what} {path}"), why: error.to_string() }
            }
            other => Self::Storage(other),
        }
    }
}

impl FolderCopy {
    /// Opens a data folder or a snapshot. Records that are not what was written
    /// are refused unless `despite_damage`, and then as far as they can be read.
    pub(crate) fn open(folder: &Path, despite_damage: bool) -> Result<Self, CopyError> {
        if folder.join(MANIFEST).exists() {
            if !despite_damage {
                SnapshotFolder::look(folder)?;
            }
            return Self::of(folder, None, None, Vec::new(), despite_damage);
        }
        let ledger = [folder.join("ledger.next"), folder.join("ledger")];
        // A `.next` that is whole is newer: the node was about to put it in place.
        let ledger = ledger.into_iter().find(|of| of.join("CURRENT").exists());
        if ledger.is_none() && !folder.join("ledger").exists() {
            return Err(CopyError::NoCopy(folder.to_owned()));
        }
        let ledger = ledger.ok_or_else(|| CopyError::Damaged {
            what: folder.join("ledger").display().to_string(),
            why: "its file CURRENT is missing".to_owned(),
        })?;
        let log = folder.join("log");
        let locks = [&folder.join("ledger"), &ledger, &log].map(|of| lock(folder, of));
        let locks = locks.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let id = folder.join("storage.id");
        let storage_id = std::fs::read(&id).map_err(|e| io_error("read", &id, e))?;
        let storage_id = storage_id.try_into().map_err(|_| CopyError::Damaged {
            what: id.display().to_string(),
            why: "it does not hold 16 bytes".to_owned(),
        })?;
        let log = LogExtent::look(&log)?;
        Self::of(&ledger, Some(log), Some(storage_id), locks, despite_damage)
    }

    fn of(
        records: &Path,
        log: Option<LogExtent>,
        storage_id: Option<[u8; 16]>,
        locks: Vec<File>,
        despite_damage: bool,
    ) -> Result<Self, CopyError> {
        let db = open_read_only(records)?;
        let opened = read(&db)?;
        let damage = damage(&db, &opened)?;
        let damage = damage.or_else(|| log.and_then(|log| behind_its_log(&opened, log)));
        if let Some(why) = damage.as_ref().filter(|_| !despite_damage) {
            return Err(CopyError::Altered(why.clone()));
        }
        let last_event = opened.ledger.journal().leaves();
        let journal = Journal::new(Arc::new(RwLock::new(Some(db))), last_event);
        Ok(Self { opened, journal, log, storage_id, damage, locks })
    }
}

/// The log begins after what the ledger reflects: something between is missing.
fn behind_its_log(opened: &OpenedLedger, log: LogExtent) -> Option<String> {
    let applied = opened.mark.last_applied.map_or(0, |last| last.index);
    (applied < log.purged_index).then(|| {
        format!("the ledger ends at log index {applied}, its log begins after {}", log.purged_index)
    })
}

/// Shares the lock that a node's database holds alone; a copy may lack the file.
fn lock(folder: &Path, database: &Path) -> Result<Option<File>, CopyError> {
    let path = database.join("LOCK");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("open", &path, e).into()),
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(CopyError::InUse(folder.to_owned())),
        Err(e) => Err(io_error("lock", &path, e.into()).into()),
    }
}
