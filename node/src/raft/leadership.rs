//! Whether this node still leads, asked of the other voters. Any number of such
//! rounds may be under way at once: the consensus library's own round waits for
//! the answers to the one before.
//!
//! A voter that stands by this leader's vote has granted no later one, so no
//! later leader had a majority in each city when the question was asked, and
//! all that was committed then is in this leader's log up to its commit index
//! (Ongaro, "Consensus: Bridging Theory and Practice", section 6.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::{RaftState, ReadPolicy, ServerState};
use parking_lot::Mutex;
use registry_proto::peer;
use tokio::sync::{Semaphore, mpsc};
use tonic::Request;

use super::consensus::Unavailable;
use super::network::Peers;
use super::types::{Raft, TypeConfig, Vote};
use super::wire;

/// Questions that one voter may leave open; one that is cut off is asked no more.
const OPEN_QUESTIONS: usize = 64;

/// What this node, if it leads, wants confirmed.
struct Claim {
    vote: Vote,
    /// Index up to which all was committed when the question is asked; none
    /// before this leader has committed an entry of its own.
    committed: Option<u64>,
    /// A majority in each must stand by the vote.
    voter_sets: Vec<BTreeSet<u64>>,
}

impl Claim {
    /// `None` when this node does not lead.
    fn of(state: &RaftState<TypeConfig>, node_id: u64) -> Option<Self> {
        let vote = *state.vote_ref();
        let leads = state.server_state == ServerState::Leader
            && vote.committed
            && vote.leader_id.node_id == node_id;
        let committed = state.local_committed().filter(|id| id.leader_id == vote.leader_id);
        leads.then(|| Self {
            vote,
            committed: committed.map(|id| id.index),
            voter_sets: state.membership_state.effective().membership().get_joint_config().clone(),
        })
    }

    /// Whether those who stand by the vote are a majority in each voter set.
    fn is_confirmed_by(&self, standing_by: &BTreeSet<u64>) -> bool {
        let majority = |set: &BTreeSet<u64>| set.intersection(standing_by).count() * 2 > set.len();
        !self.voter_sets.is_empty() && self.voter_sets.iter().all(majority)
    }
}

fn open_questions() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(OPEN_QUESTIONS))
}

/// Asks the voters.
#[derive(Clone)]
pub(super) struct Leadership {
    raft: Raft,
    peers: Peers,
    node_id: u64,
    open: Arc<Mutex<BTreeMap<u64, Arc<Semaphore>>>>,
}

impl Leadership {
    pub(super) fn new(raft: &Raft, peers: &Peers, node_id: u64) -> Self {
        Self { raft: raft.clone(), peers: peers.clone(), node_id, open: Arc::default() }
    }

    /// One round: the index up to which all was committed when it began.
    pub(super) async fn confirm(&self, timeout: Duration) -> Result<u64, Unavailable> {
        let node_id = self.node_id;
        let claim = self.raft.with_raft_state(move |state| Claim::of(state, node_id)).await;
        let Some(claim) = claim.map_err(|_| Unavailable::Stopped)? else {
            let leader_id = self.raft.metrics().borrow_watched().current_leader;
            return Err(Unavailable::NotLeader { leader_id });
        };
        let Some(committed) = claim.committed else { return self.first_of_term().await };
        let mut standing_by = BTreeSet::from([node_id]);
        let mut answers = self.ask_all(&claim, timeout);
        while !claim.is_confirmed_by(&standing_by) {
            standing_by.insert(answers.recv().await.ok_or(Unavailable::NoQuorum)?);
        }
        Ok(committed)
    }

    /// Asks every other voter; those who stand by the vote come out. A question
    /// runs to its end even when nobody waits for it: streams that are broken
    /// off by the hundred look like an attack to the other side.
    fn ask_all(&self, claim: &Claim, timeout: Duration) -> mpsc::UnboundedReceiver<u64> {
        let (standing_by, answers) = mpsc::unbounded_channel();
        let voters: BTreeSet<u64> = claim.voter_sets.iter().flatten().copied().collect();
        for voter in voters.into_iter().filter(|voter| *voter != self.node_id) {
            let open = self.open.lock().entry(voter).or_insert_with(open_questions).clone();
            let permit = open.try_acquire_owned().ok();
            let (Some(permit), Some(mut client)) = (permit, self.peers.client(voter)) else {
                continue;
            };
            let mut request = Request::new(peer::ConfirmLeaderRequest {
                vote: Some(wire::vote_out(&claim.vote)),
            });
            request.set_timeout(timeout);
            let (peers, standing_by) = (self.peers.clone(), standing_by.clone());
            tokio::spawn(async move {
                let reply = tokio::time::timeout(timeout, client.confirm_leader(request)).await;
                drop(permit);
                if let Ok(Ok(reply)) = reply
                    && peers.is_known(voter, reply.metadata())
                    && reply.into_inner().confirmed
                {
                    // The round may have ended without this answer.
                    let _ = standing_by.send(voter);
                }
            });
        }
        answers
    }

    /// The library's round, which also waits for the leader's first entry.
    async fn first_of_term(&self) -> Result<u64, Unavailable> {
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
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
}

/// Whether this node stands by a leader's vote, as its consensus core knows it:
/// what the core publishes elsewhere may be older than a vote it has granted.
pub(super) async fn stands_by(raft: &Raft, asked: &Vote) -> Result<bool, Unavailable> {
    let own = raft.with_raft_state(|state| *state.vote_ref()).await;
    Ok(own.map_err(|_| Unavailable::Stopped)?.leader_id == asked.leader_id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Claim;
    use crate::raft::types::Vote;

    #[test]
    fn a_vote_is_confirmed_by_a_majority_in_each_city() {
        let claim = Claim {
            vote: Vote::new_committed(3, 1),
            committed: Some(7),
            voter_sets: vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([4, 5, 6])],
        };
        let by = |voters: &[u64]| claim.is_confirmed_by(&voters.iter().copied().collect());
        assert!(by(&[1, 2, 4, 5]));
        assert!(by(&[1, 2, 3, 4, 5, 6]));
        assert!(!by(&[1, 2, 3, 4]), "one of three in the second city");
        assert!(!by(&[1, 4, 5, 6]), "one of three in the first city");
        assert!(!by(&[1, 2, 7, 8]), "of no city");
    }

    #[test]
    fn nothing_is_confirmed_in_a_cluster_without_voters() {
        let claim =
            Claim { vote: Vote::new_committed(3, 1), committed: Some(7), voter_sets: Vec::new() };
        assert!(!claim.is_confirmed_by(&BTreeSet::from([1])));
    }
}
