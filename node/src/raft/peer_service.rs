//! What the other nodes call on the peer port.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use registry_proto::peer;
use registry_proto::peer::raft_service_server::RaftService;
use tonic::{Request, Response, Status, Streaming};

use super::clock::now_ms;
use super::consensus::Consensus;
use super::directory::{Directory, STORAGE_ID};
use super::network::header;
use super::state_machine::as_snapshot;
use super::types::Raft;
use super::{leadership, protocol, snapshot_receive, wire};
use crate::config::Config;
use crate::storage::SnapshotShelf;

/// The peer port's one service.
#[derive(Clone)]
pub(crate) struct PeerService {
    pub(super) config: Arc<Config>,
    pub(super) consensus: Consensus,
    pub(super) shelf: SnapshotShelf,
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
        if text(header::NODE_ID) != certified.to_string() {
            return Err(Status::permission_denied(format!(
                "the certificate is of node {certified}, the caller claims {:?}",
                text(header::NODE_ID)
            )));
        }
        protocol::check(certified, request.metadata()).map_err(|refused| {
            tracing::warn!(%refused, "a node is refused");
            Status::failed_precondition(refused.to_string())
        })?;
        self.check_epoch(text(header::RECOVERY_EPOCH))?;
        self.directory()
            .check(certified, request.metadata())
            .map_err(|refused| Status::permission_denied(refused.to_string()))?;
        Ok(certified)
    }

    /// Nodes of different recovery epochs have nothing to say to each other. The one
    /// in the earlier epoch was given up; unless it is new and empty.
    fn check_epoch(&self, callers: &str) -> Result<(), Status> {
        let own = self.directory().recovery_epoch();
        let epoch: Option<u64> = callers.parse().ok();
        match epoch {
            Some(epoch) if epoch == own => return Ok(()),
            Some(epoch) if epoch > own && !self.consensus.has_log() => {
                let data = &self.config.node.data_dir;
                let joined = crate::storage::epoch::write(data, epoch);
                joined.map_err(|error| Status::internal(error.to_string()))?;
                self.directory().join_epoch(epoch);
                return Ok(());
            }
            Some(epoch) if epoch > own => self.directory().superseded(epoch),
            Some(_) | None => {}
        }
        let message = format!("this node is in recovery epoch {own}, the caller in {callers:?}");
        let mut refused = Status::permission_denied(message);
        refused.metadata_mut().insert(header::RECOVERY_EPOCH, own.into());
        Err(refused)
    }

    /// Every answer says from which data folder it comes.
    fn answer<T>(&self, message: T) -> Response<T> {
        let mut response = Response::new(message);
        response.metadata_mut().insert_bin(STORAGE_ID, self.directory().own_metadata());
        response
    }

    fn directory(&self) -> &Directory {
        self.consensus.directory()
    }

    /// A leader spoke: how old what this node knows may be.
    fn heard(&self, message: &peer::AppendRequest) {
        let committed = message.leader_commit.as_ref().map_or(0, |id| id.index);
        let applied = *self.consensus.inner.applied.index.borrow();
        let quorum_age = Duration::from_millis(message.quorum_age_ms);
        self.consensus.freshness().heard(quorum_age, applied >= committed);
    }

    fn raft(&self) -> &Raft {
        self.consensus.raft()
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
        let stream = (request.into_inner(), self.clone());
        let input = futures::stream::unfold(stream, |(mut stream, service)| async move {
            let message = stream.message().await.ok().flatten()?;
            service.heard(&message);
            match wire::append_in(message) {
                Ok(request) => Some((request, (stream, service))),
                Err(error) => {
                    tracing::warn!(%error, "append stream ended");
                    None
                }
            }
        });
        let results = self.raft().stream_append(Box::pin(input));
        let replies: Self::StreamAppendStream = Box::pin(results.map(|result| match result {
            Ok(result) => Ok(wire::append_result_out(&result)),
            Err(fatal) => Err(stopped(fatal)),
        }));
        Ok(self.answer(replies))
    }

    async fn append(
        &self,
        request: Request<peer::AppendRequest>,
    ) -> Result<Response<peer::AppendReply>, Status> {
        self.admit(&request)?;
        self.heard(request.get_ref());
        let rpc = wire::append_in(request.into_inner()).map_err(refused)?;
        let previous = rpc.prev_log_id;
        let last = rpc.entries.last().map(|entry| entry.log_id).or(previous);
        let reply = self.raft().append_entries(rpc).await.map_err(stopped)?;
        let result = reply.into_stream_result(previous, last);
        Ok(self.answer(wire::append_result_out(&result)))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::vote_request_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().vote(rpc).await.map_err(stopped)?;
        Ok(self.answer(wire::vote_reply_out(&reply)))
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::vote_request_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().pre_vote(rpc).await.map_err(stopped)?;
        Ok(self.answer(wire::vote_reply_out(&reply)))
    }

    async fn offer_snapshot(
        &self,
        request: Request<peer::SnapshotOffer>,
    ) -> Result<Response<peer::SnapshotHeld>, Status> {
        let sender = self.admit(&request)?;
        let manifest = request.into_inner().manifest;
        Ok(self.answer(snapshot_receive::held(&self.shelf, sender, manifest).await?))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotPart>>,
    ) -> Result<Response<peer::SnapshotReply>, Status> {
        let sender = self.admit(&request)?;
        let (header, folder) =
            snapshot_receive::receive(&self.shelf, sender, request.into_inner()).await?;
        let vote = wire::vote_in(header.vote).map_err(refused)?;
        let arrived = folder.path.clone();
        let snapshot = as_snapshot(folder).map_err(|e| Status::data_loss(e.to_string()))?;
        let reply = self.raft().install_full_snapshot(vote, snapshot).await.map_err(stopped)?;
        self.shelf.discard(&arrived);
        Ok(self.answer(peer::SnapshotReply { vote: Some(wire::vote_out(&reply.vote)) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderReply>, Status> {
        self.admit(&request)?;
        let rpc = wire::transfer_in(request.into_inner()).map_err(refused)?;
        let reply = self.raft().handle_transfer_leader(rpc).await.map_err(stopped)?;
        Ok(self.answer(wire::transfer_reply_out(&reply)))
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
        Ok(self.answer(peer::ReadIndexReply { term: self.consensus.status().term, log_index }))
    }

    async fn confirm_leader(
        &self,
        request: Request<peer::ConfirmLeaderRequest>,
    ) -> Result<Response<peer::ConfirmLeaderReply>, Status> {
        self.admit(&request)?;
        let vote = wire::vote_in(request.into_inner().vote).map_err(refused)?;
        let confirmed = leadership::stands_by(self.raft(), &vote)
            .await
            .map_err(|why| Status::unavailable(format!("{why:?}")))?;
        Ok(self.answer(peer::ConfirmLeaderReply { confirmed }))
    }

    async fn hello(
        &self,
        request: Request<peer::HelloRequest>,
    ) -> Result<Response<peer::HelloReply>, Status> {
        let caller = self.admit(&request)?;
        let promise = &self.consensus.inner.promise;
        let promised_to =
            if request.into_inner().promise_bootstrap { promise.keep(caller) } else { 0 };
        Ok(self.answer(peer::HelloReply {
            cluster_id: self.config.cluster_id.clone(),
            node_id: self.config.node.id,
            layout: self.config.layout.as_str().to_owned(),
            has_log: self.consensus.has_log(),
            promised_to,
            storage_id: self.directory().own_storage_id(),
            clock_ms: now_ms(),
            rules_known: self.config.rules_known,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            city: self.config.node.city.clone(),
            recovery_epoch: self.directory().recovery_epoch(),
            last_log_index: self.consensus.status().last_log_index,
        }))
    }
}
