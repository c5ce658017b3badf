//! How this node calls the others: one lazy mutual-TLS channel per target,
//! log entries pipelined, snapshots streamed file by file.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use registry_proto::peer::raft_service_client::RaftServiceClient;
use tonic::metadata::{BinaryMetadataValue, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::known_storage::{KnownStorage, STORAGE_ID};
use super::snapshot_stream;
use super::types::{Snapshot, TypeConfig, Vote};
use super::wire;
use crate::config::Config;
use crate::storage::SnapshotFolder;

/// Entries of several MiB may be on their way to the other city at once.
pub(super) const WINDOW_BYTES: u32 = 16 << 20;
/// One replication message: at most 2 MiB of entries, or a single larger one.
pub(super) const PEER_MESSAGE_BYTES: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A link that swallows everything is noticed after interval plus timeout.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Metadata keys that every peer call carries.
pub(super) mod header {
    pub(crate) const CLUSTER_ID: &str = "cluster-id";
    pub(crate) const RECOVERY_EPOCH: &str = "recovery-epoch";
    pub(crate) const NODE_ID: &str = "node-id";
}

/// Says on every call who calls and for which cluster.
#[derive(Clone)]
pub(super) struct CallerHeaders {
    cluster_id: MetadataValue<tonic::metadata::Ascii>,
    node_id: MetadataValue<tonic::metadata::Ascii>,
    recovery_epoch: MetadataValue<tonic::metadata::Ascii>,
    storage_id: BinaryMetadataValue,
}

impl Interceptor for CallerHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert(header::CLUSTER_ID, self.cluster_id.clone());
        metadata.insert(header::NODE_ID, self.node_id.clone());
        metadata.insert(header::RECOVERY_EPOCH, self.recovery_epoch.clone());
        metadata.insert_bin(STORAGE_ID, self.storage_id.clone());
        Ok(request)
    }
}

pub(super) type PeerClient = RaftServiceClient<InterceptedService<Channel, CallerHeaders>>;

/// Channels to the other members.
#[derive(Clone)]
pub(crate) struct Peers {
    clients: Arc<BTreeMap<u64, PeerClient>>,
    known: KnownStorage,
}

impl Peers {
    /// Prepares a channel per configured member; connections are made on first use.
    pub(crate) fn new(
        config: &Config,
        recovery_epoch: u64,
        known: KnownStorage,
    ) -> anyhow::Result<Self> {
        let headers = CallerHeaders {
            cluster_id: config.cluster_id.parse()?,
            node_id: config.node.id.into(),
            recovery_epoch: recovery_epoch.into(),
            storage_id: known.own_metadata(),
        };
        let mut clients = BTreeMap::new();
        for member in &config.members {
            if member.id == config.node.id {
                continue;
            }
            let channel = Endpoint::from_shared(format!("https://{}", member.peer_address))?
                .tls_config(crate::security::peer_dial_tls(&config.tls, member.id)?)?
                .tcp_nodelay(true)
                .connect_timeout(CONNECT_TIMEOUT)
                .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
                .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
                .keep_alive_while_idle(true)
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .connect_lazy();
            let client = RaftServiceClient::with_interceptor(channel, headers.clone())
                .max_decoding_message_size(PEER_MESSAGE_BYTES)
                .max_encoding_message_size(PEER_MESSAGE_BYTES);
            clients.insert(member.id, client);
        }
        Ok(Self { clients: Arc::new(clients), known })
    }

    /// The other members.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.clients.keys().copied()
    }

    /// Whether an answer comes from the data folder that the node is known by.
    pub(super) fn is_known(&self, node_id: u64, answer: &MetadataMap) -> bool {
        self.known.check(node_id, answer).is_ok()
    }

    /// A client of one member; `None` when it is not configured here.
    pub(super) fn client(&self, node_id: u64) -> Option<PeerClient> {
        self.clients.get(&node_id).cloned()
    }
}

impl RaftNetworkFactory<TypeConfig> for Peers {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Peer {
        Peer { target, client: self.client(target), known: self.known.clone() }
    }
}

