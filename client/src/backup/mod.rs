//! Copies of the whole registry: a backup of its records with a manifest that a
//! node signed, and an archive of the log behind it. `docs/backup.md`.

pub mod archive;
mod calls;
mod create;
mod folder;
mod follow;
mod join;
mod restore;
mod throttle;

use std::io;
use std::path::{Path, PathBuf};

pub use calls::BackupClient;
pub use create::{CreateOptions, CreatedBackup, create};
pub use folder::{VerifiedBackup, read_manifest, verify_folder, verify_manifest};
pub use follow::{FollowOptions, FollowReport, follow};
pub use join::verify_join;
pub use restore::{RestoreOptions, restore};

use crate::error::ClientError;
use crate::signed::SignedError;

/// The signed manifest beside a backup's other files.
pub const BACKUP_MANIFEST: &str = "backup.manifest";
/// What a manifest is signed as.
pub const MANIFEST_PURPOSE: &str = "backup-manifest";
/// Format of manifests that this version reads.
const MANIFEST_FORMAT: u32 = 1;

/// Why there is no backup, or none that can be relied on.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A node did not answer, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Nothing is ever overwritten.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// Another process writes there.
    #[error("{} is in use: another command writes there", .0.display())]
    InUse(PathBuf),
    /// It would not fit.
    #[error(
        "{} has {free_bytes} bytes free, {needed_bytes} are needed; nothing was fetched",
        path.display()
    )]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// What is to be fetched, with some room.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {cause}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// Bytes are missing, or not what they were.
    #[error("{} is not what was written: {why}", path.display())]
    Broken {
        /// Which file or folder.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// The manifest is not signed by a node of the authority.
    #[error("{}: {cause}", path.display())]
    Signed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: SignedError,
    },
    /// Written by a later version.
    #[error("{} has format {found}, this version reads format {reads}", path.display())]
    OtherFormat {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that this version reads.
        reads: u32,
    },
    /// Entries between a backup and an archive, or within an archive, are nowhere.
    #[error("log entries {from_index} to {} are missing: {why}", begins_at.saturating_sub(1))]
    Gap {
        /// The first that is missing.
        from_index: u64,
        /// The first behind the hole.
        begins_at: u64,
        /// Between what.
        why: String,
    },
    /// The node's program refused, or could not do it.
    #[error("{message}")]
    NotRestored {
        /// Its stable code.
        reason: String,
        /// What it says.
        message: String,
    },
    /// What is put together is not of one cluster and one recovery epoch.
    #[error("{} is of {found}, not of {expected}", path.display())]
    OtherCluster {
        /// Which file or folder.
        path: PathBuf,
        /// Of what it must be.
        expected: String,
        /// Of what it is.
        found: String,
    },
}

impl BackupError {
    /// A stable code, for programs; the node's own where a node refused.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Client(error) => error.reason().unwrap_or("UNAVAILABLE"),
            Self::NotRestored { reason, .. } => reason,
            Self::Exists(_) | Self::InUse(_) => "FOLDER_IN_USE",
            Self::NoSpace { .. } => "NO_SPACE",
            Self::File { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => "NO_SPACE",
            Self::File { .. } => "OTHER",
            Self::OtherFormat { .. } => "OTHER_FORMAT",
            Self::Broken { .. } | Self::Signed { .. } => "BACKUP_BROKEN",
            Self::Gap { .. } => "ARCHIVE_GAP",
            Self::OtherCluster { .. } => "OTHER_CLUSTER",
        }
    }
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    move |cause| BackupError::File { what, path: path.to_owned(), cause }
}

fn broken(path: &Path, why: impl Into<String>) -> BackupError {
    BackupError::Broken { path: path.to_owned(), why: why.into() }
}

/// As errors name it.
fn cluster_name(cluster_id: &str, recovery_epoch: u64) -> String {
    format!("cluster {cluster_id}, recovery epoch {recovery_epoch}")
}

/// Keeps others out of a folder while the handle lives.
fn lock(folder: &Path) -> Result<std::fs::File, BackupError> {
    let handle = std::fs::File::open(folder).map_err(failed("open", folder))?;
    match handle.try_lock() {
        Ok(()) => Ok(handle),
        Err(std::fs::TryLockError::WouldBlock) => Err(BackupError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed("lock", folder)(cause)),
    }
}

fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    std::fs::File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(failed("sync folder", folder))
}

/// The folder that holds `path`.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
