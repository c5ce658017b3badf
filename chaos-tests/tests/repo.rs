//! Repos on six nodes: title now and title back, on request, by itself, or not.

use std::time::Duration;

use registry_chaos_tests::beijing::{date_in, since_midnight_ms};
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{INSTRUMENT, Market, bank_of};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::journal::audit_node;
use registry_client::pki::{self, Role};
use registry_client::proto::event_filter::About;
use registry_client::proto::{
    AcceptRepoRequest, Consistency, EventFilter, GetAccountRequest, ListEventsRequest,
    ListReposRequest, MoveHoldingRequest, Position, ProposeRepoRequest, Repo, RepoState, RepoTerms,
    ReturnRepoRequest,
};
use registry_client::{ClientError, ReadClient, RegistryClient, RepoClient};

const RTT: Duration = Duration::from_millis(2);
/// Generous: the leader looks twice a second.
const DUE_TIMEOUT: Duration = Duration::from_secs(30);
const DAY_MS: i64 = 86_400_000;

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

fn terms(days: i64, return_price: &str, grace_ms: i64) -> RepoTerms {
    RepoTerms {
        seller_account: 1,
        buyer_account: 2,
        seller_bank: bank_of(1),
        buyer_bank: bank_of(2),
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 100,
        opening_price_yuan: "40.00".to_owned(),
        return_price_yuan: return_price.to_owned(),
        return_date: date_in(days).to_string(),
        grace_ms: since_midnight_ms() + grace_ms,
    }
}

async fn trading(reads: &ReadClient, account_id: u64) -> anyhow::Result<(i64, String)> {
    let request = GetAccountRequest { account_id, ..Default::default() };
    let account = reads.get_account(request).await?.account.unwrap_or_default();
    let goods = account.holdings.first().map_or(0, |holding| holding.trading_tco2e);
    Ok((goods, account.cash.first().map_or(String::new(), |cash| cash.available_yuan.clone())))
}

async fn repo(reads: &ReadClient, repo_id: u64) -> anyhow::Result<Repo> {
    let request = ListReposRequest { after_repo_id: repo_id - 1, ..Default::default() };
    let found = reads.list_repos(request).await?.repos.into_iter().next();
    found.ok_or_else(|| anyhow::anyhow!("no repo {repo_id}"))
}

struct Parties {
    seller: RepoClient,
    buyer: RepoClient,
    registry: RegistryClient,
}

impl Parties {
    async fn open(&self, terms: RepoTerms) -> anyhow::Result<u64> {
        let request = ProposeRepoRequest { terms: Some(terms), ..Default::default() };
        let repo_id = self.seller.propose_repo(request).await?.repo.expect("a repo").repo_id;
        let accept = AcceptRepoRequest { repo_id, account_id: 2, ..Default::default() };
        let opened = self.buyer.accept_repo(accept).await?.repo.expect("a repo");
        assert_eq!(opened.state(), RepoState::Open);
        Ok(repo_id)
    }

    async fn becomes(&self, repo_id: u64, state: RepoState) -> anyhow::Result<Repo> {
        let reads = self.registry.reads();
        let reached = || async {
            let found = repo(reads, repo_id).await?;
            Ok((found.state() == state).then_some(found))
        };
        eventually(&format!("repo {repo_id} to be {state:?}"), DUE_TIMEOUT, reached).await
    }

    async fn to(&self, from: Position, quantity_tco2e: i64) -> anyhow::Result<()> {
        let request = MoveHoldingRequest {
            account_id: 2,
            instrument: INSTRUMENT.to_owned(),
            from: from.into(),
            quantity_tco2e,
            ..Default::default()
        };
        self.registry.move_holding(request).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repos_open_and_return_both_legs_or_neither() -> anyhow::Result<()> {
    let plan = scratch::plan("repo", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let officers = cluster.officers()?;
    Market::set_up(&officers, 3, 1_000, 1_000_000).await?;
    for firm in ["1", "2"] {
        pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, firm)?;
    }
    let of = Parties {
        seller: RepoClient::new(cluster.connect_as("firm-1")?),
        buyer: RepoClient::new(cluster.connect_as("firm-2")?),
        registry: cluster.registry()?,
    };
    let reads = of.registry.reads();
    let before = (trading(reads, 1).await?, trading(reads, 2).await?);
    assert_eq!(before, ((1_000, "10000.00".to_owned()), (1_000, "10000.00".to_owned())));

    // The return is not due: the title is the buyer's.
    let later = of.open(terms(3, "41.00", DAY_MS)).await?;
    assert_eq!(trading(reads, 1).await?, (900, "14000.00".to_owned()));
    assert_eq!(trading(reads, 2).await?, (1_100, "6000.00".to_owned()));
    let early = ReturnRepoRequest { repo_id: later, ..Default::default() };
    let exchange = RepoClient::new(cluster.connect_as("exchange-sh")?);
    assert_eq!(reason(exchange.return_repo(early).await), "RETURN_NOT_DUE");

    // Due today: the leader delivers it.
    let today = of.open(terms(0, "41.00", DAY_MS)).await?;
    of.becomes(today, RepoState::Returned).await?;
    assert_eq!(trading(reads, 1).await?, (900, "13900.00".to_owned()));
    assert_eq!(trading(reads, 2).await?, (1_100, "6100.00".to_owned()));

    // The seller cannot pay so much: within its grace it is open, then failed.
    let dear = of.open(terms(0, "4000.00", 3_000)).await?;
    let failed = of.becomes(dear, RepoState::Failed).await?;
    assert_eq!(failed.shortage, "CASH_SHORT");
    assert_eq!(trading(reads, 2).await?, (1_200, "2100.00".to_owned()));

    // The buyer disposed of them, missed the return, and has them again.
    of.to(Position::Trading, 1_200).await?;
    let mut little = terms(0, "0.02", DAY_MS);
    (little.opening_price_yuan, little.quantity_tco2e) = ("0.01".to_owned(), 1);
    let missed = of.open(little).await?;
    let returned = of.becomes(missed, RepoState::Returned).await;
    returned?;
    of.to(Position::Registered, 1_200).await?;

    // Nobody answers in time.
    let mut short =
        ProposeRepoRequest { terms: Some(terms(3, "41.00", DAY_MS)), ..Default::default() };
    short.time_to_live_ms = 1;
    let unanswered = of.seller.propose_repo(short).await?.repo.expect("a repo").repo_id;
    let accept = AcceptRepoRequest { repo_id: unanswered, account_id: 2, ..Default::default() };
    let told = reason(of.buyer.accept_repo(accept).await);
    // The leader may have ended it already.
    assert!(["REPO_EXPIRED", "REPO_STATE"].contains(&told.as_str()), "{told}");
    of.becomes(unanswered, RepoState::Expired).await?;

    let about = Some(EventFilter { about: Some(About::RepoId(dear)) });
    let request = ListEventsRequest { filter: about, ..Default::default() };
    let events = reads.list_events(request).await?.events;
    // Proposed, opened, missed, failed.
    assert_eq!(events.len(), 4);
    let own = ListReposRequest { account_id: 2, ..Default::default() };
    assert_eq!(of.buyer.reads().list_repos(own).await?.repos.len(), 5);
    let foreign = ListReposRequest { account_id: 1, ..Default::default() };
    assert_eq!(reason(of.buyer.reads().list_repos(foreign).await), "NOT_AUTHORISED");

    cluster.agreed_state(DUE_TIMEOUT).await?;
    let report = audit_node(reads, Consistency::Linearizable, |_, _| {}).await?;
    assert_eq!((report.repos, report.accounts), (5, 3));
    Ok(())
}
