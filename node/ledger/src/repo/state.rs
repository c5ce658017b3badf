//! Every repo there ever was, and what time will do with them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Repo, RepoId, RepoState};
use crate::segmented::Segmented;
use crate::types::{AccountId, LedgerTime};

/// A repo's place is its number less one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repos {
    all: Segmented<Repo>,
    /// Index: when time does something with which.
    due: BTreeSet<(LedgerTime, RepoId)>,
    /// Index: what waits for a party or for its return, by party.
    waiting: BTreeSet<(AccountId, RepoId)>,
    /// Index: an account's repos, ascending.
    of_account: BTreeMap<AccountId, Vec<RepoId>>,
    /// Index: how many of a seller's wait for their buyers.
    proposed: BTreeMap<AccountId, usize>,
}

fn place_of(id: RepoId) -> Option<usize> {
    usize::try_from(id.0.checked_sub(1)?).ok()
}

impl Repos {
    /// How many there are, which is the last number given.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.all.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn get(&self, id: RepoId) -> Option<&Repo> {
        self.all.get(place_of(id)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Repo> {
        self.all.iter()
    }

    pub(crate) fn due(&self) -> &BTreeSet<(LedgerTime, RepoId)> {
        &self.due
    }

    pub(crate) fn of_account(&self, account: AccountId) -> &[RepoId] {
        self.of_account.get(&account).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those that are offered or open, ascending.
    pub(crate) fn waiting(&self, account: AccountId) -> impl Iterator<Item = RepoId> + '_ {
        let all = (account, RepoId(0))..=(account, RepoId(u64::MAX));
        self.waiting.range(all).map(|(_, id)| *id)
    }

    pub(crate) fn proposed_by(&self, seller: AccountId) -> usize {
        self.proposed.get(&seller).copied().unwrap_or_default()
    }

    /// Adds the repo with the next number.
    pub(crate) fn push(&mut self, repo: Repo) {
        for account in [repo.terms.seller, repo.terms.buyer] {
            self.of_account.entry(account).or_default().push(repo.id);
        }
        self.all.push(repo);
        self.index(&repo);
    }

    /// Replaces a repo by what became of it.
    pub(crate) fn set(&mut self, repo: Repo) {
        let Some(place) = place_of(repo.id).and_then(|place| self.all.get_mut(place)) else {
            return;
        };
        let before = std::mem::replace(place, repo);
        if let Some(due) = before.due() {
            self.due.remove(&(due, before.id));
            for party in [before.terms.seller, before.terms.buyer] {
                self.waiting.remove(&(party, before.id));
            }
        }
        if before.state == RepoState::Proposed {
            let left = self.proposed_by(before.terms.seller).saturating_sub(1);
            match left {
                0 => self.proposed.remove(&before.terms.seller),
                left => self.proposed.insert(before.terms.seller, left),
            };
        }
        self.index(&repo);
    }

    fn index(&mut self, repo: &Repo) {
        if let Some(due) = repo.due() {
            self.due.insert((due, repo.id));
            for party in [repo.terms.seller, repo.terms.buyer] {
                self.waiting.insert((party, repo.id));
            }
        }
        if repo.state == RepoState::Proposed {
            let more = self.proposed_by(repo.terms.seller).saturating_add(1);
            self.proposed.insert(repo.terms.seller, more);
        }
    }
}
