//! Between the consensus library's types and `peer.v1`: bytes on the wire and
//! on disk are our own, so that the library can change underneath.

use std::collections::{BTreeMap, BTreeSet};

use openraft::impls::EmptyNode;
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::vote::RaftLeaderId as _;
use registry_proto::peer;

use super::types::{
    Entry, EntryContent, LeaderId, LogId, Membership, Payload, StoredMembership, TypeConfig, Vote,
};

/// A message of another node, or stored bytes, that do not hold what they must.
#[derive(Debug, thiserror::Error)]
#[error("malformed {what}: {why}")]
pub(crate) struct Malformed {
    what: &'static str,
    why: &'static str,
}

fn malformed(what: &'static str, why: &'static str) -> Malformed {
    Malformed { what, why }
}

pub(crate) fn log_id_out(id: &LogId) -> peer::LogId {
    peer::LogId {
        leader_id: Some(peer::LeaderId { term: id.leader_id.term, node_id: id.leader_id.node_id }),
        index: id.index,
    }
}

pub(crate) fn log_id_in(id: peer::LogId) -> Result<LogId, Malformed> {
    let leader = id.leader_id.ok_or(malformed("log id", "no leader id"))?;
    Ok(LogId { leader_id: LeaderId::new(leader.term, leader.node_id), index: id.index })
}

fn optional_log_id(id: Option<peer::LogId>) -> Result<Option<LogId>, Malformed> {
    id.map(log_id_in).transpose()
}

pub(crate) fn vote_out(vote: &Vote) -> peer::Vote {
    peer::Vote {
        leader_id: Some(peer::LeaderId {
            term: vote.leader_id.term,
            node_id: vote.leader_id.node_id,
        }),
        committed: vote.committed,
    }
}

pub(crate) fn vote_in(vote: Option<peer::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or(malformed("vote", "absent"))?;
    let leader = vote.leader_id.ok_or(malformed("vote", "no leader id"))?;
    Ok(Vote { leader_id: LeaderId::new(leader.term, leader.node_id), committed: vote.committed })
}

pub(crate) fn membership_out(membership: &Membership) -> peer::Membership {
    peer::Membership {
        voter_sets: membership
            .get_joint_config()
            .iter()
            .map(|set| peer::NodeSet { node_ids: set.iter().copied().collect() })
            .collect(),
        node_ids: membership.nodes().map(|(id, _)| *id).collect(),
    }
}

