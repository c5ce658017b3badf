//! Makes this node's data folder of another cluster's backup, offline: what
//! `registryctl backup restore` runs. docs/backup.md, docs/decisions/0009.

use std::path::PathBuf;

use registry_client::backup::{BackupError, verify_manifest};
use registry_client::hex;
use registry_client::signed::{PeerAuthority, SignedError, Signer};
use registry_ledger::LedgerTime;
use serde::Serialize;

use crate::config::Config;
use crate::raft::now_ms;
use crate::storage::restore::{RestoreError, RestorePlan, Restored, restore as restore_folder};

/// What is to be restored, and who may have signed it.
#[derive(Clone, Debug)]
pub struct RestoreOrder {
    /// Made by `registryctl backup create`.
    pub backup: PathBuf,
    /// PEM file of the authority that the nodes of the backup's cluster are
    /// certified by on their peer port.
    pub peer_ca: PathBuf,
    /// Made by `registryctl backup follow`.
    pub archive: Option<PathBuf>,
    /// The last log entry wanted; the last there is without.
    pub to_position: Option<u64>,
}

/// What the data folder is now.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    /// That the node is configured for; it is founded by `cluster bootstrap`.
    pub cluster_id: String,
    /// This node.
    pub node_name: String,
    /// Where it lies.
    pub data_dir: String,
    /// The cluster that was copied.
    pub source_cluster_id: String,
    /// Its recovery epoch.
    pub source_recovery_epoch: u64,
    /// The backup's last log entry.
    pub backup_log_index: u64,
    /// Entries of the archive that were applied to it.
    pub entries_applied: u64,
    /// The source's last entry that was taken over.
    pub log_index: u64,
    /// Its term.
    pub term: u64,
    /// Of the source, right behind that entry.
    pub state_digest: String,
    /// Events of the source.
    pub events: u64,
    /// Root of the tree over them.
    pub root_sha256: String,
    /// The archive's chain hash there; empty without an archive.
    pub chain_sha256: String,
    /// The node that signed the backup.
    pub signed_by_node: u64,
    /// By that node's clock.
    pub signed_at_ms: i64,
    /// Of the restored folder, with the event that says what it is.
    pub restored_state_digest: String,
    /// Where the new cluster's log begins.
    pub restored_log_index: u64,
    /// Every cluster that this registry was of before.
    pub former_cluster_ids: Vec<String>,
}

/// Why nothing was restored; the data folder is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreRefused {
    /// The authority's file cannot be used.
    #[error(transparent)]
    Authority(SignedError),
    /// The backup is not what a node of the authority signed.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The folder was not made.
    #[error(transparent)]
    Folder(#[from] NotMade),
}

/// Why the data folder was not made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotMade(RestoreError);

impl RestoreRefused {
    /// A stable code: docs/errors.md.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Authority(_) => "USAGE",
            Self::Backup(error) => error.reason(),
            Self::Folder(NotMade(error)) => error.reason(),
        }
    }
}

/// Makes the data folder of the configured node. The node must not run, and its
/// folder must be empty.
///
/// # Errors
/// [`RestoreRefused`]; then the data folder is as it was.
pub fn restore(config: &Config, order: &RestoreOrder) -> Result<RestoreReport, RestoreRefused> {
    let authority = PeerAuthority::from_file(&order.peer_ca).map_err(RestoreRefused::Authority)?;
    let (_, signer) = verify_manifest(&order.backup, &authority)?;
    let plan = RestorePlan {
        data_dir: &config.node.data_dir,
        backup: &order.backup,
        archive: order.archive.as_deref(),
        through_index: order.to_position,
        cluster_id: &config.cluster_id,
        node_id: config.node.id,
        now: LedgerTime(now_ms()),
    };
    let restored = restore_folder(&plan).map_err(NotMade)?;
    Ok(report(config, restored, signer))
}

fn report(config: &Config, restored: Restored, signer: Signer) -> RestoreReport {
    let of = restored.restoration;
    RestoreReport {
        cluster_id: of.cluster_id,
        node_name: config.node.name.clone(),
        data_dir: config.node.data_dir.display().to_string(),
        source_cluster_id: of.source_cluster_id,
        source_recovery_epoch: of.source_recovery_epoch,
        backup_log_index: restored.backup_index,
        entries_applied: restored.entries,
        log_index: of.log_index,
        term: of.term,
        state_digest: hex(&of.state_digest),
        events: of.events,
        root_sha256: hex(&of.root_sha256),
        chain_sha256: restored.archive_chain.map(|chain| hex(&chain)).unwrap_or_default(),
        signed_by_node: signer.node_id,
        signed_at_ms: signer.signed_at_ms,
        restored_state_digest: hex(&restored.state_digest),
        restored_log_index: restored.begins.index,
        former_cluster_ids: of.former_cluster_ids,
    }
}
