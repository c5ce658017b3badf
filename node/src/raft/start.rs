//! Opens the node's storage and starts its part in the consensus.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use openraft::async_runtime::WatchReceiver as _;
use openraft::{Config as RaftSettings, SnapshotPolicy};
use registry_ledger::{Genesis, Restoration, Topology};
use registry_proto::peer::raft_service_server::RaftServiceServer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::batcher::Batcher;
use super::bootstrap::Promise;
use super::clock::ComparedClock;
use super::consensus::{Consensus, Inner};
use super::directory::Directory;
use super::freshness::Freshness;
use super::network::{PEER_MESSAGE_BYTES, Peers, WINDOW_BYTES};
use super::peer_service::PeerService;
use super::read_gate::ReadGate;
use super::recovery::{self, Recovering};
use super::rules::{self, Met};
use super::snapshot_pace::SnapshotPace;
use super::state_machine::{Applied, StateMachine};
use super::types::Raft;
use super::{clock, due, log_purge, placement, reconcile, snapshot_trigger};
use crate::config::{Config, Layout, RaftConfig};
use crate::storage::recovery as recovery_on_disk;
use crate::storage::storage_id::FoundLog;
use crate::storage::{LedgerStore, LogStore, SnapshotShelf, StorageThreads, epoch, storage_id};

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
    recovery_on_disk::finish(data, config.node.id)?;
    let is_new = !data.join("log").exists();
    let log = LogStore::open(&data.join("log"), threads)?;
    let found = match (is_new, log.is_empty()) {
        (true, _) => FoundLog::New,
        (false, true) => FoundLog::Empty,
        (false, false) => FoundLog::Filled,
    };
    let own = storage_id::open(data, found)?;
    let shelf = SnapshotShelf::open(&data.join("snapshots"))?.of_cluster(&config.cluster_id);
    let (store, opened) = LedgerStore::open(&data.join("ledger"), threads)?;
    if let Some(restoration) = opened.ledger.restoration() {
        check_restoration(restoration, &config)?;
    }
    rules::check(&opened.ledger, config.rules_known, Met::Ledger)?;
    if let (Some(genesis), Some(topology)) = (opened.ledger.genesis(), opened.ledger.topology()) {
        check_genesis(genesis, &config)?;
        check_own_record(topology, &config, own)?;
    }
    let (machine, applied) = StateMachine::new(opened, store, shelf.clone())?;
    let machine = machine.with_rules_up_to(config.rules_known);
    let recovery_epoch = epoch::read(data)?;
    let topology = applied.topology.subscribe();
    let directory = Directory::new(config.clone(), topology, own, recovery_epoch);
    let freshness = Arc::new(Freshness::default());
    let pace = SnapshotPace::new(log.shared_counters(), config.raft.snapshot_rate_mb_per_s);
    let peers = Peers::new(&config, directory.clone(), freshness.clone(), pace)?;
    let settings = Arc::new(settings(&config).validate()?);
    let started = Raft::new(config.node.id, settings, peers.clone(), log.clone(), machine).await;
    // Committed entries are applied in there.
    let raft = started.map_err(|error| stopped(&applied).unwrap_or_else(|| error.into()))?;
    freshness.of(&raft);
    clock::rehearse_offset(config.clock_offset_ms);
    let clock = Arc::new(ComparedClock::new(config.raft.clock_ahead_limit_ms));
    let consensus = Consensus {
        inner: Arc::new(Inner {
            batcher: Batcher::start(raft.clone(), config.raft.max_in_flight_batches, clock.clone()),
            clock,
            read_gate: ReadGate::start(&raft, &peers, config.node.id),
            config: config.clone(),
            directory,
            freshness,
            promise: Promise::default(),
            recovering: Recovering::new(recovery_on_disk::read(data)?),
            raft,
            peers,
            applied,
            log,
        }),
    };
    tokio::spawn(due::run(consensus.clone()));
    tokio::spawn(clock::run(consensus.clone()));
    tokio::spawn(reconcile::run(consensus.clone()));
    tokio::spawn(placement::run(consensus.clone()));
    tokio::spawn(recovery::record(consensus.clone()));
    tokio::spawn(snapshot_trigger::run(consensus.clone(), config.raft.snapshot_log_bytes));
    tokio::spawn(log_purge::run(consensus.clone(), config.raft.clone()));
    Ok(Running { consensus, shelf })
}

