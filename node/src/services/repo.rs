//! Repos: propose, accept, decline, return, list.

use registry_ledger::amount::format_price;
use registry_ledger::{HeldReason, LedgerTime, Receipt, Rejection, Repo, RepoState, RepoTerms};
use registry_proto::registry as proto;
use registry_proto::registry::repo_service_server::RepoService;
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::gateway::{Gateway, page_size, unexpected};

type Reply<T> = Result<Response<T>, Status>;

pub(super) struct Repos(pub(super) Gateway);

#[tonic::async_trait]
impl RepoService for Repos {
    async fn propose_repo(
        &self,
        request: Request<proto::ProposeRepoRequest>,
    ) -> Reply<proto::RepoReply> {
        let seller = request.get_ref().terms.as_ref().map_or(0, |terms| terms.seller_account);
        let caller = Caller::of_account(request.extensions(), seller)?;
        self.step(&caller, Command::ProposeRepo(request.into_inner())).await
    }

    async fn accept_repo(
        &self,
        request: Request<proto::AcceptRepoRequest>,
    ) -> Reply<proto::RepoReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.step(&caller, Command::AcceptRepo(request.into_inner())).await
    }

    async fn decline_repo(
        &self,
        request: Request<proto::DeclineRepoRequest>,
    ) -> Reply<proto::RepoReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.step(&caller, Command::DeclineRepo(request.into_inner())).await
    }

    async fn return_repo(
        &self,
        request: Request<proto::ReturnRepoRequest>,
    ) -> Reply<proto::RepoReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.step(&caller, Command::ReturnRepo(request.into_inner())).await
    }

    async fn list_repos(
        &self,
        request: Request<proto::ListReposRequest>,
    ) -> Reply<proto::ListReposReply> {
        let _caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, mut repos) = self
            .0
            .read(message.consistency, |ledger| {
                let account = match message.account_id {
                    0 => None,
                    id => Some(fields::account(id, "account_id")?),
                };
                let state = state_in(message.state)?;
                let found = ledger.repos_after(account, state, message.after_repo_id, limit + 1);
                Ok(found.iter().map(repo).collect::<Vec<_>>())
            })
            .await?;
        let more = repos.len() > limit;
        repos.truncate(limit);
        let last = repos.last().map_or(0, |repo| repo.repo_id);
        let next_after_repo_id = if more { last } else { 0 };
        Ok(Response::new(proto::ListReposReply { stamp: Some(stamp), repos, next_after_repo_id }))
    }
}

impl Repos {
    async fn step(&self, caller: &Caller, command: Command) -> Reply<proto::RepoReply> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Repo(step)) => {
                let repo = Some(repo(&step));
                Ok(Response::new(proto::RepoReply { stamp: Some(stamp), repo }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }
}

fn state_in(state: i32) -> Result<Option<RepoState>, Rejection> {
    Ok(match proto::RepoState::try_from(state) {
        Ok(proto::RepoState::Unspecified) => None,
        Ok(proto::RepoState::Proposed) => Some(RepoState::Proposed),
        Ok(proto::RepoState::Open) => Some(RepoState::Open),
        Ok(proto::RepoState::Returned) => Some(RepoState::Returned),
        Ok(proto::RepoState::Failed) => Some(RepoState::Failed),
        Ok(proto::RepoState::Declined) => Some(RepoState::Declined),
        Ok(proto::RepoState::Expired) => Some(RepoState::Expired),
        Err(_) => return fields::unknown_value("state", state),
    })
}

fn state_out(state: RepoState) -> proto::RepoState {
    match state {
        RepoState::Proposed => proto::RepoState::Proposed,
        RepoState::Open => proto::RepoState::Open,
        RepoState::Returned => proto::RepoState::Returned,
        RepoState::Failed => proto::RepoState::Failed,
        RepoState::Declined => proto::RepoState::Declined,
        RepoState::Expired => proto::RepoState::Expired,
    }
}

/// The reason's code.
pub(super) fn shortage(reason: HeldReason) -> String {
    reason.reason().code().to_owned()
}

pub(super) fn terms(terms: &RepoTerms) -> proto::RepoTerms {
    proto::RepoTerms {
        seller_account: terms.seller.0.into(),
        buyer_account: terms.buyer.0.into(),
        seller_bank: terms.seller_bank.0.into(),
        buyer_bank: terms.buyer_bank.0.into(),
        instrument: terms.instrument.to_string(),
        quantity_tco2e: terms.quantity.0,
        opening_price_yuan: format_price(terms.opening_price),
        return_price_yuan: format_price(terms.return_price),
        return_date: terms.return_date.to_string(),
        grace_ms: terms.grace_ms,
    }
}

pub(super) fn repo(repo: &Repo) -> proto::Repo {
    let time = |time: Option<LedgerTime>| time.map_or(0, |time| time.0);
    proto::Repo {
        repo_id: repo.id.0,
        terms: Some(terms(&repo.terms)),
        state: state_out(repo.state).into(),
        proposed_at_ms: repo.proposed_at.0,
        expires_at_ms: repo.expires_at.0,
        opened_at_ms: time(repo.opened_at),
        return_due_at_ms: repo.terms.due_at().0,
        return_deadline_ms: repo.terms.deadline().0,
        shortage: repo.shortage.map(shortage).unwrap_or_default(),
        closed_at_ms: time(repo.closed_at),
    }
}
