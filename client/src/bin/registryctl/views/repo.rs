//! Repos.

use registry_client::proto::{Repo, RepoState, RepoTerms};

use super::pledge::offer_end;
use super::word;
use crate::output::Record;

/// What a list of repos shows without `--wide`.
const NARROW: [&str; 9] = [
    "repo_id",
    "state",
    "seller_account",
    "buyer_account",
    "instrument",
    "quantity_tco2e",
    "return_date",
    "shortage",
    "offer_expires_at_ms",
];

pub(crate) fn repo(repo: &Repo) -> Record {
    let offered = repo.state() == RepoState::Proposed;
    Record::default()
        .with("repo_id", repo.repo_id)
        .with("state", word(repo.state().as_str_name(), "REPO_STATE_"))
        .and(terms(&repo.terms.clone().unwrap_or_default()))
        .with("shortage", repo.shortage.as_str())
        .with("proposed_at_ms", repo.proposed_at_ms)
        .with("offer_expires_at_ms", offer_end(offered, repo.expires_at_ms))
        .with("opened_at_ms", repo.opened_at_ms)
        .with("return_due_at_ms", repo.return_due_at_ms)
        .with("return_deadline_ms", repo.return_deadline_ms)
        .with("closed_at_ms", repo.closed_at_ms)
        .narrowed_to(&NARROW)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offer_expires() {
        let end = |state: RepoState| {
            let found = Repo { state: state.into(), expires_at_ms: 7, ..Default::default() };
            repo(&found).into_json()["offer_expires_at_ms"].clone()
        };
        assert_eq!(end(RepoState::Proposed), 7);
        assert_eq!(end(RepoState::Open), serde_json::Value::Null);
    }
}