pub(crate) fn membership_in(membership: peer::Membership) -> Result<Membership, Malformed> {
    let sets: Vec<BTreeSet<u64>> =
        membership.voter_sets.into_iter().map(|set| set.node_ids.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, EmptyNode> =
        membership.node_ids.into_iter().map(|id| (id, EmptyNode {})).collect();
    Membership::new(sets, nodes).map_err(|_| malformed("membership", "sets and nodes disagree"))
}

pub(crate) fn stored_membership_out(stored: &StoredMembership) -> peer::StoredMembership {
    peer::StoredMembership {
        log_id: stored.log_id().as_ref().map(log_id_out),
        membership: Some(membership_out(stored.membership())),
    }
}

pub(crate) fn stored_membership_in(
    stored: Option<peer::StoredMembership>,
) -> Result<StoredMembership, Malformed> {
    let Some(stored) = stored else { return Ok(StoredMembership::default()) };
    let membership = stored.membership.ok_or(malformed("stored membership", "empty"))?;
    // Before the first membership entry there are no sets, which `new` refuses.
    if membership.voter_sets.is_empty() {
        return Ok(StoredMembership::default());
    }
    Ok(StoredMembership::new(optional_log_id(stored.log_id)?, membership_in(membership)?))
}

pub(crate) fn entry_out(entry: &Entry) -> peer::Entry {
    let payload = match &entry.payload {
        EntryContent::Normal(payload) => peer::entry::Payload::Normal(payload.0.clone()),
        EntryContent::Membership(m) => peer::entry::Payload::Membership(membership_out(m)),
        EntryContent::Blank => peer::entry::Payload::Blank(true),
    };
    peer::Entry { log_id: Some(log_id_out(&entry.log_id)), payload: Some(payload) }
}

pub(crate) fn entry_in(entry: peer::Entry) -> Result<Entry, Malformed> {
    let log_id = log_id_in(entry.log_id.ok_or(malformed("entry", "no log id"))?)?;
    let payload = match entry.payload.ok_or(malformed("entry", "no payload"))? {
        peer::entry::Payload::Normal(bytes) => EntryContent::Normal(Payload(bytes)),
        peer::entry::Payload::Membership(m) => EntryContent::Membership(membership_in(m)?),
        peer::entry::Payload::Blank(_) => EntryContent::Blank,
    };
    Ok(Entry { log_id, payload })
}

pub(crate) fn append_out(
    request: &AppendEntriesRequest<TypeConfig>,
    quorum_age_ms: u64,
) -> peer::AppendRequest {
    peer::AppendRequest {
        vote: Some(vote_out(&request.vote)),
        prev_log_id: request.prev_log_id.as_ref().map(log_id_out),
        entries: request.entries.iter().map(entry_out).collect(),
        leader_commit: request.leader_commit.as_ref().map(log_id_out),
        quorum_age_ms,
    }
}

pub(crate) fn append_in(
    request: peer::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let prev_log_id = optional_log_id(request.prev_log_id)?;
    let entries =
        request.entries.into_iter().map(entry_in).collect::<Result<Vec<Entry>, Malformed>>()?;
    // The library trusts the leader in this; a hole here would be one in the log.
    let first_index = prev_log_id.as_ref().map_or(0, |prev| prev.index + 1);
    if !entries.iter().map(|entry| entry.log_id.index).eq((first_index..).take(entries.len())) {
        return Err(malformed("append", "entries do not follow each other"));
    }
    Ok(AppendEntriesRequest {
        vote: vote_in(request.vote)?,
        prev_log_id,
        entries,
        leader_commit: optional_log_id(request.leader_commit)?,
    })
}

pub(crate) fn append_result_out(result: &StreamAppendResult<TypeConfig>) -> peer::AppendReply {
    use peer::append_reply::Outcome;
    match result {
        Ok(matching) => peer::AppendReply {
            outcome: Outcome::Success.into(),
            matching: matching.as_ref().map(log_id_out),
            ..Default::default()
        },
        Err(StreamAppendError::Conflict(at)) => peer::AppendReply {
            outcome: Outcome::Conflict.into(),
            conflict: Some(log_id_out(at)),
            ..Default::default()
        },
        Err(StreamAppendError::HigherVote(vote)) => peer::AppendReply {
            outcome: Outcome::HigherVote.into(),
            vote: Some(vote_out(vote)),
            ..Default::default()
        },
    }
}

pub(crate) fn append_result_in(
    reply: peer::AppendReply,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use peer::append_reply::Outcome;
    match reply.outcome() {
        Outcome::Success | Outcome::Partial => Ok(Ok(optional_log_id(reply.matching)?)),
        Outcome::Conflict => {
            let at = reply.conflict.ok_or(malformed("append reply", "conflict without log id"))?;
            Ok(Err(StreamAppendError::Conflict(log_id_in(at)?)))
        }
        Outcome::HigherVote => Ok(Err(StreamAppendError::HigherVote(vote_in(reply.vote)?))),
        Outcome::Unspecified => Err(malformed("append reply", "no outcome")),
    }
}

pub(crate) fn vote_request_out(request: &VoteRequest<TypeConfig>) -> peer::VoteRequest {
    peer::VoteRequest {
        vote: Some(vote_out(&request.vote)),
        last_log_id: request.last_log_id.as_ref().map(log_id_out),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_request_in(
    request: peer::VoteRequest,
) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let mut inner = VoteRequest::new(vote_in(request.vote)?, optional_log_id(request.last_log_id)?);
    inner.leadership_transfer = request.leadership_transfer;
    Ok(inner)
}

pub(crate) fn vote_reply_out(reply: &VoteResponse<TypeConfig>) -> peer::VoteReply {
    peer::VoteReply {
        vote: Some(vote_out(&reply.vote)),
        granted: reply.vote_granted,
        last_log_id: reply.last_log_id.as_ref().map(log_id_out),
    }
}

pub(crate) fn vote_reply_in(reply: peer::VoteReply) -> Result<VoteResponse<TypeConfig>, Malformed> {
    Ok(VoteResponse::new(vote_in(reply.vote)?, optional_log_id(reply.last_log_id)?, reply.granted))
}

pub(crate) fn transfer_out(
    request: &TransferLeaderRequest<TypeConfig>,
) -> peer::TransferLeaderRequest {
    peer::TransferLeaderRequest {
        from_leader: Some(vote_out(request.from_leader())),
        to_node_id: *request.to_node_id(),
        last_log_id: request.last_log_id().map(log_id_out),
    }
}

pub(crate) fn transfer_in(
    request: peer::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    Ok(TransferLeaderRequest::new(
        vote_in(request.from_leader)?,
        request.to_node_id,
        optional_log_id(request.last_log_id)?,
    ))
}

pub(crate) fn transfer_reply_out(
    reply: &TransferLeaderResponse<TypeConfig>,
) -> peer::TransferLeaderReply {
    match reply {
        Ok(()) => peer::TransferLeaderReply { accepted: true, ..Default::default() },
        Err(TransferLeaderError::VoteChanged { expected, actual }) => peer::TransferLeaderReply {
            expected_vote: Some(vote_out(expected)),
            actual_vote: Some(vote_out(actual)),
            ..Default::default()
        },
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => peer::TransferLeaderReply {
            expected_log_id: expected.as_ref().map(log_id_out),
            actual_log_id: actual.as_ref().map(log_id_out),
            ..Default::default()
        },
    }
}

pub(crate) fn transfer_reply_in(
    reply: peer::TransferLeaderReply,
) -> Result<TransferLeaderResponse<TypeConfig>, Malformed> {
    Ok(match (reply.accepted, reply.expected_vote) {
        (true, _) => Ok(()),
        (false, Some(expected)) => Err(TransferLeaderError::VoteChanged {
            expected: vote_in(Some(expected))?,
            actual: vote_in(reply.actual_vote)?,
        }),
        (false, None) => Err(TransferLeaderError::LogNotFlushed {
            expected: optional_log_id(reply.expected_log_id)?,
            actual: optional_log_id(reply.actual_log_id)?,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(index: u64) -> peer::Entry {
        let log_id = LogId { leader_id: LeaderId::new(3, 11), index };
        entry_out(&Entry { log_id, payload: EntryContent::Blank })
    }

    #[test]
    fn entries_with_a_hole_before_or_between_them_are_malformed() {
        let prev = LogId { leader_id: LeaderId::new(3, 11), index: 4 };
        let request = |prev: Option<LogId>, indexes: &[u64]| peer::AppendRequest {
            vote: Some(vote_out(&Vote { leader_id: LeaderId::new(3, 11), committed: true })),
            prev_log_id: prev.as_ref().map(log_id_out),
            entries: indexes.iter().copied().map(blank).collect(),
            leader_commit: None,
            quorum_age_ms: 0,
        };
        for whole in [request(Some(prev), &[5, 6]), request(Some(prev), &[]), request(None, &[0])] {
            assert!(append_in(whole).is_ok());
        }
        for hole in [request(Some(prev), &[6]), request(Some(prev), &[5, 7]), request(None, &[1])] {
            assert!(append_in(hole).is_err());
        }
    }
}
