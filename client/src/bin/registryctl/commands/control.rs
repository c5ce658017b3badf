//! `control`: commands that need two people.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use prost::Message as _;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    ApproveRequest, ControlledCommand, DeclineRequest, ListProposalsRequest, Proposal,
    ProposeRequest, WithdrawRequest, approve_reply,
};
use registry_client::{ClientError, RegistryClient, RejectedError, TwoOfficers, hex};
use sha2::{Digest as _, Sha256};

use crate::args::Global;
use crate::context::from_pki;
use crate::exit::Usage;
use crate::output::{Page, Record};
use crate::views::{account, cluster, compliance, day, inclusive, pledge, proposal, stamp};

/// Fewest hexadecimal digits of a hash that say which content was looked at.
const FEWEST_DIGITS: usize = 16;
/// Proposals of one read while looking for one.
const PAGE_SIZE: u32 = 100;

/// What waits for a second person.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlCommand {
    /// List what waits, oldest first.
    List(List),
    /// Show one proposal with all of its content and the hash to approve.
    Show(Which),
    /// Approve what another officer proposed: it is carried out at once.
    Approve(Approve),
    /// Decline what another officer proposed.
    Decline(Decline),
    /// Take an own proposal back.
    Withdraw(Which),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Start after this proposal.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Proposals per page, 1 to 100.
    #[arg(long, default_value_t = 20)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The proposal's number.
    #[arg(long)]
    proposal: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The proposal's number.
    #[arg(long)]
    proposal: u64,
    /// SHA-256 of the content that you looked at, as `control show` prints it:
    /// at least the first 16 digits.
    #[arg(long)]
    sha256: String,
}

#[derive(Debug, Args)]
pub(crate) struct Decline {
    /// The proposal's number.
    #[arg(long)]
    proposal: u64,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// For jobs that act for both officers.
#[derive(Debug, Args)]
pub(crate) struct Checker {
    /// Identity of the officer who approves, DIR/USER: another than --identity.
    #[arg(long, env = "REGISTRY_CHECKER_IDENTITY")]
    checker_identity: PathBuf,
}

impl Checker {
    pub(crate) fn officers(&self, global: &Global) -> Result<TwoOfficers> {
        let maker = global.own_identity()?.holder();
        let checker = from_pki(&self.checker_identity)?.holder();
        // Certificates without a role are the node's to refuse.
        if let (Ok(maker), Ok(checker)) = (maker, checker)
            && (&maker.role, &maker.name) == (&checker.role, &checker.name)
        {
            bail!(Usage(format!(
                "--checker-identity is {}/{} as well: the second officer must be another person",
                checker.role, checker.name
            )));
        }
        let checker = RegistryClient::new(global.connector_of(&self.checker_identity)?);
        Ok(TwoOfficers::new(global.registry()?, checker))
    }
}

/// Proposes a command; prints what the second person needs.
pub(crate) async fn propose(global: &Global, command: Command) -> Result<Page> {
    let content = ControlledCommand { command: Some(command) }.encode_to_vec();
    let request = ProposeRequest {
        request_id: global.write_id(),
        content: content.into(),
        ..Default::default()
    };
    let reply = global.registry()?.propose(request).await?;
    let record = Record::default()
        .with("proposal_id", reply.proposal_id)
        .with("content_sha256", hex(&reply.content_sha256))
        .with("expires_at_ms", reply.expires_at_ms);
    let headline = format!("proposal {} waits for another officer's approval", reply.proposal_id);
    Ok(Page::default().with_headline(headline).one(record).stamp(stamp(reply.stamp)))
}

impl ControlCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(which) => {
                let found = find(global, which.proposal).await?;
                Ok(Page::default().one(proposal::line(&found)).one(proposal::content(&found)?))
            }
            Self::Approve(approve) => approve.run(global).await,
            Self::Decline(decline) => {
                let request = DeclineRequest {
                    request_id: global.write_id(),
                    proposal_id: decline.proposal,
                    reason: decline.reason.clone(),
                };
                let reply = global.registry()?.decline(request).await?;
                Ok(Page::default().stamp(stamp(reply.stamp)))
            }
            Self::Withdraw(which) => {
                let request =
                    WithdrawRequest { request_id: global.write_id(), proposal_id: which.proposal };
                let reply = global.registry()?.withdraw(request).await?;
                Ok(Page::default().stamp(stamp(reply.stamp)))
            }
        }
    }
}

