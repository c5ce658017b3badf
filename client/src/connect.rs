//! One channel per node, and a guess which node leads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::error::ClientError;
use crate::identity::Identity;
use crate::settle::TradeStreams;

/// Name that every node's certificate on the client port carries.
pub const SERVER_NAME: &str = "carbon-registry";

/// More addresses than this are not learnt from answers.
const MAX_NODES: usize = 64;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Where the cluster is and who calls. Fields may be changed before [`Cluster::connector`].
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Client addresses as `host:port`, the nearest first.
    pub endpoints: Vec<String>,
    /// Certificate, key and trusted authority.
    pub identity: Identity,
    /// The cluster that is meant: nodes of another one refuse every call. Unset, the
    /// first answer's counts from then on.
    pub cluster_id: Option<String>,
    /// DNS name that the nodes' certificates must carry.
    pub server_name: String,
    /// Time for one call with all its attempts.
    pub call_timeout: Duration,
    /// Time for one attempt; a node that is silent longer is taken for lost.
    pub attempt_timeout: Duration,
    /// Time for one TCP and TLS connection.
    pub connect_timeout: Duration,
    /// Time without an answer after which a stream is opened anew.
    pub stream_stall_timeout: Duration,
    /// Whether nodes that answers name are asked as well.
    pub learns_nodes: bool,
}

impl Cluster {
    /// A cluster with the default server name and timeouts: 30 s per call, 5 s
    /// per attempt, 2 s per connection, 10 s per stream without an answer.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>, identity: Identity) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            identity,
            cluster_id: None,
            server_name: SERVER_NAME.to_owned(),
            call_timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            stream_stall_timeout: Duration::from_secs(10),
            learns_nodes: true,
        }
    }

    /// Prepares a channel per node. Connects at the first call, so it needs a
    /// tokio runtime but no reachable node.
    ///
    /// # Errors
    /// `Setup` for an address or certificate that cannot be used, or no address at all.
    pub fn connector(self) -> Result<Connector, ClientError> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.identity.ca_pem))
            .identity(tonic::transport::Identity::from_pem(
                &self.identity.cert_pem,
                &self.identity.key_pem,
            ))
            .domain_name(&self.server_name);
        Connector::new(&self, Some(tls))
    }
}

/// Channels to all nodes of one cluster. Cheap to clone; clones share channels
/// and what was learnt about the leader.
#[derive(Clone, Debug)]
pub struct Connector {
    shared: Arc<Shared>,
    call_timeout: Duration,
}

#[derive(Debug)]
struct Shared {
    tls: Option<ClientTlsConfig>,
    connect_timeout: Duration,
    attempt_timeout: Duration,
    stream_stall_timeout: Duration,
    learns_nodes: bool,
    /// Which files the identity is of, for errors.
    identity_files: String,
    nodes: RwLock<Vec<Node>>,
    leader: AtomicUsize,
    reader: AtomicUsize,
    trade_streams: TradeStreams,
    /// Latest recovery epoch that an answer named.
    recovery_epoch: AtomicU64,
    /// Given, or as the first answer named it.
    cluster_id: OnceLock<MetadataValue<Ascii>>,
}

#[derive(Clone, Debug)]
struct Node {
    address: String,
    channel: Channel,
}

/// Which node a call should go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Writes: only the leader takes them.
    Leader,
    /// Reads: any node answers; the nearest one that works is kept.
    Any,
}

impl Connector {
    fn new(cluster: &Cluster, tls: Option<ClientTlsConfig>) -> Result<Self, ClientError> {
        if cluster.endpoints.is_empty() {
            return Err(ClientError::Setup("no endpoint given".to_owned()));
        }
        let shared = Shared {
            tls,
            connect_timeout: cluster.connect_timeout,
            attempt_timeout: cluster.attempt_timeout,
            stream_stall_timeout: cluster.stream_stall_timeout,
            learns_nodes: cluster.learns_nodes,
            identity_files: cluster.identity.files.clone(),
            nodes: RwLock::new(Vec::new()),
            leader: AtomicUsize::new(0),
            trade_streams: TradeStreams::default(),
            reader: AtomicUsize::new(0),
            recovery_epoch: AtomicU64::new(0),
            cluster_id: OnceLock::new(),
        };
        if let Some(cluster_id) = &cluster.cluster_id {
            let value = cluster_id.parse();
            let value = value.map_err(|_| {
                ClientError::Setup(format!("cluster id {cluster_id:?}: must be printable ASCII"))
            })?;
            shared.cluster_id.get_or_init(|| value);
        }
        let nodes = cluster
            .endpoints
            .iter()
            .map(|address| shared.open(address))
            .collect::<Result<Vec<Node>, ClientError>>()?;
        *shared.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes;
        Ok(Self { shared: Arc::new(shared), call_timeout: cluster.call_timeout })
    }

    /// A connector without TLS for services that a unit test runs itself.
    #[cfg(test)]
    pub(crate) fn plaintext(endpoints: &[String], call_timeout: Duration) -> Self {
        Self::plaintext_with(endpoints, call_timeout, Duration::from_secs(1))
    }

    /// The same with another time per attempt.
    #[cfg(test)]
    pub(crate) fn plaintext_with(
        endpoints: &[String],
        call_timeout: Duration,
        attempt_timeout: Duration,
    ) -> Self {
        let identity = Identity::none();
        let mut cluster = Cluster::new(endpoints.iter().cloned(), identity);
        cluster.call_timeout = call_timeout;
        cluster.attempt_timeout = attempt_timeout;
        Self::new(&cluster, None).expect("addresses of a test")
    }

