//! The client port: gRPC in and out, nothing of the rules.
//!
//! Each service decodes, asks the cluster through the [`gateway`] and encodes;
//! the gate of `security` stands before all of them.

mod account;
mod alarms;
mod backup;
mod cash;
mod cash_flow;
mod cluster;
mod compliance;
mod control;
mod deliver_day;
mod encode;
mod encode_cluster;
mod encode_compliance;
mod encode_event;
mod encode_pledge;
mod event;
mod gateway;
mod health;
mod inclusive;
mod instrument;
pub(crate) mod metrics;
mod pledge;
mod price;
mod query;
mod recovery;
mod repo;
mod settle_trades;
mod settlement;
pub(crate) mod status;
mod submit_trades;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backup::Pins;
use gateway::Gateway;
use registry_proto::registry::account_service_server::AccountServiceServer;
use registry_proto::registry::backup_service_server::BackupServiceServer;
use registry_proto::registry::cash_service_server::CashServiceServer;
use registry_proto::registry::cluster_service_server::ClusterServiceServer;
use registry_proto::registry::compliance_service_server::ComplianceServiceServer;
use registry_proto::registry::control_service_server::ControlServiceServer;
use registry_proto::registry::event_service_server::EventServiceServer;
use registry_proto::registry::inclusive_service_server::InclusiveServiceServer;
use registry_proto::registry::instrument_service_server::InstrumentServiceServer;
use registry_proto::registry::pledge_service_server::PledgeServiceServer;
use registry_proto::registry::price_service_server::PriceServiceServer;
use registry_proto::registry::query_service_server::QueryServiceServer;
use registry_proto::registry::recovery_service_server::RecoveryServiceServer;
use registry_proto::registry::repo_service_server::RepoServiceServer;
use registry_proto::registry::settlement_service_server::SettlementServiceServer;
use tokio::sync::{Notify, watch};
use tonic::body::Body;
use tonic::codegen::http::{HeaderValue, Response};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::util::MapResponse;

use crate::config::Config;
use crate::raft::{Directory, Replica};
use crate::security::{CLUSTER_ID, Gate, Port, RECOVERY_EPOCH, TlsError, client_port_tls};
use crate::storage::{BackupShelf, StorageError};

/// Services of `registry.v1`, as reflection and health name them.
const SERVICES: &[&str] = &[
    "registry.v1.AccountService",
    "registry.v1.CashService",
    "registry.v1.InstrumentService",
    "registry.v1.SettlementService",
    "registry.v1.PledgeService",
    "registry.v1.PriceService",
    "registry.v1.EventService",
    "registry.v1.ControlService",
    "registry.v1.ComplianceService",
    "registry.v1.QueryService",
    "registry.v1.ClusterService",
    "registry.v1.RecoveryService",
    "registry.v1.BackupService",
    "registry.v1.InclusiveService",
    "registry.v1.RepoService",
];

/// A chunk and more can be on its way while the log is busy, so that the
/// distance between the cities does not limit the stream.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// What a proposal has beside its content, which alone may be as large as a message.
const PROPOSAL_FRAME_BYTES: usize = 1 << 10;
/// A connection whose other end is gone is noticed after both.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for open calls to end once the node stops.
const DRAIN_TIME: Duration = Duration::from_secs(3);

