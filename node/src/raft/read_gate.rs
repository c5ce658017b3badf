//! Linearizable reads: one quorum round answers every reader that was waiting
//! when it began. No clock-based leases: a paused leader must not serve
//! yesterday's pledges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{LinearizableReadError, RaftError};
use registry_proto::peer;
use tokio::sync::{mpsc, oneshot};
use tonic::Request;

use super::consensus::Unavailable;
use super::network::Peers;
use super::types::Raft;

/// A round without a majority in each city within this time is no answer.
const ROUND_TIMEOUT: Duration = Duration::from_secs(3);
const QUEUE: usize = 16_384;

type Reader = oneshot::Sender<Result<u64, Unavailable>>;

/// Handle of the reading task.
pub(super) struct ReadGate {
    readers: mpsc::Sender<Reader>,
    leader_readers: mpsc::Sender<Reader>,
    rounds: Arc<AtomicU64>,
}

impl ReadGate {
    /// Starts the tasks: one for this node's readers, one for rounds as leader.
    pub(super) fn start(raft: &Raft, peers: &Peers, node_id: u64) -> Self {
        let rounds = Arc::new(AtomicU64::new(0));
        let (leader_readers, waiting) = mpsc::channel(QUEUE);
        let (counted, leader) = (rounds.clone(), raft.clone());
        tokio::spawn(serve(waiting, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            as_leader(leader.clone())
        }));
        let (readers, waiting) = mpsc::channel(QUEUE);
        let (raft, peers, as_leader) = (raft.clone(), peers.clone(), leader_readers.clone());
        tokio::spawn(serve(waiting, move || {
            anywhere(raft.clone(), peers.clone(), as_leader.clone(), node_id)
        }));
        Self { readers, leader_readers, rounds }
    }

    /// The index that a reader on this node must have applied.
    pub(super) async fn round(&self) -> Result<u64, Unavailable> {
        ask(&self.readers).await
    }

    /// The same, answered only when this node leads.
    pub(super) async fn leader_round(&self) -> Result<u64, Unavailable> {
        ask(&self.leader_readers).await
    }

    /// Quorum rounds since the start.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }
}

async fn ask(readers: &mpsc::Sender<Reader>) -> Result<u64, Unavailable> {
    let (sender, answer) = oneshot::channel();
    readers.try_send(sender).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Unavailable::Overloaded,
        mpsc::error::TrySendError::Closed(_) => Unavailable::Stopped,
    })?;
    answer.await.map_err(|_| Unavailable::Stopped)?
}

/// Whoever waits when a round begins shares it; who comes later waits for the
/// next, because this one may have confirmed an index too old for them.
async fn serve<F>(mut waiting: mpsc::Receiver<Reader>, round: impl Fn() -> F)
where
    F: Future<Output = Result<u64, Unavailable>>,
{
    while let Some(first) = waiting.recv().await {
        let mut sharing = vec![first];
        while let Ok(next) = waiting.try_recv() {
            sharing.push(next);
        }
        let outcome = match tokio::time::timeout(ROUND_TIMEOUT, round()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Unavailable::NoQuorum),
        };
        for reader in sharing {
            drop(reader.send(outcome.clone()));
        }
    }
}

async fn as_leader(raft: Raft) -> Result<u64, Unavailable> {
    match raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
        Ok(linearizer) => Ok(linearizer.read_log_id().index()),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
            Err(Unavailable::NotLeader { leader_id: to.leader_id })
        }
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
            Err(Unavailable::NoQuorum)
        }
        Err(RaftError::Fatal(_)) => Err(Unavailable::Stopped),
    }
}

async fn anywhere(
    raft: Raft,
    peers: Peers,
    as_leader: mpsc::Sender<Reader>,
    node_id: u64,
) -> Result<u64, Unavailable> {
    let leader_id = raft.metrics().borrow_watched().current_leader;
    if leader_id == Some(node_id) {
        return ask(&as_leader).await;
    }
    let leader = leader_id.and_then(|id| peers.client(id));
    let Some(mut leader) = leader else { return Err(Unavailable::NoQuorum) };
    let mut request = Request::new(peer::ReadIndexRequest {});
    request.set_timeout(ROUND_TIMEOUT);
    let reply = leader.read_index(request).await.map_err(|_| Unavailable::NoQuorum)?;
    Ok(reply.into_inner().log_index)
}