    /// The same with another time per stream without an answer.
    #[cfg(test)]
    pub(crate) fn plaintext_stalling(endpoints: &[String], stall_timeout: Duration) -> Self {
        let identity = Identity::none();
        let mut cluster = Cluster::new(endpoints.iter().cloned(), identity);
        cluster.stream_stall_timeout = stall_timeout;
        Self::new(&cluster, None).expect("addresses of a test")
    }

    /// The same channels with another time per call.
    #[must_use]
    pub fn with_timeout(&self, call_timeout: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), call_timeout }
    }

    /// Latest recovery epoch that an answer named.
    #[must_use]
    pub fn recovery_epoch(&self) -> u64 {
        self.shared.recovery_epoch.load(Ordering::Relaxed)
    }

    /// The cluster that is meant, once it is known.
    pub(crate) fn cluster_id(&self) -> Option<MetadataValue<Ascii>> {
        self.shared.cluster_id.get().cloned()
    }

    /// Takes note of the cluster and the recovery epoch that an answer names.
    pub(crate) fn heard(&self, metadata: &tonic::metadata::MetadataMap) {
        if let Some(named) = metadata.get(crate::leader::CLUSTER_ID) {
            self.shared.cluster_id.get_or_init(|| named.clone());
        }
        let named = metadata.get(crate::leader::RECOVERY_EPOCH);
        let Some(epoch) = named.and_then(|value| value.to_str().ok()?.parse().ok()) else { return };
        if self.shared.recovery_epoch.fetch_max(epoch, Ordering::Relaxed) < epoch {
            tracing::warn!(epoch, "the cluster was recovered; earlier nodes are asked no more");
        }
    }

    /// Addresses of all known nodes.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.nodes(|nodes| nodes.iter().map(|node| node.address.clone()).collect())
    }

    /// Address of the node that the next write goes to.
    #[must_use]
    pub fn leader_guess(&self) -> String {
        let guess = self.shared.leader.load(Ordering::Relaxed);
        self.nodes(|nodes| nodes.get(guess).map(|node| node.address.clone()).unwrap_or_default())
    }

    pub(crate) fn identity_files(&self) -> &str {
        &self.shared.identity_files
    }

    pub(crate) fn trade_streams(&self) -> &TradeStreams {
        &self.shared.trade_streams
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.shared.attempt_timeout
    }

    pub(crate) fn stream_stall_timeout(&self) -> Duration {
        self.shared.stream_stall_timeout
    }

    /// The node a call should go to now.
    pub(crate) fn pick(&self, route: Route) -> (usize, Channel) {
        let guess = self.shared.guess(route).load(Ordering::Relaxed);
        self.nodes(|nodes| {
            let index = guess % nodes.len();
            (index, nodes[index].channel.clone())
        })
    }

    /// The channel to one address, which may be new.
    pub(crate) fn channel_to(&self, address: &str) -> Result<Channel, ClientError> {
        let known = self.nodes(|nodes| {
            nodes.iter().find(|node| node.address == address).map(|node| node.channel.clone())
        });
        match known {
            Some(channel) => Ok(channel),
            None => Ok(self.shared.open(address)?.channel),
        }
    }

    /// Moves the guess away from `failed`: to `leader_address` if a node named
    /// one, else to the next node. True if the guess now follows that name.
    pub(crate) fn turn(&self, route: Route, failed: usize, leader_address: Option<&str>) -> bool {
        let named = leader_address.and_then(|address| self.shared.index_of(address));
        let next = match named {
            Some(index) if index != failed => index,
            _ => self.nodes(|nodes| (failed + 1) % nodes.len()),
        };
        // Only the first of many calls that failed together turns the guess.
        let _ = self.shared.guess(route).compare_exchange(
            failed,
            next,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        named == Some(next)
    }

    fn nodes<T>(&self, read: impl FnOnce(&[Node]) -> T) -> T {
        read(&self.shared.nodes.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn guess(&self, route: Route) -> &AtomicUsize {
        match route {
            Route::Leader => &self.leader,
            Route::Any => &self.reader,
        }
    }

    /// Index of a node's address; an address not seen before becomes a node.
    fn index_of(&self, address: &str) -> Option<usize> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = nodes.iter().position(|node| node.address == address) {
            return Some(index);
        }
        if !self.learns_nodes || nodes.len() >= MAX_NODES {
            return None;
        }
        nodes.push(self.open(address).ok()?);
        Some(nodes.len() - 1)
    }

    fn open(&self, address: &str) -> Result<Node, ClientError> {
        let setup = |error: &dyn std::fmt::Display| {
            ClientError::Setup(format!("endpoint {address}: {error}"))
        };
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| setup(&error))?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(2))
            .keep_alive_timeout(Duration::from_secs(3))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        if endpoint.uri().port().is_none() {
            return Err(setup(&"must be host:port"));
        }
        if let Some(tls) = &self.tls {
            endpoint = endpoint.tls_config(tls.clone()).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                setup(&format!(
                    "certificate, key or authority: {}",
                    cause.unwrap_or(error.to_string())
                ))
            })?;
        }
        Ok(Node { address: address.to_owned(), channel: endpoint.connect_lazy() })
    }
}
