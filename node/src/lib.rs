//! One member of the two-city registry.
//!
//! Modules in reading order: `config` (what the node is told), `services`
//! (what clients call), `security` (who may), `decode` (requests to ledger
//! commands), `raft` (one log in both cities), `storage` (all of it on disk).
//! The rules live in the package `registry-ledger`.

mod config;
#[cfg(test)]
mod copy_tests;
mod decode;
#[doc(hidden)]
pub mod measure;
mod raft;
mod restore;
mod security;
mod services;
mod storage;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub use config::{Config, LogFormat};
use raft::{Closed, LaterRules, Replica};
pub use restore::{NotMade, RestoreOrder, RestoreRefused, RestoreReport, restore};
use storage::{StorageError, StorageThreads};

/// How long a stopping leader tries to hand over; then the others elect.
const STEP_ASIDE: Duration = Duration::from_secs(3);
/// How long a stopping node waits for open calls.
const DRAIN: Duration = Duration::from_secs(5);
/// The same before a recovery: nobody gets an answer from this node meanwhile.
const RECOVERY_DRAIN: Duration = Duration::from_millis(300);

/// Runs a node until it is told to stop (SIGTERM or Ctrl-C) or cannot go on. One that
/// leads hands over before it stops. Returns once its storage is closed. A recovery
/// closes the storage as well, and then the node starts again.
///
/// # Errors
/// When storage cannot be trusted, a port cannot be opened, or consensus stops.
pub fn run(config: Config) -> anyhow::Result<()> {
    let config = Arc::new(config);
    loop {
        let threads = StorageThreads::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ended = runtime.block_on(Box::pin(serve(config.clone(), &threads)));
        // Ends every task, and with them whoever could still use the storage.
        drop(runtime);
        threads.join();
        match ended? {
            None => return Ok(()),
            Some(Closed::Recover(kept)) => {
                let copy = storage::recovery::begin(&config.node.data_dir, &kept)?;
                tracing::warn!(copy = %copy.display(), "storage copied; starting again");
            }
            Some(Closed::Wipe) => {
                storage::wipe(&config.node.data_dir)?;
                tracing::warn!(
                    node = config.node.name,
                    "data removed; give this node a new id before it is started again"
                );
                return Ok(());
            }
        }
    }
}

/// Whether a node ended because another version of the program must run here:
/// starting the same one again changes nothing.
#[must_use]
pub fn needs_other_version(error: &anyhow::Error) -> bool {
    error.downcast_ref::<LaterRules>().is_some()
        || matches!(error.downcast_ref(), Some(StorageError::OtherFormat { .. }))
}

/// Serves until the end; says what is to be done with the storage closed.
async fn serve(config: Arc<Config>, threads: &StorageThreads) -> anyhow::Result<Option<Closed>> {
    security::check_own_certificates(&config)?;
    let running = raft::start(config.clone(), threads).await?;
    let (stop, stopping) = oneshot::channel::<()>();
    let mut peer_port = pin!(running.serve_peer_port(config.clone()));
    let mut client_port = pin!(services::serve_client_port(
        config.clone(),
        Replica::Member(running.consensus.clone()),
        // An error means that the sender is gone, which is a stop as well.
        async move { drop(stopping.await) },
    ));
    let replica = Replica::Member(running.consensus.clone());
    let mut metrics = services::metrics::serve(&config, replica).await?;
    tracing::info!(
        node = config.node.name,
        city = config.node.city,
        client_port = %config.node.client_listen,
        peer_port = %config.node.peer_listen,
        "node started"
    );
    let closed = tokio::select! {
        ended = &mut peer_port => return ended.and(Err(anyhow!("the peer port closed"))),
        ended = &mut client_port => return Ok(ended?).and(Err(anyhow!("the client port closed"))),
        failure = running.failure() => return Err(failure),
        asked = stop_asked() => { asked?; None },
        closed = running.consensus.to_be_closed() => Some(closed),
    };
    if closed.is_none() {
        // Both ports are served meanwhile: whoever asks is told who leads now.
        tokio::select! {
            ended = &mut peer_port => return ended.and(Err(anyhow!("the peer port closed"))),
            ended = &mut client_port => return Ok(ended?).and(Err(anyhow!("the client port closed"))),
            stepped = tokio::time::timeout(STEP_ASIDE, running.consensus.step_aside()) => {
                if stepped.is_err() {
                    tracing::warn!("stopping as the leader; the others will elect");
                }
            }
        }
    }
    drop(stop);
    let drain = if closed.is_some() { RECOVERY_DRAIN } else { DRAIN };
    // Open calls get their answers before the node leaves the consensus, which
    // needs the peer port until then.
    tokio::select! {
        ended = &mut peer_port => ended?,
        drained = tokio::time::timeout(drain, client_port) => match drained {
            Ok(ended) => ended?,
            Err(_) => tracing::warn!("calls were still open after {drain:?}"),
        },
    }
    metrics.shutdown().await;
    running.stop().await?;
    tracing::info!("node stopped");
    Ok(closed)
}

/// Answers reads from a copy of a node's data folder, or from one of its
/// snapshots, until it is told to stop (SIGTERM or Ctrl-C). Not a byte of the
/// folder changes, and no other node is asked. Of the configuration only the
/// client port, its certificates, the limits and the members' names count.
///
/// # Errors
/// When the folder is in use, damaged, of another format or of another cluster,
/// or the client port cannot be opened. `despite_damage` serves what can be read
/// of altered records, so that an audit finds them.
pub fn serve_copy(config: Config, folder: &Path, despite_damage: bool) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let copy = raft::StoredCopy::open(config.clone(), folder, despite_damage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(async {
        let (stop, stopping) = oneshot::channel::<()>();
        let stopped = async move { drop(stopping.await) };
        let mut client_port =
            pin!(services::serve_client_port(config, Replica::Copy(copy), stopped));
        tokio::select! {
            ended = &mut client_port => return Ok(ended?),
            asked = stop_asked() => asked?,
        }
        drop(stop);
        match tokio::time::timeout(DRAIN, client_port).await {
            Ok(ended) => ended?,
            Err(_) => tracing::warn!("calls were still open after {DRAIN:?}"),
        }
        tracing::info!("copy closed");
        Ok(())
    }))
}

async fn stop_asked() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
