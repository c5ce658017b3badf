//! Two people: what is refused to the one and to the other.

use std::time::Duration;

use prost::Message as _;
use registry_chaos_tests::wait::eventually;
use registry_client::RegistryClient;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    ApproveRequest, ControlledCommand, DeclineRequest, Issuance, ListProposalsRequest,
    ProposeRequest, Suspension, WithdrawRequest,
};
use sha2::{Digest as _, Sha256};
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, Refused};

/// Generous: the leader looks twice a second.
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(20);

fn content(command: Command) -> Vec<u8> {
    ControlledCommand { command: Some(command) }.encode_to_vec()
}

fn suspension(date: &str) -> Vec<u8> {
    content(Command::Suspension(Suspension { date: date.to_owned() }))
}

fn propose(content: Vec<u8>) -> ProposeRequest {
    ProposeRequest { content: content.into(), ..Default::default() }
}

pub(crate) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    proposals(bench).await;
    decisions(bench).await?;
    expiry(bench).await?;
    denied(bench).await
}

async fn proposals(bench: &mut Bench) {
    let unknown_kind = vec![0xfa, 0x3f, 0];
    let no_tonnes = content(Command::Issuance(Issuance { account_id: 1, ..Default::default() }));
    let life =
        |time_to_live_ms| ProposeRequest { time_to_live_ms, ..propose(suspension(super::DATE)) };
    let rows: [(&str, ProposeRequest, Refused); 7] = [
        ("nothing", propose(Vec::new()), (InvalidArgument, "FIELD_MISSING", "content")),
        ("no message", propose(vec![0xff]), (InvalidArgument, "MALFORMED", "content")),
        ("of a later version", propose(unknown_kind), (InvalidArgument, "MALFORMED", "content")),
        ("a bad date", propose(suspension("16.12.2021")), (InvalidArgument, "BAD_DATE", "date")),
        (
            "an issuance without an instrument",
            propose(no_tonnes),
            (InvalidArgument, "FIELD_MISSING", "instrument"),
        ),
        ("for no time", life(-1), (InvalidArgument, "NOT_POSITIVE", "time_to_live_ms")),
        ("for years", life(i64::MAX), (InvalidArgument, "OUT_OF_RANGE", "time_to_live_ms")),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.propose(request).await;
        bench.refusals.row(&format!("proposal of {what}"), outcome, expected).await;
    }
}

async fn decisions(bench: &mut Bench) -> anyhow::Result<()> {
    let (maker, checker) = (bench.registry.clone(), bench.officers.checker().clone());
    let content = suspension(super::DATE);
    let proposal_id = maker.propose(propose(content.clone())).await?.proposal_id;
    bench.refusals.accept_changes().await?;
    let content_sha256 = Sha256::digest(&content).to_vec();
    let approve = |proposal_id, hash: &[u8]| ApproveRequest {
        proposal_id,
        content_sha256: hash.to_vec().into(),
        ..Default::default()
    };
    let rows: [(&str, &RegistryClient, ApproveRequest, Refused); 5] = [
        (
            "by its maker",
            &maker,
            approve(proposal_id, &content_sha256),
            (FailedPrecondition, "SELF_APPROVAL", "proposal_id"),
        ),
        (
            "of another content",
            &checker,
            approve(proposal_id, &[7; 32]),
            (FailedPrecondition, "CONTENT_MISMATCH", "content_sha256"),
        ),
        (
            "without a hash",
            &checker,
            approve(proposal_id, &[]),
            (InvalidArgument, "FIELD_MISSING", "content_sha256"),
        ),
        (
            "of half a hash",
            &checker,
            approve(proposal_id, &[7; 16]),
            (InvalidArgument, "MALFORMED", "content_sha256"),
        ),
        (
            "of nothing",
            &checker,
            approve(1_000_000, &content_sha256),
            (NotFound, "UNKNOWN_PROPOSAL", "proposal_id"),
        ),
    ];
    for (what, officer, request, expected) in rows {
        let outcome = officer.approve(request).await;
        bench.refusals.row(&format!("approval {what}"), outcome, expected).await;
    }
    let decline = |reason: &str| DeclineRequest {
        proposal_id,
        reason: reason.to_owned(),
        ..Default::default()
    };
    let outcome = maker.decline(decline("a slip")).await;
    let expected = (FailedPrecondition, "SELF_APPROVAL", "proposal_id");
    bench.refusals.row("decline by its maker", outcome, expected).await;
    let outcome = checker.decline(decline("")).await;
    let expected = (InvalidArgument, "FIELD_MISSING", "reason");
    bench.refusals.row("decline without a reason", outcome, expected).await;
    let withdraw = || WithdrawRequest { proposal_id, ..Default::default() };
    let outcome = checker.withdraw(withdraw()).await;
    let expected = (FailedPrecondition, "NOT_MAKER", "proposal_id");
    bench.refusals.row("withdrawal by another", outcome, expected).await;
    maker.withdraw(withdraw()).await?;
    bench.refusals.accept_changes().await?;
    let outcome = maker.withdraw(withdraw()).await;
    let expected = (NotFound, "UNKNOWN_PROPOSAL", "proposal_id");
    bench.refusals.row("withdrawal a second time", outcome, expected).await;
    Ok(())
}

/// Nobody asks for it: the leader ends what has had its time.
async fn expiry(bench: &mut Bench) -> anyhow::Result<()> {
    let request = ProposeRequest { time_to_live_ms: 1, ..propose(suspension(super::DATE)) };
    let proposal_id = bench.registry.propose(request).await?.proposal_id;
    let list = || ListProposalsRequest { after_proposal_id: proposal_id - 1, ..Default::default() };
    let registry = bench.registry.clone();
    let gone = || async {
        let page = registry.reads().list_proposals(list()).await?;
        anyhow::Ok(page.proposals.is_empty().then_some(()))
    };
    eventually("the proposal to expire", EXPIRY_TIMEOUT, gone).await?;
    bench.refusals.accept_changes().await
}

async fn denied(bench: &mut Bench) -> anyhow::Result<()> {
    for user in ["exchange-sh", "operator-1", "auditor-1", "bank-102"] {
        let registry = RegistryClient::new(bench.cluster.connect_as(user)?);
        let outcome = registry.propose(propose(suspension(super::DATE))).await;
        bench.refusals.denied(&format!("proposal as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    Ok(())
}
