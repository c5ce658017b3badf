//! A repo's record, what must hold, and reads.

use super::{Repo, RepoId, RepoState, RepoTerms};
use crate::codec::{Problem, Reader, Writer};
use crate::invariants::BrokenInvariant;
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::Stored;
use crate::types::AccountId;

macro_rules! stored_struct {
    ($name:ident: $($field:ident),+) => {
        impl Stored for $name {
            fn write(&self, writer: &mut Writer) {
                $(self.$field.write(writer);)+
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
                Ok(Self { $($field: Stored::read(reader)?,)+ })
            }
        }
    };
}

stored_struct!(
    RepoTerms: seller, buyer, seller_bank, buyer_bank, instrument, quantity, opening_price,
    return_price, return_date, grace_ms
);
stored_struct!(
    Repo: id, terms, state, proposed_at, expires_at, opened_at, shortage, closed_at
);

impl Stored for RepoId {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        Stored::read(reader).map(Self)
    }
}

impl Ledger {
    pub(crate) fn write_repo(&self, id: RepoId, writer: &mut Writer) -> Option<()> {
        let repo = self.repos.get(id)?;
        writer.u8(FORMAT);
        repo.write(writer);
        Some(())
    }

    pub(crate) fn load_repo(&mut self, id: RepoId, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let repo: Repo = Stored::read(&mut reader)?;
        reader.finish()?;
        if repo.id != id || self.repos.count().checked_add(1) != Some(id.0) {
            return Err(format!("is repo {} and follows {}", repo.id.0, self.repos.count()));
        }
        self.repos.push(repo);
        Ok(())
    }

    /// Times and indexes of every repo fit its state.
    pub(crate) fn check_repos(&self) -> Result<(), BrokenInvariant> {
        let mut due: usize = 0;
        for repo in self.repos.iter() {
            let ended = !matches!(repo.state, RepoState::Proposed | RepoState::Open);
            let opened =
                matches!(repo.state, RepoState::Open | RepoState::Returned | RepoState::Failed);
            let parties = [repo.terms.seller, repo.terms.buyer];
            let listed = |account: &AccountId| {
                self.repos.of_account(*account).binary_search(&repo.id).is_ok()
            };
            let waits = |account: &AccountId| self.repos.waiting(*account).any(|id| id == repo.id);
            let sound = repo.closed_at.is_some() == ended
                && parties.iter().all(|account| waits(account) == repo.due().is_some())
                && repo.opened_at.is_some() == opened
                && (repo.state != RepoState::Failed || repo.shortage.is_some())
                && repo.terms.seller != repo.terms.buyer
                && repo.terms.opening_amount().is_some_and(|amount| amount.0 > 0)
                && repo.terms.return_amount().is_some_and(|amount| amount.0 > 0)
                && parties.iter().all(|account| self.balances_at(*account).is_some())
                && parties.iter().all(listed)
                && repo.due().is_none_or(|at| self.repos.due().contains(&(at, repo.id)));
            if !sound {
                return Err(BrokenInvariant(format!("repo {} is {repo:?}", repo.id.0)));
            }
            due = due.saturating_add(repo.due().is_some().into());
        }
        if due == self.repos.due().len() {
            return Ok(());
        }
        let listed = self.repos.due().len();
        Err(BrokenInvariant(format!("{due} repos wait, {listed} are listed as due")))
    }

    /// An account's repos that are offered or open, in order.
    #[must_use]
    pub fn repos_waiting(&self, account: AccountId, limit: usize) -> Vec<Repo> {
        let found = self.repos.waiting(account).filter_map(|id| self.repos.get(id));
        found.take(limit).copied().collect()
    }

    /// Repos in order of number, from the one after `after`; of one account, or of all.
    #[must_use]
    pub fn repos_after(
        &self,
        account: Option<AccountId>,
        state: Option<RepoState>,
        after: u64,
        limit: usize,
    ) -> Vec<Repo> {
        let wanted = |repo: &&Repo| state.is_none_or(|state| repo.state == state);
        match account {
            Some(account) => {
                let ids = self.repos.of_account(account);
                let from = ids.partition_point(|id| id.0 <= after);
                let rest = ids.get(from..).unwrap_or_default().iter();
                let found = rest.filter_map(|id| self.repos.get(*id));
                found.filter(wanted).take(limit).copied().collect()
            }
            None => {
                let Some(first) = after.checked_add(1) else { return Vec::new() };
                let found = (first..=self.repos.count()).filter_map(|n| self.repos.get(RepoId(n)));
                found.filter(wanted).take(limit).copied().collect()
            }
        }
    }
}
