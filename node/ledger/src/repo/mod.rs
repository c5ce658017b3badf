//! Repo (碳回购): a title transfer with a dated return leg in one contract. The
//! buyer owns the tonnes in between and may dispose of them; nothing is locked.

mod contract;
mod legs;
mod records;
mod returning;
mod state;
mod types;

use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::rejection::Rejection;
use crate::types::AccountId;

pub(crate) use state::Repos;
pub use types::{Repo, RepoId, RepoState, RepoTerms};

/// Repos of one seller that wait for their buyers.
pub const REPOS_PROPOSED_LIMIT: usize = 100;
/// Longest time that the buyer may take: 30 days.
pub const REPO_LIFE_LIMIT_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Longest grace of a return: 30 days.
pub const REPO_GRACE_LIMIT_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Longest time from the proposal to the return.
pub const REPO_TENOR_LIMIT_DAYS: i64 = 366;

/// What parties, exchange and registry ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoCommand {
    /// The seller offers.
    Propose {
        /// The contract.
        terms: Box<RepoTerms>,
        /// How long the buyer may accept, ms, 1 to 30 days.
        time_to_live_ms: i64,
    },
    /// The buyer accepts: the opening leg is delivered at once.
    Accept {
        /// Which.
        repo: RepoId,
        /// Who, the buyer.
        account: AccountId,
    },
    /// A party does not want it, or not any more.
    Decline {
        /// Which.
        repo: RepoId,
        /// Who, a party.
        account: AccountId,
        /// 1 to 200 bytes.
        reason: String,
    },
    /// Delivers the return leg, once it is due.
    Return {
        /// Which.
        repo: RepoId,
        /// Who, a party; none for the exchange and the registry.
        account: Option<AccountId>,
    },
}

impl Ledger {
    pub(crate) fn carry_out_repo(&mut self, command: &RepoCommand) -> Result<Receipt, Rejection> {
        match command {
            RepoCommand::Propose { terms, time_to_live_ms } => {
                self.propose_repo(terms, *time_to_live_ms)
            }
            RepoCommand::Accept { repo, account } => self.accept_repo(*repo, *account),
            RepoCommand::Decline { repo, account, reason } => {
                self.decline_repo(*repo, *account, reason)
            }
            RepoCommand::Return { repo, account } => self.return_repo(*repo, *account),
        }
    }
}
