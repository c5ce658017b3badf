//! Everything on disk: the replicated log, the ledger's records, snapshots.

mod arriving;
mod arriving_file;
mod backup_shelf;
mod copy;
mod direct_io;
mod durable_mark;
pub(crate) mod epoch;
mod journal;
mod ledger_records;
mod ledger_store;
mod log_cache;
mod log_export;
mod log_reader;
mod log_store;
mod log_writer;
mod pages;
pub(crate) mod recovery;
pub(crate) mod restore;
mod snapshot;
pub(crate) mod storage_id;
mod threads;

pub(crate) use arriving::ArrivingSnapshot;
pub(crate) use backup_shelf::BackupShelf;
pub(crate) use copy::FolderCopy;
pub(crate) use journal::{Journal, StoredEvent};
pub(crate) use ledger_records::{LedgerWrite, MARK_FORMAT, OpenedLedger};
pub(crate) use ledger_store::{LedgerStore, Underway};
pub(crate) use log_export::LogPage;
pub(crate) use log_store::{LogCounters, LogEnd, LogExtent, LogStore};
pub(crate) use snapshot::{FORMAT as SNAPSHOT_FORMAT, MANIFEST, SnapshotFolder, SnapshotShelf};
pub(crate) use threads::StorageThreads;

/// Storage that cannot be used; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The file system refused.
    #[error("{what} {path}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// RocksDB refused.
    #[error("{what}: {error}")]
    Rocks {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: rocksdb::Error,
    },
    /// Bytes on disk are not what was written.
    #[error(
        "{what} is corrupt: {why}; do not restart this node with these files: move its data folder away and let it rejoin empty under a new node id"
    )]
    Corrupt {
        /// Which file or record.
        what: String,
        /// How it shows.
        why: String,
    },
    /// What another node sends is no snapshot; this node is as it was.
    #[error("an arriving snapshot is refused: {0}; the fault is the sender's or the network's")]
    BadSnapshot(String),
    /// A file that another node sent is not the one that its manifest names.
    #[error(
        "file {file} of an arriving snapshot has not the SHA-256 of its manifest: it is thrown away, what else arrived stays, and the leader sends it again by itself; if that repeats, check the sender's disk and the network between"
    )]
    DamagedFile {
        /// Which one.
        file: String,
    },
    /// A snapshot of another ledger; this node is as it was.
    #[error(
        "an arriving snapshot is of cluster {theirs}, this node belongs to {ours}: it is refused and this node is as it was; correct cluster_id and members in the configuration of the node that is wrong"
    )]
    ForeignSnapshot {
        /// Cluster that the snapshot is of.
        theirs: String,
        /// Cluster of this node.
        ours: String,
    },
    /// A snapshot does not fit on this node's disk.
    #[error(
        "an arriving snapshot needs {needed_bytes} bytes more in {folder}, where {free_bytes} are free and {kept_bytes} are kept for the log: this node is as it was; free space or enlarge its disk, the leader tries again by itself"
    )]
    NoRoom {
        /// Where it would go.
        folder: String,
        /// What is still to come.
        needed_bytes: u64,
        /// What the file system has.
        free_bytes: u64,
        /// What a snapshot must leave.
        kept_bytes: u64,
    },
    /// The sender has begun the transfer again over another connection.
    #[error("this transfer of a snapshot has been taken over by a later one of the same sender")]
    TakenOver,
    /// Written by a version of this program whose formats differ.
    #[error(
        "{what} has format {found}, this version reads format {reads}: nothing is lost; run the version that wrote it"
    )]
    OtherFormat {
        /// Which files.
        what: String,
        /// Their format.
        found: String,
        /// The format that this version writes and reads.
        reads: u32,
    },
    /// The log holds less than this node acknowledged to others.
    #[error(
        "the log ends at {found} but this node acknowledged {acknowledged}: entries that others count on are lost, so it must not vote; move its data folder away and let it rejoin empty under a new node id"
    )]
    LogTailLost {
        /// Last position found.
        found: String,
        /// Position acknowledged before.
        acknowledged: String,
    },
}

impl StorageError {
    /// What RocksDB says, which is of another kind when it says that bytes rotted.
    pub(crate) fn rocks(what: &'static str) -> impl Fn(rocksdb::Error) -> Self + Copy {
        move |error| match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Corrupt {
                what: format!("what RocksDB holds ({what})"),
                why: error.to_string(),
            },
            _ => Self::Rocks { what, error },
        }
    }
}

impl From<StorageError> for std::io::Error {
    fn from(error: StorageError) -> Self {
        Self::other(error)
    }
}

pub(crate) fn io_error(
    what: &'static str,
    path: &std::path::Path,
    error: std::io::Error,
) -> StorageError {
    StorageError::Io { what, path: path.display().to_string(), error }
}

/// Removes everything in a data folder.
pub(crate) fn wipe(folder: &std::path::Path) -> Result<(), StorageError> {
    std::fs::remove_dir_all(folder).map_err(|e| io_error("remove", folder, e))?;
    std::fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
    sync_folder(folder)
}

/// Makes a folder's entries durable (new names, renames).
pub(crate) fn sync_folder(path: &std::path::Path) -> Result<(), StorageError> {
    std::fs::File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| io_error("sync folder", path, e))
}

#[cfg(test)]
mod backup_tests;
#[cfg(test)]
pub(crate) mod damage;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
pub(crate) mod tests;
