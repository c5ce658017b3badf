//! Opens the node's storage and starts its part in the consensus.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use openraft::async_runtime::WatchReceiver as _;
use openraft::{Config as RaftSettings, SnapshotPolicy};
use registry_ledger::Genesis;
use registry_proto::peer::raft_service_server::RaftServiceServer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::batcher::Batcher;
use super::bootstrap::Promise;
use super::consensus::{Consensus, Inner};
use super::due;
use super::known_storage::KnownStorage;
use super::network::{PEER_MESSAGE_BYTES, Peers, WINDOW_BYTES};
use super::peer_service::PeerService;
use super::read_gate::ReadGate;
use super::snapshot_trigger;
use super::state_machine::StateMachine;
use super::types::Raft;
use crate::config::{Config, RaftConfig};
use crate::storage::storage_id::FoundLog;
use crate::storage::{LedgerStore, LogStore, SnapshotShelf, StorageThreads, storage_id};

/// Raised by a recovery after the loss of a city; nodes of another epoch are refused.
pub(super) const RECOVERY_EPOCH: u64 = 0;
/// Sending and installing a whole snapshot across the cities.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(600);
/// Entries per replication message; the byte cap of the log reader binds first for large ones.
const MESSAGE_ENTRIES: u64 = 32;

/// This node's part in the consensus.
pub(crate) struct Running {
    pub(crate) consensus: Consensus,
    shelf: SnapshotShelf,
}

/// Opens storage under the data folder and starts.
pub(crate) async fn start(
    config: Arc<Config>,
    threads: &StorageThreads,
) -> anyhow::Result<Running> {
    let data = &config.node.data_dir;
    let is_new = !data.join("log").exists();
    let log = LogStore::open(&data.join("log"), threads)?;
    let found = match (is_new, log.is_empty()) {
        (true, _) => FoundLog::New,
        (false, true) => FoundLog::Empty,
        (false, false) => FoundLog::Filled,
    };
    let own = storage_id::open(data, found)?;
    let shelf = SnapshotShelf::open(&data.join("snapshots"))?;
    let (store, opened) = LedgerStore::open(&data.join("ledger"), threads)?;
    if let Some(genesis) = opened.ledger.genesis() {
        check_genesis(genesis, &config, own)?;
    }
    let (machine, applied) = StateMachine::new(opened, store, shelf.clone())?;
    let known = KnownStorage::new(own, applied.clone());
    let peers = Peers::new(&config, RECOVERY_EPOCH, known.clone())?;
    let settings = Arc::new(settings(&config).validate()?);
    let raft = Raft::new(config.node.id, settings, peers.clone(), log.clone(), machine).await?;
    let consensus = Consensus {
        inner: Arc::new(Inner {
            batcher: Batcher::start(raft.clone(), config.raft.max_in_flight_batches),
            read_gate: ReadGate::start(&raft, &peers, config.node.id),
            config: config.clone(),
            known,
            promise: Promise::default(),
            raft,
            peers,
            applied,
            log,
        }),
    };
    tokio::spawn(due::run(consensus.clone()));
    tokio::spawn(snapshot_trigger::run(consensus.clone(), config.raft.snapshot_log_bytes));
    Ok(Running { consensus, shelf })
}

/// Refuses a ledger that is not this node's.
fn check_genesis(genesis: &Genesis, config: &Config, own: [u8; 16]) -> anyhow::Result<()> {
    let data = config.node.data_dir.display();
    anyhow::ensure!(
        genesis.cluster_id == config.cluster_id,
        "the ledger under {data} is that of cluster {}, this node is configured for {}: put the right data folder in its place",
        genesis.cluster_id,
        config.cluster_id
    );
    let mut members = genesis.cities.iter().flat_map(|(_, members)| members);
    let recorded = members.find(|member| member.node_id == config.node.id);
    anyhow::ensure!(
        recorded.is_none_or(|member| member.storage_id == own),
        "storage.id under {data} is not the one that node {} was recorded with when its cluster was formed: part of the folder is damaged or from elsewhere; move it away and let the node rejoin empty under a new node id",
        config.node.id
    );
    Ok(())
}

