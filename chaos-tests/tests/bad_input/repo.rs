//! Repos: every way to be refused, to firms at their own accounts.

use registry_chaos_tests::beijing::date_in;
use registry_chaos_tests::market::{INSTRUMENT, bank_of};
use registry_client::RepoClient;
use registry_client::pki::{self, Role};
use registry_client::proto::{
    AcceptRepoRequest, DeclineRepoRequest, ListReposRequest, ProposeRepoRequest, RepoTerms,
    ReturnRepoRequest,
};
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, Refused};

fn in_days(days: i64) -> String {
    date_in(days).to_string()
}

fn terms() -> RepoTerms {
    RepoTerms {
        seller_account: 1,
        buyer_account: 2,
        seller_bank: bank_of(1),
        buyer_bank: bank_of(2),
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 10,
        opening_price_yuan: "40.00".to_owned(),
        return_price_yuan: "41.00".to_owned(),
        return_date: in_days(30),
        grace_ms: 0,
    }
}

fn propose(terms: RepoTerms) -> ProposeRepoRequest {
    ProposeRepoRequest { terms: Some(terms), ..Default::default() }
}

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    let firm = |account: u64| -> anyhow::Result<RepoClient> {
        let pki_dir = bench.cluster.plan().pki_dir();
        pki::issue_user(&pki_dir, Role::Firm, &account.to_string())?;
        Ok(RepoClient::new(bench.cluster.connect_as(&format!("firm-{account}"))?))
    };
    let (seller, buyer, other) = (firm(1)?, firm(2)?, firm(3)?);
    offers(bench, &seller).await;
    answers(bench, &seller, &buyer, &other).await?;
    denied(bench, &seller).await?;
    too_many(bench, &seller).await
}

async fn offers(bench: &mut Bench, seller: &RepoClient) {
    let with = |change: fn(&mut RepoTerms)| {
        let mut terms = terms();
        change(&mut terms);
        propose(terms)
    };
    let life = |time_to_live_ms| ProposeRepoRequest { time_to_live_ms, ..propose(terms()) };
    let rows: [(&str, ProposeRepoRequest, Refused); 17] = [
        (
            "no buyer",
            with(|t| t.buyer_account = 0),
            (InvalidArgument, "FIELD_MISSING", "buyer_account"),
        ),
        (
            "an unknown buyer",
            with(|t| t.buyer_account = 9_999),
            (NotFound, "UNKNOWN_ACCOUNT", "buyer_account"),
        ),
        (
            "oneself",
            with(|t| t.buyer_account = 1),
            (InvalidArgument, "SELF_TRADE", "buyer_account"),
        ),
        ("no bank", with(|t| t.seller_bank = 0), (InvalidArgument, "FIELD_MISSING", "seller_bank")),
        ("bank 999", with(|t| t.buyer_bank = 999), (NotFound, "UNKNOWN_BANK", "buyer_bank")),
        (
            "another instrument",
            with(|t| t.instrument = "CEA-2031".to_owned()),
            (NotFound, "WRONG_INSTRUMENT", "instrument"),
        ),
        (
            "no tonnes",
            with(|t| t.quantity_tco2e = 0),
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "a price of three decimals",
            with(|t| t.opening_price_yuan = "40.001".to_owned()),
            (InvalidArgument, "TICK", "opening_price_yuan"),
        ),
        (
            "a price of nothing",
            with(|t| t.opening_price_yuan = "0".to_owned()),
            (InvalidArgument, "NOT_POSITIVE", "opening_price_yuan"),
        ),
        (
            "no return price",
            with(|t| t.return_price_yuan.clear()),
            (InvalidArgument, "FIELD_MISSING", "return_price_yuan"),
        ),
        (
            "an amount too large",
            with(|t| t.return_price_yuan = "90000000000000000".to_owned()),
            (InvalidArgument, "OUT_OF_RANGE", "return_price_yuan"),
        ),
        (
            "no such day",
            with(|t| t.return_date = "2021-02-29".to_owned()),
            (InvalidArgument, "BAD_DATE", "return_date"),
        ),
        (
            "a day of the past",
            with(|t| t.return_date = "2021-12-17".to_owned()),
            (FailedPrecondition, "RETURN_DATE_PASSED", "return_date"),
        ),
        (
            "a day too far away",
            with(|t| t.return_date = in_days(400)),
            (InvalidArgument, "OUT_OF_RANGE", "return_date"),
        ),
        ("no grace", with(|t| t.grace_ms = -1), (InvalidArgument, "NOT_POSITIVE", "grace_ms")),
        (
            "endless grace",
            with(|t| t.grace_ms = i64::MAX),
            (InvalidArgument, "OUT_OF_RANGE", "grace_ms"),
        ),
        ("no time", life(-1), (InvalidArgument, "NOT_POSITIVE", "time_to_live_ms")),
    ];
    for (what, request, expected) in rows {
        let outcome = seller.propose_repo(request).await;
        bench.refusals.row(&format!("repo with {what}"), outcome, expected).await;
    }
}

fn accept(repo_id: u64, account_id: u64) -> AcceptRepoRequest {
    AcceptRepoRequest { repo_id, account_id, ..Default::default() }
}