/// Refuses a ledger that was restored for another cluster.
fn check_restoration(restoration: &Restoration, config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        restoration.cluster_id == config.cluster_id,
        "the ledger under {} was restored for cluster {}, this node is configured for {}: put the right data folder in its place, or restore again with this node's configuration",
        config.node.data_dir.display(),
        restoration.cluster_id,
        config.cluster_id
    );
    Ok(())
}

/// Why nothing more is applied here.
fn stopped(applied: &Applied) -> Option<anyhow::Error> {
    applied.stopped.get().cloned().map(Into::into)
}

/// Refuses a ledger that is not this node's.
fn check_genesis(genesis: &Genesis, config: &Config) -> anyhow::Result<()> {
    let data = config.node.data_dir.display();
    anyhow::ensure!(
        genesis.cluster_id == config.cluster_id,
        "the ledger under {data} is that of cluster {}, this node is configured for {}: put the right data folder in its place",
        genesis.cluster_id,
        config.cluster_id
    );
    anyhow::ensure!(
        genesis.layout == config.layout.as_str(),
        "the cluster was formed with layout {}, this node is configured for {}: the layout of a cluster does not change, correct the configuration",
        genesis.layout,
        config.layout.as_str()
    );
    Ok(())
}

/// Refuses a node that the cluster does not know as it is.
fn check_own_record(topology: &Topology, config: &Config, own: [u8; 16]) -> anyhow::Result<()> {
    let data = config.node.data_dir.display();
    let Some(member) = topology.members.get(&config.node.id) else { return Ok(()) };
    anyhow::ensure!(
        member.storage_id == own,
        "storage.id under {data} is not the one that node {} was recorded with: part of the folder is damaged or from elsewhere; move it away and let the node rejoin empty under a new node id",
        config.node.id
    );
    anyhow::ensure!(
        member.city == config.node.city,
        "node {} stands in {} as the cluster knows it, in {} as configured: correct node.city",
        config.node.id,
        member.city,
        config.node.city
    );
    Ok(())
}

/// The third place of the witnessed layout stands for election after the others:
/// it leads only when nobody else has the newest entries.
fn election_timeout_ms(config: &Config) -> (u64, u64) {
    let RaftConfig { election_timeout_min_ms: min, election_timeout_max_ms: max, .. } = config.raft;
    let alone = config.members.iter().filter(|of| of.city == config.node.city).count() == 1;
    match config.layout {
        Layout::Witnessed if alone => (max, max + (max - min)),
        Layout::DualCity | Layout::Witnessed | Layout::SingleCity => (min, max),
    }
}

fn settings(config: &Config) -> RaftSettings {
    let heartbeat_interval_ms = config.raft.heartbeat_interval_ms;
    let (election_timeout_min_ms, election_timeout_max_ms) = election_timeout_ms(config);
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
        // `log_purge` does it, for it knows who still needs what.
        max_in_snapshot_log_to_keep: u64::MAX,
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
                let why = stopped(&self.consensus.inner.applied);
                return why.unwrap_or_else(|| anyhow::anyhow!("consensus stopped: {fatal}"));
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
        check_genesis(&own, &config).expect("its own");
        let told = |refused: anyhow::Result<()>| refused.expect_err("refused").to_string();
        let own_record = |genesis: &Genesis, storage_id| {
            check_own_record(&Topology::founded(genesis), &config, storage_id)
        };
        own_record(&own, [7; 16]).expect("its own");
        assert!(told(own_record(&own, [8; 16])).contains("storage.id"));
        let later = genesis(&config.cluster_id, config.node.id + 100);
        own_record(&later, [8; 16]).expect("formed without this node");
        let layout = Genesis { layout: "witnessed".to_owned(), ..own.clone() };
        assert!(told(check_genesis(&layout, &config)).contains("layout witnessed"));
        let moved = Genesis { cities: vec![("wuhan".to_owned(), own.cities[0].1.clone())], ..own };
        assert!(told(own_record(&moved, [7; 16])).contains("node.city"));
        let foreign = genesis("other", config.node.id);
        assert!(told(check_genesis(&foreign, &config)).contains("cluster other"));
    }
}