impl List {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListProposalsRequest {
            after_proposal_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_proposals(request).await?;
        let next = Record::default().with("next_after", reply.next_after_proposal_id);
        Ok(Page::default()
            .many("proposals", reply.proposals.iter().map(proposal::line).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

impl Approve {
    async fn run(&self, global: &Global) -> Result<Page> {
        let seen = self.sha256.to_ascii_lowercase();
        if seen.len() < FEWEST_DIGITS || !seen.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            bail!(Usage(format!(
                "--sha256 must be at least {FEWEST_DIGITS} hexadecimal digits of the content's hash"
            )));
        }
        let found = find(global, self.proposal).await?;
        let content_sha256 = Sha256::digest(&found.content);
        if !hex(&content_sha256).starts_with(&seen) {
            bail!(Usage(format!(
                "proposal {} has a content with another hash, {}: look at it again",
                self.proposal,
                hex(&content_sha256)
            )));
        }
        let request = ApproveRequest {
            request_id: global.write_id(),
            proposal_id: self.proposal,
            content_sha256: content_sha256.to_vec().into(),
        };
        let reply = global.registry()?.approve(request).await?;
        let page = Page::default().one(proposal::line(&found));
        let page = match &reply.result {
            Some(approve_reply::Result::Holding(holding)) => page.one(account::holding(holding)),
            Some(approve_reply::Result::Accounts(opened)) => page.one(
                Record::default()
                    .with("first_account_id", opened.first_account_id)
                    .with("accounts", opened.account_count),
            ),
            Some(approve_reply::Result::Day(settled)) => page.one(day::day(settled)),
            Some(approve_reply::Result::Covered(covered)) => page.one(
                Record::default()
                    .with("trade_number", covered.trade_number)
                    .with("shortfall_yuan", covered.shortfall_yuan.as_str())
                    .with("claim_yuan", covered.claim_yuan.as_str()),
            ),
            Some(approve_reply::Result::Allocation(entry)) => {
                page.one(compliance::allocation(entry))
            }
            Some(approve_reply::Result::Emissions(entry)) => page.one(compliance::emissions(entry)),
            Some(approve_reply::Result::CarryOver(entry)) => {
                page.one(compliance::carry_over(entry))
            }
            Some(approve_reply::Result::Transfer(done)) => page.one(compliance::transfer(done)),
            Some(approve_reply::Result::Pledge(step)) => page.one(pledge::step(step)),
            Some(approve_reply::Result::Freeze(step)) => page.one(
                Record::default()
                    .with("freeze_id", step.freeze_id)
                    .with("account_id", step.account_id)
                    .with("frozen_tco2e", step.frozen_tco2e.to_string())
                    .with("stayed_pledge_ids", step.stayed_pledge_ids.clone()),
            ),
            Some(approve_reply::Result::Platform(platform)) => {
                page.one(inclusive::platform(platform))
            }
            Some(approve_reply::Result::Topology(topology)) => {
                page.one(cluster::topology(topology))
            }
            None => page,
        };
        Ok(page.stamp(stamp(reply.stamp)))
    }
}

/// The open proposal of this number.
async fn find(global: &Global, id: u64) -> Result<Proposal> {
    let request = ListProposalsRequest {
        after_proposal_id: id.saturating_sub(1),
        page_size: PAGE_SIZE,
        consistency: global.consistency(),
    };
    let reply = global.reads()?.list_proposals(request).await?;
    let first = reply.proposals.into_iter().next();
    Ok(first.filter(|open| open.proposal_id == id).ok_or_else(|| not_open(id))?)
}

/// As a node would refuse it.
fn not_open(id: u64) -> ClientError {
    ClientError::Rejected(Box::new(RejectedError {
        reason: "UNKNOWN_PROPOSAL".to_owned(),
        field: "proposal_id".to_owned(),
        message: format!("proposal {id} is not open"),
        code: tonic::Code::NotFound,
        metadata: Default::default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn a_proposal_that_is_not_open_is_a_rejection() {
        assert_eq!(exit::code(&not_open(7).into()), exit::REJECTED);
    }
}
