//! Repos.

use registry_client::proto::{Repo, RepoTerms};

use super::word;
use crate::output::Record;

pub(crate) fn repo(repo: &Repo) -> Record {
    Record::default()
        .with("repo_id", repo.repo_id)
        .with("state", word(repo.state().as_str_name(), "REPO_STATE_"))
        .and(terms(&repo.terms.clone().unwrap_or_default()))
        .with("shortage", repo.shortage.as_str())
        .with("proposed_at_ms", repo.proposed_at_ms)
        .with("expires_at_ms", repo.expires_at_ms)
        .with("opened_at_ms", repo.opened_at_ms)
        .with("return_due_at_ms", repo.return_due_at_ms)
        .with("return_deadline_ms", repo.return_deadline_ms)
        .with("closed_at_ms", repo.closed_at_ms)
}

pub(crate) fn terms(terms: &RepoTerms) -> Record {
    Record::default()
        .with("seller_account", terms.seller_account)
        .with("buyer_account", terms.buyer_account)
        .with("seller_bank", terms.seller_bank)
        .with("buyer_bank", terms.buyer_bank)
        .with("instrument", terms.instrument.as_str())
        .with("quantity_tco2e", terms.quantity_tco2e.to_string())
        .with("opening_price_yuan", terms.opening_price_yuan.as_str())
        .with("return_price_yuan", terms.return_price_yuan.as_str())
        .with("return_date", terms.return_date.as_str())
        .with("grace_ms", terms.grace_ms)
}
