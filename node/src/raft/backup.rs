//! What backups and archives are made of: a copy of the applied ledger, and the
//! log behind it.

use std::path::PathBuf;

use registry_ledger::LedgerTime;
use registry_proto::registry::BackupFile;
use registry_proto::storage::AppliedMark;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::consensus::{Consensus, Unavailable};
use super::state_machine::BackupCheckpoint;
use crate::security::signed::SignError;
use crate::storage::{BackupShelf, LogPage, StorageError};

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
    /// The file system or RocksDB refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The manifest could not be signed.
    #[error("the manifest of a backup is not signed: {0}")]
    Sign(#[from] SignError),
    /// A task ended early.
    #[error("a task of the backup ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<Unavailable> for ExportError {
    fn from(_: Unavailable) -> Self {
        Self::Stopped
    }
}

/// A snapshot of the ledger in a staging folder, and what it is.
pub(crate) struct BackupCopy {
    pub(crate) mark: AppliedMark,
    pub(crate) ledger_time: LedgerTime,
    pub(crate) event_count: u64,
    pub(crate) root_sha256: [u8; 32],
    pub(crate) files: Vec<BackupFile>,
}

impl Consensus {
    /// Copies the ledger as it is applied now into `staging`; applying goes on as
    /// soon as the copy is queued.
    pub(crate) async fn copy_ledger(&self, staging: PathBuf) -> Result<BackupCopy, ExportError> {
        let into = staging.clone();
        let started = self
            .raft()
            .with_state_machine(|machine| Box::pin(machine.start_backup(into)))
            .await
            .map_err(|_| ExportError::Stopped)??;
        let BackupCheckpoint { mark, ledger_time, event_count, root_sha256, made, shelf } = started;
        made.finished().await?;
        let (of_files, config) = (mark.clone(), self.inner.config.clone());
        let files = spawn_blocking(move || {
            // Whatever is wrong with the last snapshot does not concern this one.
            let before = shelf.latest().ok().flatten();
            BackupShelf::seal(&staging, of_files, before.as_ref(), &config.cluster_id)
        });
        let files = files.await??;
        Ok(BackupCopy { mark, ledger_time, event_count, root_sha256, files })
    }

    /// Raised by a recovery after the loss of a city.
    pub(crate) fn recovery_epoch(&self) -> u64 {
        self.directory().recovery_epoch()
    }

    /// Last applied log index, and word of every later one.
    pub(crate) fn applied_index(&self) -> watch::Receiver<u64> {
        self.inner.applied.index.subscribe()
    }

    /// Log entries that this node has applied, from an index on.
    pub(crate) async fn log_page(
        &self,
        from_index: u64,
        limit_bytes: usize,
    ) -> Result<LogPage, ExportError> {
        let applied_index = *self.inner.applied.index.borrow();
        let log = self.inner.log.clone();
        Ok(spawn_blocking(move || log.page(from_index, applied_index, limit_bytes)).await??)
    }
}
