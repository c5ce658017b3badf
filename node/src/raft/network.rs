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
use parking_lot::Mutex;
use registry_proto::peer;
use registry_proto::peer::raft_service_client::RaftServiceClient;
use tonic::metadata::{BinaryMetadataValue, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::directory::{Directory, STORAGE_ID};
use super::freshness::Freshness;
use super::log_purge::SentSnapshots;
use super::protocol;
use super::snapshot_pace::SnapshotPace;
use super::snapshot_send;
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
    storage_id: BinaryMetadataValue,
    directory: Directory,
}

impl Interceptor for CallerHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert(header::CLUSTER_ID, self.cluster_id.clone());
        metadata.insert(header::NODE_ID, self.node_id.clone());
        metadata.insert(protocol::HEADER, protocol::spoken());
        metadata.insert(header::RECOVERY_EPOCH, self.directory.recovery_epoch().into());
        metadata.insert_bin(STORAGE_ID, self.storage_id.clone());
        Ok(request)
    }
}

pub(super) type PeerClient = RaftServiceClient<InterceptedService<Channel, CallerHeaders>>;

/// By node: where it was dialled, and how. Made on first use, and anew when the
/// node is found elsewhere.
type Clients = Arc<Mutex<BTreeMap<u64, (String, PeerClient)>>>;

/// Channels to the other members.
#[derive(Clone)]
pub(crate) struct Peers {
    clients: Clients,
    /// Over connections of their own: what of a snapshot waits to be written
    /// takes nothing of the room for log entries.
    snapshots: Clients,
    sent: SentSnapshots,
    pace: SnapshotPace,
    config: Arc<Config>,
    headers: CallerHeaders,
    directory: Directory,
    freshness: Arc<Freshness>,
}

impl Peers {
    pub(crate) fn new(
        config: &Arc<Config>,
        directory: Directory,
        freshness: Arc<Freshness>,
        pace: SnapshotPace,
    ) -> anyhow::Result<Self> {
        let headers = CallerHeaders {
            cluster_id: config.cluster_id.parse()?,
            node_id: config.node.id.into(),
            storage_id: directory.own_metadata(),
            directory: directory.clone(),
        };
        Ok(Self {
            clients: Clients::default(),
            snapshots: Clients::default(),
            sent: SentSnapshots::default(),
            pace,
            config: config.clone(),
            headers,
            directory,
            freshness,
        })
    }

    /// How far the snapshots reach that this node sent.
    pub(super) fn sent_snapshots(&self) -> &SentSnapshots {
        &self.sent
    }

    /// Whether an answer comes from the data folder that the node is known by.
    pub(super) fn is_known(&self, node_id: u64, answer: &MetadataMap) -> bool {
        self.directory.check(node_id, answer).is_ok()
    }

    /// A client of one member; `None` when nobody knows where it is.
    pub(super) fn client(&self, node_id: u64) -> Option<PeerClient> {
        self.client_among(&self.clients, node_id)
    }

    /// The same for a snapshot.
    pub(super) fn snapshot_client(&self, node_id: u64) -> Option<PeerClient> {
        self.client_among(&self.snapshots, node_id)
    }

    fn client_among(&self, clients: &Clients, node_id: u64) -> Option<PeerClient> {
        let address = self.directory.member(node_id)?.peer_address;
        let mut clients = clients.lock();
        match clients.get(&node_id) {
            Some((known, client)) if *known == address => Some(client.clone()),
            _ => {
                let client = self.client_at(node_id, &address)?;
                clients.insert(node_id, (address, client.clone()));
                Some(client)
            }
        }
    }

    /// A client of a node that need not be a member yet; `None` when the address is
    /// none.
    pub(super) fn client_at(&self, node_id: u64, address: &str) -> Option<PeerClient> {
        let channel = self.channel(node_id, address);
        if let Err(error) = &channel {
            tracing::warn!(node_id, address, %error, "the node cannot be dialled");
        }
        let client = RaftServiceClient::with_interceptor(channel.ok()?, self.headers.clone());
        Some(
            client
                .max_decoding_message_size(PEER_MESSAGE_BYTES)
                .max_encoding_message_size(PEER_MESSAGE_BYTES),
        )
    }

    /// A leader's message, with how old its own knowledge of a quorum is.
    fn append_out(&self, request: &AppendEntriesRequest<TypeConfig>) -> peer::AppendRequest {
        let age = self.freshness.own_quorum_age().map(|age| age.as_millis());
        let quorum_age_ms = age.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(u64::MAX);
        wire::append_out(request, quorum_age_ms)
    }

    fn channel(&self, node_id: u64, address: &str) -> anyhow::Result<Channel> {
        let tls = crate::security::peer_dial_tls(&self.config.tls, node_id)?;
        Ok(Endpoint::from_shared(format!("https://{address}"))?
            .tls_config(tls)?
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .connect_lazy())
    }
}

impl RaftNetworkFactory<TypeConfig> for Peers {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Peer {
        Peer { target, peers: self.clone() }
    }
}

/// One target as the consensus library calls it.
pub(crate) struct Peer {
    target: u64,
    peers: Peers,
}

fn unreachable(error: impl std::fmt::Display) -> Unreachable<TypeConfig> {
    Unreachable::new(&std::io::Error::other(error.to_string()))
}

impl Peer {
    fn client(&self) -> Result<PeerClient, Unreachable<TypeConfig>> {
        self.peers.client(self.target).ok_or_else(|| self.nowhere())
    }

    fn nowhere(&self) -> Unreachable<TypeConfig> {
        unreachable(format!("nobody has told this node where node {} is", self.target))
    }

    /// The answer, if the node is still the one that the cluster was formed with.
    fn answer<T>(&self, reply: Result<Response<T>, Status>) -> Result<T, Unreachable<TypeConfig>> {
        let reply = reply.map_err(|status| {
            if let Some(epoch) = later_epoch(&status) {
                self.peers.directory.superseded(epoch);
            }
            unreachable(status)
        })?;
        self.peers.directory.check(self.target, reply.metadata()).map_err(unreachable)?;
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
        let request = Self::request(self.peers.append_out(&rpc), &option);
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
            let first = input.next().await.map(|request| self.peers.append_out(&request));
            let rest = (input, self.peers.clone());
            let rest = futures::stream::unfold(rest, |(mut input, peers)| async move {
                let request = input.next().await?;
                Some((peers.append_out(&request), (input, peers)))
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
        let client = self.peers.snapshot_client(self.target).ok_or_else(|| self.nowhere())?;
        let log_index = snapshot.meta.last_log_id.map_or(0, |id| id.index);
        self.peers.sent.begin(self.target, log_index);
        let folder = snapshot.snapshot.clone();
        let sending = pin!(snapshot_send::send(client, vote, snapshot, self.peers.pace.clone()));
        let reply = match select(sending, pin!(cancel)).await {
            Either::Left((reply, _)) => reply,
            Either::Right((closed, _)) => return Err(StreamingError::Closed(closed)),
        };
        if let Err(status) = &reply {
            let (target, why) = (self.target, status.message());
            tracing::warn!(target, why, log_index, "a snapshot was not taken; trying again");
            if status.code() == Code::DataLoss {
                snapshot_send::stop_if_damaged(folder).await;
            }
        }
        let reply = self.answer(reply)?;
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

/// The recovery epoch that a refusal names: the node that refuses is in it.
pub(super) fn later_epoch(refusal: &Status) -> Option<u64> {
    let named = refusal.metadata().get(header::RECOVERY_EPOCH)?.to_str().ok()?;
    named.parse().ok()
}