/// Why the client port cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is taken or not ours.
    #[error("cannot listen on client port {address}: {source}")]
    Listen {
        /// `node.client_listen`.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// TLS or HTTP/2 refused their settings.
    #[error("cannot serve the client port: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors of our own protos do not load.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// What was kept for a backup cannot be read.
    #[error("cannot serve backups: {0}")]
    Backups(#[from] StorageError),
}

/// Serves clients until `shutdown`, then lets open calls end for a moment.
pub(crate) async fn serve_client_port(
    config: Arc<Config>,
    replica: Replica,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let address = config.node.client_listen;
    let incoming = TcpIncoming::bind(address)
        .map_err(|source| ServeError::Listen { address, source })?
        .with_nodelay(Some(true));
    let (reporter, health_service) = tonic_health::server::health_reporter();
    health::set(&reporter, SERVICES, false).await;
    let (stop_streams, stopping) = watch::channel(false);
    let gateway = Gateway { config: Arc::clone(&config), replica: replica.clone(), stopping };
    let pins = match &replica {
        Replica::Member(_) => {
            let shelf = BackupShelf::open(&config.node.data_dir.join("backups"))?;
            Some(Pins::open(shelf)?)
        }
        Replica::Copy(_) => None,
    };
    let idle_pins = pins.clone();
    let routes = routes(&gateway, pins)?.add_service(health_service);

    let routes = MapResponse::new(routes.prepare(), tell_cluster(replica.directory().clone()));
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let server = Server::builder()
        .tls_config(client_port_tls(&config.tls)?)?
        .max_concurrent_streams(config.limits.concurrent_requests_per_connection)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .serve_with_incoming_shutdown(
            Gate::new(Port::Client, routes).of_cluster(replica.directory().clone()),
            incoming,
            async move {
                stopped.notified().await;
            },
        );
    tracing::info!(%address, "client port open");

    let ended = async {
        shutdown.await;
        health::set(&reporter, SERVICES, false).await;
        stop.notify_one();
        stop_streams.send_replace(true);
        // Health watchers never end by themselves.
        tokio::time::sleep(DRAIN_TIME).await;
    };
    tokio::select! {
        result = server => result?,
        () = ended => {}
        () = health::report(replica, reporter.clone(), SERVICES) => {}
        () = backup::release_idle(idle_pins) => {}
    }
    Ok(())
}

/// Every answer says of which cluster it is, and after a recovery in which epoch it
/// was given.
fn tell_cluster(directory: Directory) -> impl Fn(Response<Body>) -> Response<Body> + Clone {
    let cluster_id = HeaderValue::from_str(directory.cluster_id()).ok();
    move |mut response| {
        if let Some(cluster_id) = &cluster_id {
            response.headers_mut().insert(CLUSTER_ID, cluster_id.clone());
        }
        let epoch = directory.recovery_epoch();
        if epoch > 0 {
            response.headers_mut().insert(RECOVERY_EPOCH, epoch.into());
        }
        response
    }
}

fn routes(gateway: &Gateway, pins: Option<Pins>) -> Result<Routes, ServeError> {
    let limit = gateway.config.limits.max_message_bytes;
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(registry_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    for service in SERVICES {
        reflection = reflection.with_service_name(*service);
    }
    let accounts = AccountServiceServer::new(account::Accounts(gateway.clone()));
    let cash = CashServiceServer::new(cash::Cash(gateway.clone()));
    let instruments = InstrumentServiceServer::new(instrument::Instruments(gateway.clone()));
    let settlement = SettlementServiceServer::new(settlement::Settlement(gateway.clone()));
    let pledges = PledgeServiceServer::new(pledge::Pledges(gateway.clone()));
    let prices = PriceServiceServer::new(price::Prices(gateway.clone()));
    let events = EventServiceServer::new(event::Events(gateway.clone()));
    let control = ControlServiceServer::new(control::Control(gateway.clone()));
    let compliance = ComplianceServiceServer::new(compliance::Compliance(gateway.clone()));
    let queries = QueryServiceServer::new(query::Queries(gateway.clone()));
    let cluster = ClusterServiceServer::new(cluster::Cluster(gateway.clone()));
    let recovery = RecoveryServiceServer::new(recovery::Recovery(gateway.clone()));
    let repos = RepoServiceServer::new(repo::Repos(gateway.clone()));
    let inclusive = InclusiveServiceServer::new(inclusive::Inclusive(gateway.clone()));
    let backups = BackupServiceServer::new(backup::Backups::new(gateway.clone(), pins));
    Ok(Routes::new(accounts.max_decoding_message_size(limit))
        .add_service(cash.max_decoding_message_size(limit))
        .add_service(instruments.max_decoding_message_size(limit))
        .add_service(settlement.max_decoding_message_size(limit))
        .add_service(pledges.max_decoding_message_size(limit))
        .add_service(prices.max_decoding_message_size(limit))
        .add_service(events.max_decoding_message_size(limit))
        .add_service(control.max_decoding_message_size(limit + PROPOSAL_FRAME_BYTES))
        .add_service(compliance.max_decoding_message_size(limit))
        .add_service(queries.max_decoding_message_size(limit))
        .add_service(cluster.max_decoding_message_size(limit))
        .add_service(recovery.max_decoding_message_size(limit))
        .add_service(inclusive.max_decoding_message_size(limit))
        .add_service(backups.max_decoding_message_size(limit))
        .add_service(repos.max_decoding_message_size(limit))
        .add_service(reflection.build_v1()?))
}
