//! Whether the cluster serves, judged from the nodes that answer.

use std::collections::{BTreeMap, BTreeSet};

use registry_client::NodeStatus;
use registry_client::proto::{GetStatusReply, MemberStatus};

/// A leader that heard no majority of each city for longer takes nothing any more: the
/// longest time that nodes wait for a leader unless they are configured otherwise, and
/// a heartbeat.
const QUORUM_AGE_LIMIT_MS: i64 = 2_500;

/// What the answers say together.
pub(crate) struct Health<'a> {
    answers: Vec<&'a GetStatusReply>,
    members: BTreeMap<u64, &'a MemberStatus>,
}

impl<'a> Health<'a> {
    pub(crate) fn new(nodes: &'a [NodeStatus]) -> Self {
        let answers: Vec<&GetStatusReply> =
            nodes.iter().filter_map(|node| node.status.as_ref().ok()).collect();
        let members = answers.iter().flat_map(|status| &status.members);
        let members = members.map(|member| (member.node_id, member)).collect();
        Self { answers, members }
    }

    /// The answer that knows most of the membership.
    pub(crate) fn newest(&self) -> Option<&'a GetStatusReply> {
        self.answers.iter().copied().max_by_key(|status| (status.term, status.applied_log_index))
    }

    /// The node of the newest term that says that it leads.
    pub(crate) fn leader(&self) -> Option<&'a GetStatusReply> {
        let term = self.newest()?.term;
        self.answers
            .iter()
            .copied()
            .find(|status| status.raft_state == "leader" && status.term == term)
    }

    /// The member that clients reach at this address, by what others say.
    pub(crate) fn member_at(&self, endpoint: &str) -> Option<&'a MemberStatus> {
        self.members.values().copied().find(|member| member.client_address == endpoint)
    }

    /// What keeps the cluster from serving; empty when nothing does.
    pub(crate) fn faults(&self) -> Vec<String> {
        if !self.answers.iter().any(|status| status.bootstrapped) {
            return vec!["NOT BOOTSTRAPPED".to_owned()];
        }
        let mut faults: Vec<String> = self
            .cities_without_quorum()
            .into_iter()
            .map(|city| format!("NO QUORUM IN {city}"))
            .collect();
        match self.leader() {
            None => faults.push("NO LEADER".to_owned()),
            Some(leader) if leader.quorum_age_ms > QUORUM_AGE_LIMIT_MS => {
                let age_ms = leader.quorum_age_ms;
                faults.push(format!("THE LEADER HEARS NO QUORUM SINCE {age_ms} ms"));
            }
            Some(_) => {}
        }
        if self.answers.iter().any(|status| status.bootstrapped && !status.membership_as_layout) {
            faults.push("MEMBERSHIP IS NOT AS THE LAYOUT DEMANDS".to_owned());
        }
        faults
    }

    fn answered(&self) -> BTreeSet<u64> {
        self.answers.iter().map(|status| status.node_id).collect()
    }

    fn cities_without_quorum(&self) -> Vec<String> {
        let answered = self.answered();
        let sets = self.newest().map(|status| status.voter_sets.as_slice()).unwrap_or_default();
        let lost = sets.iter().filter(|set| {
            let up = set.node_ids.iter().filter(|id| answered.contains(id)).count();
            up * 2 <= set.node_ids.len()
        });
        lost.map(|set| self.cities(&set.node_ids)).collect()
    }

    fn cities(&self, node_ids: &[u64]) -> String {
        let cities: BTreeSet<&str> =
            node_ids.iter().filter_map(|id| Some(self.members.get(id)?.city.as_str())).collect();
        match cities.is_empty() {
            true => format!("voter set {node_ids:?}"),
            false => cities.into_iter().collect::<Vec<&str>>().join("+"),
        }
    }
}

/// A node's digest at the compared log index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DigestAt<'a> {
    Kept(&'a [u8]),
    NotReached,
    NotKept,
}

pub(crate) fn digest_at(status: &GetStatusReply, at_index: u64) -> DigestAt<'_> {
    match status.digest_at_index.as_ref() {
        [] if status.applied_log_index < at_index => DigestAt::NotReached,
        [] => DigestAt::NotKept,
        digest => DigestAt::Kept(digest),
    }
}

/// Whether all answering nodes hold one state; none when some did not tell theirs.
pub(crate) fn digests_agree(nodes: &[NodeStatus], at_index: u64) -> Option<bool> {
    let answers = nodes.iter().filter_map(|node| node.status.as_ref().ok());
    let digests: Vec<DigestAt<'_>> = answers.map(|status| digest_at(status, at_index)).collect();
    let kept: BTreeSet<&[u8]> = digests
        .iter()
        .filter_map(|digest| match digest {
            DigestAt::Kept(digest) => Some(*digest),
            DigestAt::NotReached | DigestAt::NotKept => None,
        })
        .collect();
    let all = digests.iter().all(|digest| matches!(digest, DigestAt::Kept(_)));
    match kept.len() {
        2.. => Some(false),
        1 if all => Some(true),
        _ => None,
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
