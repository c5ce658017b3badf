//! `repo`: a title transfer with a dated return leg.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use registry_client::proto::{
    AcceptRepoRequest, DeclineRepoRequest, ListReposRequest, ProposeRepoRequest, RepoReply,
    RepoState, RepoTerms, ReturnRepoRequest,
};

use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{repo, stamp};

/// Repos (碳回购).
#[derive(Debug, Subcommand)]
pub(crate) enum RepoCommand {
    /// Offer a repo (the seller).
    Propose(Propose),
    /// Accept: tonnes and money change hands at once (the buyer).
    Accept(Party),
    /// Say no before the opening, or take the offer back (a party).
    Decline(Decline),
    /// Deliver the return leg once it is due (a party, exchange, registry).
    Return(Return),
    /// List repos; a firm names its account.
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// Account that sells now and buys back, the caller's own.
    #[arg(long)]
    seller: u64,
    /// Account that buys now and gives back.
    #[arg(long)]
    buyer: u64,
    /// Bank where the seller is paid, and pays for the return.
    #[arg(long)]
    seller_bank: u32,
    /// Bank where the buyer pays, and is paid for the return.
    #[arg(long)]
    buyer_bank: u32,
    /// E.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// Whole tonnes, the same both ways.
    #[arg(long, allow_hyphen_values = true)]
    quantity: i64,
    /// Yuan per tonne of the opening leg.
    #[arg(long, allow_hyphen_values = true)]
    opening_price: String,
    /// Yuan per tonne of the return leg.
    #[arg(long, allow_hyphen_values = true)]
    return_price: String,
    /// YYYY-MM-DD: due from its beginning in Beijing on.
    #[arg(long)]
    return_date: String,
    /// How long after that beginning it may still succeed; by default a day.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_hyphen_values = true)]
    grace_ms: i64,
    /// How long the buyer may accept; by default a day.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_hyphen_values = true)]
    time_to_live_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Party {
    /// The repo's number.
    #[arg(long)]
    repo: u64,
    /// The party's account, the caller's own.
    #[arg(long)]
    account: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Decline {
    #[command(flatten)]
    party: Party,
    /// Why, 1 to 200 bytes.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Return {
    /// The repo's number.
    #[arg(long)]
    repo: u64,
    /// The party's account; none for exchange and registry.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this account's; a firm must name its own.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Only in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Repos per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Proposed,
    Open,
    Returned,
    Failed,
    Declined,
    Expired,
}

impl RepoCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Propose(propose) => propose.run(global).await,
            Self::Accept(party) => {
                let request = AcceptRepoRequest {
                    request_id: global.write_id(),
                    repo_id: party.repo,
                    account_id: party.account,
                };
                Ok(page(&global.repos()?.accept_repo(request).await?))
            }
            Self::Decline(decline) => {
                let request = DeclineRepoRequest {
                    request_id: global.write_id(),
                    repo_id: decline.party.repo,
                    account_id: decline.party.account,
                    reason: decline.reason.clone(),
                };
                Ok(page(&global.repos()?.decline_repo(request).await?))
            }
            Self::Return(asked) => {
                let request = ReturnRepoRequest {
                    request_id: global.write_id(),
                    repo_id: asked.repo,
                    account_id: asked.account,
                };
                Ok(page(&global.repos()?.return_repo(request).await?))
            }
            Self::List(list) => list.run(global).await,
        }
    }
}

impl Propose {
    async fn run(&self, global: &Global) -> Result<Page> {
        let terms = RepoTerms {
            seller_account: self.seller,
            buyer_account: self.buyer,
            seller_bank: self.seller_bank,
            buyer_bank: self.buyer_bank,
            instrument: self.instrument.clone(),
            quantity_tco2e: self.quantity,
            opening_price_yuan: self.opening_price.clone(),
            return_price_yuan: self.return_price.clone(),
            return_date: self.return_date.clone(),
            grace_ms: self.grace_ms,
        };
        let request = ProposeRepoRequest {
            request_id: global.write_id(),
            terms: Some(terms),
            time_to_live_ms: self.time_to_live_ms,
        };
        Ok(page(&global.repos()?.propose_repo(request).await?))
    }
}

impl List {
    async fn run(&self, global: &Global) -> Result<Page> {
        let state = match self.state {
            None => RepoState::Unspecified,
            Some(State::Proposed) => RepoState::Proposed,
            Some(State::Open) => RepoState::Open,
            Some(State::Returned) => RepoState::Returned,
            Some(State::Failed) => RepoState::Failed,
            Some(State::Declined) => RepoState::Declined,
            Some(State::Expired) => RepoState::Expired,
        };
        let request = ListReposRequest {
            account_id: self.account,
            state: state.into(),
            after_repo_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_repos(request).await?;
        let next = Record::default().with("next_after", reply.next_after_repo_id);
        Ok(Page::default()
            .many("repos", reply.repos.iter().map(repo::repo).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

fn page(reply: &RepoReply) -> Page {
    let step = reply.repo.clone().unwrap_or_default();
    Page::default().one(repo::repo(&step)).stamp(stamp(reply.stamp))
}