fn settings(config: &Config) -> RaftSettings {
    let RaftConfig {
        heartbeat_interval_ms,
        election_timeout_min_ms,
        election_timeout_max_ms,
        snapshot_keep_entries,
        ..
    } = config.raft;
    RaftSettings {
        cluster_name: config.cluster_id.clone(),
        heartbeat_interval: heartbeat_interval_ms,
        election_timeout_min: election_timeout_min_ms,
        election_timeout_max: election_timeout_max_ms,
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(2 * election_timeout_max_ms),
        // A member with less log than it acknowledged is a fault, not a new start.
        allow_log_reversion: Some(false),
        // Entries go to the others while they are being written here. A leader that
        // came back in its old term with less than it sent would give the same
        // positions other content.
        enable_leader_restore: Some(false),
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: snapshot_keep_entries,
        // Members that lag are helped by log entries while those exist.
        replication_lag_threshold: u64::MAX,
        install_snapshot_timeout: u64::try_from(SNAPSHOT_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        max_payload_entries: MESSAGE_ENTRIES,
        ..RaftSettings::default()
    }
}

impl Running {
    /// Serves the peer port until dropped: the others' streams never end by themselves.
    pub(crate) async fn serve_peer_port(&self, config: Arc<Config>) -> anyhow::Result<()> {
        let service = PeerService {
            config: config.clone(),
            consensus: self.consensus.clone(),
            shelf: self.shelf.clone(),
            recovery_epoch: RECOVERY_EPOCH,
        };
        let service = RaftServiceServer::new(service)
            .max_decoding_message_size(PEER_MESSAGE_BYTES)
            .max_encoding_message_size(PEER_MESSAGE_BYTES);
        let address = config.node.peer_listen;
        let incoming = TcpIncoming::bind(address)
            .with_context(|| format!("listen on peer port {address}"))?
            .with_nodelay(Some(true));
        Server::builder()
            .tls_config(crate::security::peer_port_tls(&config.tls)?)?
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .http2_keepalive_interval(Some(Duration::from_secs(5)))
            .http2_keepalive_timeout(Some(Duration::from_secs(5)))
            .add_service(service)
            .serve_with_incoming(incoming)
            .await?;
        Ok(())
    }

    /// Resolves when the consensus can no longer run here, with the reason.
    pub(crate) async fn failure(&self) -> anyhow::Error {
        let mut metrics = self.consensus.raft().metrics();
        loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                return anyhow::anyhow!("consensus stopped: {fatal}");
            }
            if metrics.changed().await.is_err() {
                return anyhow::anyhow!("consensus stopped");
            }
        }
    }

    /// Stops taking part and writes the applied ledger to disk, so that the
    /// next start has little to apply again.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        let flushed =
            self.consensus.raft().with_state_machine(|machine| Box::pin(machine.flush())).await?;
        flushed?;
        self.consensus.raft().shutdown().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use registry_ledger::Member;

    use super::*;

    #[test]
    fn a_ledger_from_elsewhere_is_refused() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/shanghai/sh-1.toml");
        let config = Config::load(&deploy).expect("a shipped configuration");
        let genesis = |cluster_id: &str, node_id| Genesis {
            cluster_id: cluster_id.to_owned(),
            layout: "dual-city".to_owned(),
            cities: vec![("shanghai".to_owned(), vec![Member { node_id, storage_id: [7; 16] }])],
        };
        let own = genesis(&config.cluster_id, config.node.id);
        check_genesis(&own, &config, [7; 16]).expect("its own");
        let later = genesis(&config.cluster_id, config.node.id + 100);
        check_genesis(&later, &config, [8; 16]).expect("formed without this node");
        let told = |refused: anyhow::Result<()>| refused.expect_err("refused").to_string();
        assert!(told(check_genesis(&own, &config, [8; 16])).contains("storage.id"));
        let foreign = genesis("other", config.node.id);
        assert!(told(check_genesis(&foreign, &config, [7; 16])).contains("cluster other"));
    }
}
