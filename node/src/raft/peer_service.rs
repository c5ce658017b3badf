//! What the other nodes call on the peer port.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use registry_proto::peer;
use registry_proto::peer::raft_service_server::RaftService;
use tonic::{Request, Response, Status, Streaming};

use super::consensus::Consensus;
use super::network::header;
use super::state_machine::as_snapshot;
use super::types::Raft;
use super::{snapshot_stream, wire};
use crate::config::Config;
use crate::storage::SnapshotShelf;

/// How long a node keeps itself free for the bootstrap that it promised to join.
const PROMISE: Duration = Duration::from_secs(30);

/// The peer port's one service.
pub(crate) struct PeerService {
    pub(super) config: Arc<Config>,
    pub(super) consensus: Consensus,
    pub(super) shelf: SnapshotShelf,
    pub(super) recovery_epoch: u64,
    pub(super) promise: Mutex<Option<(u64, Instant)>>,
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn refused(error: wire::Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

impl PeerService {
    /// Refuses whoever is of another cluster, another epoch, or not who the
    /// certificate says. Returns the caller's node id.
    fn admit<T>(&self, request: &Request<T>) -> Result<u64, Status> {
        let certified = crate::security::peer_node_id(request)?;
        let text = |key: &str| {
            request.metadata().get(key).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        if text(header::CLUSTER_ID) != self.config.cluster_id {
            return Err(Status::permission_denied(format!(
                "this node belongs to cluster {}, the caller to {:?}",
                self.config.cluster_id,
                text(header::CLUSTER_ID)
            )));
        }
        if text(header::RECOVERY_EPOCH) != self.recovery_epoch.to_string() {
            return Err(Status::permission_denied(format!(
                "this node is in recovery epoch {}, the caller in {:?}",
                self.recovery_epoch,
                text(header::RECOVERY_EPOCH)
            )));
        }
        if text(header::NODE_ID) != certified.to_string() {
            return Err(Status::permission_denied(format!(
                "the certificate is of node {certified}, the caller claims {:?}",
                text(header::NODE_ID)
            )));
        }
        if !self.config.members.iter().any(|member| member.id == certified) {
            return Err(Status::permission_denied(format!("node {certified} is no member")));
        }
        Ok(certified)
    }

    fn raft(&self) -> &Raft {
        self.consensus.raft()
    }

    fn keep_promise(&self, caller: u64) -> u64 {
        let mut promise = self.promise.lock();
        match *promise {
            Some((holder, until)) if holder != caller && until > Instant::now() => holder,
            _ => {
                *promise = Some((caller, Instant::now() + PROMISE));
                caller
            }
        }
    }
}

#[tonic::async_trait]
impl RaftService for PeerService {
    type StreamAppendStream = Replies<peer::AppendReply>;

    async fn stream_append(
        &self,
        request: Request<Streaming<peer::AppendRequest>>,
    ) -> Result<Response<Self::StreamAppendStream>, Status> {
        self.admit(&request)?;
        // A broken or malformed stream simply ends; the leader opens another.
        let input = futures::stream::unfold(request.into_inner(), |mut stream| async move {
            let message = stream.message().await.ok().flatten()?;
            match wire::append_in(message) {
                Ok(request) => Some((request, stream)),
                Err(error) => {
                    tracing::warn!(%error, "append stream ended");
                    None
                }
            }
        });
        let results = self.raft().stream_append(Box::pin(input));
        let replies = results.map(|result| match result {
            Ok(result) => Ok(wire::append_result_out(&result)),
            Err(fatal) => Err(stopped(fatal)),
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn append(
        &self,
        request: Request<peer::AppendRequest>,
    ) -> Result<Response<peer::AppendReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::append_in(request.into_inner()).map_err(refused)?;
        let previous = rpc.prev_log_id;
        let last = rpc.entries.last().map(|entry| entry.log_id).or(previous);
        let reply = self.raft().append_entries(rpc).await.map_err(stopped)?;
        let result = reply.into_stream_result(previous, last);
        Ok(Response::new(wire::append_result_out(&result)))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::vote_request_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().vote(rpc).await.map_err(stopped)?;
        Ok(Response::new(wire::vote_reply_out(&reply)))
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::vote_request_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().pre_vote(rpc).await.map_err(stopped)?;
        Ok(Response::new(wire::vote_reply_out(&reply)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotPart>>,
    ) -> Result<Response<peer::SnapshotReply>, Status> {
        let sender = self.admit(&request)?;
        let (header, folder) =
            snapshot_stream::receive(&self.shelf, sender, request.into_inner()).await?;
        let vote = wire::vote_in(header.vote).map_err(refused)?;
        let snapshot = as_snapshot(folder).map_err(|e| Status::data_loss(e.to_string()))?;
        let reply = self.raft().install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        Ok(Response::new(peer::SnapshotReply { vote: Some(wire::vote_out(&reply.vote)) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::transfer_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().handle_transfer_leader(rpc).await.map_err(stopped)?;
        Ok(Response::new(wire::transfer_reply_out(&reply)))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexReply>, Status> {
        self.admit(&request)?;
        let log_index = self
            .consensus
            .read_gate()
            .leader_round()
            .await
            .map_err(|why| Status::unavailable(format!("{why:?}")))?;
        Ok(Response::new(peer::ReadIndexReply { term: self.consensus.status().term, log_index }))
    }

    async fn hello(
        &self,
        request: Request<peer::HelloRequest>,
    ) -> Result<Response<peer::HelloReply>, Status> {
        let caller = self.admit(&request)?;
        let promised_to =
            if request.into_inner().promise_bootstrap { self.keep_promise(caller) } else { 0 };
        Ok(Response::new(peer::HelloReply {
            cluster_id: self.config.cluster_id.clone(),
            node_id: self.config.node.id,
            layout: self.config.layout.as_str().to_owned(),
            has_log: self.consensus.has_log(),
            promised_to,
        }))
    }
}
