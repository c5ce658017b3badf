//! What an account owes and what waits for it, for its overview.

use registry_ledger::{AccountId, Ledger};
use registry_proto::registry::GetOverviewReply;

use crate::services::{encode_compliance, repo};

/// Of each kind, in one overview.
const MOST: usize = 100;

/// Adds obligations, surrenders that wait for the province, and repos.
pub(super) fn add(ledger: &Ledger, account: AccountId, to: &mut GetOverviewReply) {
    let obligations = ledger.obligations_of(account);
    to.obligations = obligations.iter().map(encode_compliance::obligation).collect();
    let surrenders = ledger.surrenders_waiting(account, MOST);
    to.surrenders = surrenders.into_iter().map(encode_compliance::surrender).collect();
    to.repos = ledger.repos_waiting(account, MOST).iter().map(repo::repo).collect();
}
