//! `pledge` and `freeze`: what is pledged to banks, and what courts freeze.

mod freeze;
mod officer;
mod party;
mod reads;

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::PledgeRequest;

use crate::args::Global;
use crate::output::Page;
use crate::views::{self, stamp};

pub(crate) use freeze::FreezeCommand;

/// Pledges of allowances to banks.
#[derive(Debug, Subcommand)]
pub(crate) enum PledgeCommand {
    /// Offer tonnes to a bank; they are held from then on (firm).
    Propose(Box<party::Propose>),
    /// Agree to an offer (bank).
    Accept(Seen),
    /// Say no before the pledge is active (bank).
    Decline(Seen),
    /// Take an offer back before the pledge is active (firm).
    TakeBack(Seen),
    /// Propose the activation: another officer approves it (registry).
    Activate(officer::Activate),
    /// Pledge more (firm).
    Add(party::Add),
    /// Give tonnes back, or all (bank).
    Release(party::Release),
    /// Offer other tonnes in place of those pledged (firm).
    Substitute(Box<party::Substitute>),
    /// Take the other tonnes (bank).
    AcceptSubstitution(Seen),
    /// Say no to the other tonnes (bank).
    DeclineSubstitution(Seen),
    /// Take the offer of other tonnes back (firm).
    TakeBackSubstitution(Seen),
    /// Declare the default with its evidence, once the time to cure, or to pay after
    /// maturity, is over (bank); the disposal line alone gives no right to it.
    Default(party::Default),
    /// Propose to let the tonnes of a defaulted pledge be sold (registry).
    Enforce(officer::WithDocument),
    /// Settle the sale of tonnes of a pledge that is being enforced (exchange).
    Sell(party::Sell),
    /// Take what sales have brought out of the market (bank).
    TakeProceeds(party::TakeProceeds),
    /// Propose that a court's order to give everything back is carried out (registry).
    CourtRelease(officer::WithDocument),
    /// What a pledge is and is worth now (bank, firm, exchange, registry, auditor).
    Verify(reads::Verify),
    /// List pledges (registry, auditor, a bank or a firm its own).
    List(reads::List),
    /// Everything that happens to the pledges of a bank, until interrupted.
    Watch(reads::Watch),
}

/// A pledge as the caller has seen it.
#[derive(Debug, Args)]
pub(crate) struct Seen {
    /// The pledge's number.
    #[arg(long)]
    pledge: u64,
    /// Its version, as `pledge verify` shows it.
    #[arg(long)]
    version: u32,
}

impl Seen {
    fn request(&self, global: &Global) -> PledgeRequest {
        let request_id = global.write_id();
        PledgeRequest { request_id, pledge_id: self.pledge, version: self.version }
    }
}

impl PledgeCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let reply = match self {
            Self::Propose(propose) => propose.run(global).await?,
            Self::Accept(seen) => global.bank()?.accept_pledge(seen.request(global)).await?,
            Self::Decline(seen) => global.bank()?.decline_pledge(seen.request(global)).await?,
            Self::TakeBack(seen) => global.firm()?.decline_pledge(seen.request(global)).await?,
            Self::Add(add) => add.run(global).await?,
            Self::Release(release) => release.run(global).await?,
            Self::Substitute(other) => other.run(global).await?,
            Self::AcceptSubstitution(seen) => {
                global.bank()?.accept_substitution(seen.request(global)).await?
            }
            Self::DeclineSubstitution(seen) => {
                global.bank()?.decline_substitution(seen.request(global)).await?
            }
            Self::TakeBackSubstitution(seen) => {
                global.firm()?.decline_substitution(seen.request(global)).await?
            }
            Self::Default(default) => default.run(global).await?,
            Self::Activate(activate) => return activate.propose(global).await,
            Self::Enforce(enforce) => return enforce.propose_enforcement(global).await,
            Self::CourtRelease(order) => return order.propose_release(global).await,
            Self::Sell(sell) => return sell.run(global).await,
            Self::TakeProceeds(take) => return take.run(global).await,
            Self::Verify(verify) => return verify.run(global).await,
            Self::List(list) => return list.run(global).await,
            Self::Watch(watch) => return watch.run(global).await,
        };
        let step = reply.pledge.as_ref().map(views::pledge::step).unwrap_or_default();
        Ok(Page::default().one(step).stamp(stamp(reply.stamp)))
    }

    /// Whether it only looks.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::List(_) | Self::Watch(_))
    }
}
