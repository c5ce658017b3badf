//! Open proposals, found by number and by when they end. Nobody may slow the
//! registry down by proposing much: no step looks through all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use crate::control::Proposal;
use crate::types::{LedgerTime, ProposalId};

/// Commands that wait for a second person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposals {
    by_id: BTreeMap<ProposalId, Proposal>,
    /// Index: when which of them ends.
    by_end: BTreeSet<(LedgerTime, ProposalId)>,
    /// Bytes of all contents together.
    bytes: usize,
}

impl Proposals {
    pub(crate) fn get(&self, id: ProposalId) -> Option<&Proposal> {
        self.by_id.get(&id)
    }

    /// In order of number.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ProposalId> {
        self.by_id.keys().copied()
    }

    /// In order of number, from the one after `after`.
    pub(crate) fn after(&self, after: ProposalId) -> impl Iterator<Item = &Proposal> {
        self.by_id.range((Excluded(after), Unbounded)).map(|(_, proposal)| proposal)
    }

    /// Bytes of all contents together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn insert(&mut self, proposal: Proposal) {
        self.remove(proposal.id);
        self.bytes = self.bytes.saturating_add(proposal.content.len());
        self.by_end.insert((proposal.expires_at, proposal.id));
        self.by_id.insert(proposal.id, proposal);
    }

    pub(crate) fn remove(&mut self, id: ProposalId) {
        if let Some(proposal) = self.by_id.remove(&id) {
            self.bytes = self.bytes.saturating_sub(proposal.content.len());
            self.by_end.remove(&(proposal.expires_at, id));
        }
    }

    /// When the next of them ends.
    pub(crate) fn next_end(&self) -> Option<LedgerTime> {
        self.by_end.first().map(|(ends, _)| *ends)
    }

    /// Those whose time is over, the first `most` in order of number.
    pub(crate) fn ended_by(&self, now: LedgerTime, most: usize) -> Vec<ProposalId> {
        let ended = self.by_end.iter().take_while(|(ends, _)| *ends <= now);
        let mut ended: Vec<_> = ended.map(|(_, id)| *id).collect();
        ended.sort_unstable();
        ended.truncate(most);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(id: u64, ends: i64, bytes: usize) -> Proposal {
        Proposal {
            id: ProposalId(id),
            maker: "registry/officer-1".to_owned(),
            proposed_at: LedgerTime(0),
            expires_at: LedgerTime(ends),
            content: vec![7; bytes],
            content_sha256: [0; 32],
        }
    }

    #[test]
    fn bytes_and_ends_are_those_of_what_is_open() {
        let mut open = Proposals::default();
        for (id, ends, bytes) in [(1, 30, 5), (2, 10, 7), (3, 20, 11)] {
            open.insert(proposal(id, ends, bytes));
        }
        assert_eq!((open.bytes(), open.next_end()), (23, Some(LedgerTime(10))));
        let ended = |open: &Proposals, now, most| open.ended_by(LedgerTime(now), most);
        assert_eq!(ended(&open, 9, 9), []);
        assert_eq!(ended(&open, 30, 9), [1, 2, 3].map(ProposalId));
        assert_eq!(ended(&open, 20, 1), [ProposalId(2)]);
        open.insert(proposal(2, 40, 1));
        open.remove(ProposalId(3));
        open.remove(ProposalId(3));
        assert_eq!((open.bytes(), open.next_end()), (6, Some(LedgerTime(30))));
        assert_eq!(open.ids().collect::<Vec<_>>(), [1, 2].map(ProposalId));
    }
}