/// One target as the consensus library calls it.
pub(crate) struct Peer {
    target: u64,
    client: Option<PeerClient>,
    known: KnownStorage,
}

fn unreachable(error: impl std::fmt::Display) -> Unreachable<TypeConfig> {
    Unreachable::new(&std::io::Error::other(error.to_string()))
}

impl Peer {
    fn client(&self) -> Result<PeerClient, Unreachable<TypeConfig>> {
        self.client.clone().ok_or_else(|| {
            unreachable(format!(
                "node {} is a member but not in this node's configuration",
                self.target
            ))
        })
    }

    /// The answer, if the node is still the one that the cluster was formed with.
    fn answer<T>(&self, reply: Result<Response<T>, Status>) -> Result<T, Unreachable<TypeConfig>> {
        let reply = reply.map_err(unreachable)?;
        self.known.check(self.target, reply.metadata()).map_err(unreachable)?;
        Ok(reply.into_inner())
    }

    fn request<T>(message: T, option: &RPCOption) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(option.hard_ttl());
        request
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = SnapshotFolder;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = Self::request(wire::append_out(&rpc), &option);
        let reply = self.answer(self.client()?.append(request).await)?;
        let result = wire::append_result_in(reply).map_err(unreachable)?;
        Ok(result.into())
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        // The default sends one request per round trip; between the cities that
        // would be the throughput limit, so requests follow each other here.
        Box::pin(async move {
            let mut client = self.client()?;
            let mut input = input;
            // The pause after a failure lies in the first poll of the input; a
            // dead peer refuses the connection before that, in a tight loop.
            let first = input.next().await.map(|request| wire::append_out(&request));
            let rest = futures::stream::unfold(input, |mut input| async move {
                input.next().await.map(|request| (wire::append_out(&request), input))
            });
            let requests = futures::stream::iter(first).chain(rest);
            let replies = self.answer(client.stream_append(requests).await)?;
            let results = replies.map(|reply| {
                let reply = reply.map_err(unreachable)?;
                Ok(wire::append_result_in(reply).map_err(unreachable)?)
            });
            let results: BoxStream<'s, _> = Box::pin(results);
            Ok(results)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = Self::request(wire::vote_request_out(&rpc), &option);
        let reply = self.answer(self.client()?.vote(request).await)?;
        Ok(wire::vote_reply_in(reply).map_err(unreachable)?)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = Self::request(wire::vote_request_out(&rpc), &option);
        let reply = self.answer(self.client()?.pre_vote(request).await)?;
        Ok(wire::vote_reply_in(reply).map_err(unreachable)?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let mut client = self.client()?;
        let parts = snapshot_stream::parts(vote, &snapshot);
        let sending = pin!(client.install_snapshot(parts));
        let reply = match select(sending, pin!(cancel)).await {
            Either::Left((reply, _)) => {
                if reply.as_ref().is_err_and(|status| status.code() == Code::DataLoss) {
                    stop_if_damaged(snapshot.snapshot).await;
                }
                self.answer(reply)?
            }
            Either::Right((closed, _)) => return Err(StreamingError::Closed(closed)),
        };
        let vote = wire::vote_in(reply.vote).map_err(unreachable)?;
        Ok(SnapshotResponse { vote })
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = Self::request(wire::transfer_out(&rpc), &option);
        let reply = self.answer(self.client()?.transfer_leader(request).await)?;
        Ok(wire::transfer_reply_in(reply).map_err(unreachable)?)
    }
}

/// A receiver says that bytes are wrong. If this node's disk has changed them,
/// another node must lead: this one's ledger lies in the same files.
async fn stop_if_damaged(snapshot: SnapshotFolder) {
    let path = snapshot.path.display().to_string();
    match tokio::task::spawn_blocking(move || snapshot.first_damaged()).await {
        Ok(Ok(None)) | Err(_) => {}
        Ok(Ok(Some(file))) => {
            tracing::error!(
                path,
                file,
                "the disk has changed a file of this node's snapshot; stopping this node"
            );
            std::process::abort();
        }
        Ok(Err(error)) => tracing::error!(path, %error, "own snapshot could not be checked"),
    }
}