fn give_back(repo_id: u64, account_id: u64) -> ReturnRepoRequest {
    ReturnRepoRequest { repo_id, account_id, ..Default::default() }
}

async fn answers(
    bench: &mut Bench,
    seller: &RepoClient,
    buyer: &RepoClient,
    other: &RepoClient,
) -> anyhow::Result<()> {
    seller.propose_repo(propose(terms())).await?;
    let too_dear = RepoTerms { opening_price_yuan: "100000.00".to_owned(), ..terms() };
    seller.propose_repo(propose(too_dear)).await?;
    let too_much = RepoTerms { quantity_tco2e: 900_000_000, ..terms() };
    seller.propose_repo(propose(too_much)).await?;
    bench.refusals.accept_changes().await?;
    let rows: [(&str, &RepoClient, AcceptRepoRequest, Refused); 6] = [
        ("of no number", buyer, accept(0, 2), (InvalidArgument, "FIELD_MISSING", "repo_id")),
        ("of nothing", buyer, accept(77, 2), (NotFound, "UNKNOWN_REPO", "repo_id")),
        (
            "by its seller",
            seller,
            accept(1, 1),
            (FailedPrecondition, "NOT_REPO_PARTY", "account_id"),
        ),
        ("by another", other, accept(1, 3), (FailedPrecondition, "NOT_REPO_PARTY", "account_id")),
        ("without money", buyer, accept(2, 2), (FailedPrecondition, "CASH_SHORT", "repo_id")),
        ("without tonnes", buyer, accept(3, 2), (FailedPrecondition, "GOODS_SHORT", "repo_id")),
    ];
    for (what, firm, request, expected) in rows {
        let outcome = firm.accept_repo(request).await;
        bench.refusals.row(&format!("acceptance {what}"), outcome, expected).await;
    }
    let decline = |reason: &str| DeclineRepoRequest {
        repo_id: 1,
        account_id: 2,
        reason: reason.to_owned(),
        ..Default::default()
    };
    let expected = (InvalidArgument, "FIELD_MISSING", "reason");
    bench
        .refusals
        .row("a no without a reason", buyer.decline_repo(decline("")).await, expected)
        .await;
    let expected = (FailedPrecondition, "REPO_STATE", "repo_id");
    let outcome = seller.return_repo(give_back(1, 1)).await;
    bench.refusals.row("a return before the opening", outcome, expected).await;

    buyer.accept_repo(accept(1, 2)).await?;
    bench.refusals.accept_changes().await?;
    let rows: [(&str, &RepoClient, ReturnRepoRequest, Refused); 2] = [
        ("too early", buyer, give_back(1, 2), (FailedPrecondition, "RETURN_NOT_DUE", "repo_id")),
        (
            "by another",
            other,
            give_back(1, 3),
            (FailedPrecondition, "NOT_REPO_PARTY", "account_id"),
        ),
    ];
    for (what, firm, request, expected) in rows {
        let outcome = firm.return_repo(request).await;
        bench.refusals.row(&format!("a return {what}"), outcome, expected).await;
    }
    let expected = (FailedPrecondition, "REPO_STATE", "repo_id");
    bench
        .refusals
        .row("a second acceptance", buyer.accept_repo(accept(1, 2)).await, expected)
        .await;
    bench.refusals.row("a no too late", buyer.decline_repo(decline("no")).await, expected).await;
    let list = ListReposRequest { state: 9, account_id: 1, ..Default::default() };
    let expected = (InvalidArgument, "MALFORMED", "state");
    bench.refusals.row("repos of no state", seller.reads().list_repos(list).await, expected).await;
    Ok(())
}

/// A hundred offers may wait for their buyers; two do already.
async fn too_many(bench: &mut Bench, seller: &RepoClient) -> anyhow::Result<()> {
    for _ in 2..100 {
        seller.propose_repo(propose(terms())).await?;
    }
    bench.refusals.accept_changes().await?;
    let expected = (FailedPrecondition, "TOO_MANY_REPOS", "seller_account");
    let outcome = seller.propose_repo(propose(terms())).await;
    bench.refusals.row("the 101st offer", outcome, expected).await;
    Ok(())
}

async fn denied(bench: &mut Bench, seller: &RepoClient) -> anyhow::Result<()> {
    let foreign = RepoTerms { seller_account: 2, buyer_account: 1, ..terms() };
    let outcome = seller.propose_repo(propose(foreign)).await;
    bench.refusals.denied("a repo in another's name", outcome, "NOT_AUTHORISED").await;
    let outcome = seller.accept_repo(accept(2, 2)).await;
    bench.refusals.denied("an acceptance in another's name", outcome, "NOT_AUTHORISED").await;
    let outcome = seller.return_repo(give_back(1, 0)).await;
    bench.refusals.denied("a return in nobody's name", outcome, "NOT_AUTHORISED").await;
    let all = ListReposRequest::default();
    let outcome = seller.reads().list_repos(all).await;
    bench.refusals.denied("everybody's repos as a firm", outcome, "NOT_AUTHORISED").await;
    for user in ["registry-officer-1", "exchange-sh", "bank-102", "operator-1", "auditor-1"] {
        let client = RepoClient::new(bench.cluster.connect_as(user)?);
        let outcome = client.propose_repo(propose(terms())).await;
        bench.refusals.denied(&format!("repo as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    Ok(())
}
