//! Has a node's program make its data folder of a backup, on this machine.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::{BackupError, failed};

/// Name of the program that makes data folders.
const PROGRAM: &str = "registry-node";

/// What is to be restored, and for which node.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Made by [`create`](super::create()).
    pub from: PathBuf,
    /// PEM file of the authority that the nodes of the backup's cluster are
    /// certified by on their peer port.
    pub peer_ca: PathBuf,
    /// Made by [`follow`](super::follow()).
    pub archive: Option<PathBuf>,
    /// The last log entry wanted; the last there is without.
    pub to_position: Option<u64>,
    /// Configuration of the new cluster's node: its id, its cluster's, its data
    /// folder.
    pub node_config: PathBuf,
    /// `registry-node`; beside this program, or where programs are looked for,
    /// without.
    pub node_program: Option<PathBuf>,
}

/// Restores; what was made, as the node's program tells it.
///
/// # Errors
/// `NotRestored` with the node's reason; the data folder is as it was then.
pub async fn restore(options: &RestoreOptions) -> Result<Value, BackupError> {
    let program = options.node_program.clone().unwrap_or_else(beside_this_program);
    let mut command = Command::new(&program);
    command.arg("--config").arg(&options.node_config);
    command.arg("--restore").arg(&options.from);
    command.arg("--peer-ca").arg(&options.peer_ca);
    if let Some(archive) = &options.archive {
        command.arg("--archive").arg(archive);
    }
    if let Some(position) = options.to_position {
        command.arg("--to-position").arg(position.to_string());
    }
    let ended = command.kill_on_drop(true).output().await.map_err(failed("run", &program))?;
    let mut told: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
    if ended.status.success() && told["restored"].is_object() {
        return Ok(told["restored"].take());
    }
    let text = |key: &str| told["refused"][key].as_str().map(str::to_owned);
    let (reason, message) = match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => (reason, message),
        // A configuration that cannot be used, or a program that was killed.
        _ => ("OTHER".to_owned(), said(&program, &ended)),
    };
    Err(BackupError::NotRestored { reason, message })
}

fn said(program: &Path, ended: &std::process::Output) -> String {
    let text = String::from_utf8_lossy(&ended.stderr);
    let last = text.trim().lines().last().unwrap_or("without a word").to_owned();
    format!("{} ended with {}: {last}", program.display(), ended.status)
}

fn beside_this_program() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default().with_file_name(PROGRAM);
    if here.exists() { here } else { PathBuf::from(PROGRAM) }
}
