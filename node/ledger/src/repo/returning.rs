//! The return: on request once it is due, by itself when it falls due, and at
//! the end of its grace for the last time.

use super::contract::wrong_state;
use super::{Repo, RepoId, RepoState, RepoTerms};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, HeldReason, LedgerTime};

/// Repos that one entry sees to, so that an entry's work stays small.
const DUE_PER_ENTRY: usize = 1_000;

impl Ledger {
    /// `account` is a party, or none for the exchange and the registry.
    pub(super) fn return_repo(
        &mut self,
        id: RepoId,
        account: Option<AccountId>,
    ) -> Result<Receipt, Rejection> {
        let repo = match account {
            Some(account) => self.repo_of(id, account)?,
            None => *self.known_repo(id)?,
        };
        if repo.state != RepoState::Open {
            return Err(wrong_state(&repo, "OPEN"));
        }
        if self.now < repo.terms.due_at() {
            let message =
                format!("the return of repo {} is due on {}", id.0, repo.terms.return_date);
            return Err(Rejection::new(Reason::ReturnNotDue, "repo_id", message));
        }
        let returned = self.deliver_return(repo);
        let returned = returned.map_err(|short| self.repo_shortage(&repo, false, short))?;
        Ok(Receipt::Repo(Box::new(returned)))
    }

    /// Delivers the return leg, or says what is short and moves nothing.
    fn deliver_return(&mut self, repo: Repo) -> Result<Repo, HeldReason> {
        let leg = repo.terms.return_leg();
        let moved = self.repo_leg(&leg)?;
        self.post_repo_leg(&leg, &moved);
        let returned = self.close_repo(repo, RepoState::Returned);
        let RepoTerms { seller, buyer, .. } = repo.terms;
        self.record(What::RepoReturned { repo: repo.id, seller, buyer }, leg.postings());
        Ok(returned)
    }

    /// Does what time does with repos.
    pub(crate) fn repos_due(&mut self) {
        let now = self.now;
        let due = self.repos.due().iter().take_while(|(at, _)| *at <= now);
        let due: Vec<_> = due.map(|(_, id)| *id).take(DUE_PER_ENTRY).collect();
        for id in due {
            let Some(repo) = self.repos.get(id).copied() else { continue };
            let RepoTerms { seller, buyer, .. } = repo.terms;
            if repo.state == RepoState::Proposed {
                self.close_repo(repo, RepoState::Expired);
                self.record(What::RepoExpired { repo: id, seller, buyer }, Vec::new());
                continue;
            }
            let Err(reason) = self.deliver_return(repo) else { continue };
            let short = Repo { shortage: Some(reason), ..repo };
            if now < repo.terms.deadline() {
                self.touch(RecordKey::Repo(id));
                self.repos.set(short);
                self.record(What::RepoReturnMissed { repo: id, seller, buyer, reason }, Vec::new());
            } else {
                self.close_repo(short, RepoState::Failed);
                self.record(What::RepoFailed { repo: id, seller, buyer, reason }, Vec::new());
            }
        }
    }

    /// When time does something with a repo next.
    pub(crate) fn next_repo_due(&self) -> Option<LedgerTime> {
        self.repos.due().first().map(|(at, _)| *at)
    }
}
