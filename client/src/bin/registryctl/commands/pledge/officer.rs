//! What two registry officers do with a pledge.

use anyhow::Result;
use clap::Args;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{CourtRelease, PledgeActivation, PledgeEnforcement};

use super::Seen;
use crate::args::Global;
use crate::commands::control;
use crate::output::Page;

#[derive(Debug, Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    seen: Seen,
    /// Reference in the movable-property registration (动产融资统一登记).
    #[arg(long)]
    filing_reference: String,
}

#[derive(Debug, Args)]
pub(crate) struct WithDocument {
    #[command(flatten)]
    seen: Seen,
    /// Reference of the agreement, the judgment or the order.
    #[arg(long)]
    document: String,
}

impl Activate {
    pub(super) async fn propose(&self, global: &Global) -> Result<Page> {
        let activation = PledgeActivation {
            pledge_id: self.seen.pledge,
            version: self.seen.version,
            filing_reference: self.filing_reference.clone(),
        };
        control::propose(global, Command::PledgeActivation(activation)).await
    }
}

impl WithDocument {
    pub(super) async fn propose_enforcement(&self, global: &Global) -> Result<Page> {
        let Seen { pledge: pledge_id, version } = self.seen;
        let document = self.document.clone();
        let enforcement = PledgeEnforcement { pledge_id, version, document };
        control::propose(global, Command::PledgeEnforcement(enforcement)).await
    }

    pub(super) async fn propose_release(&self, global: &Global) -> Result<Page> {
        let Seen { pledge: pledge_id, version } = self.seen;
        let document = self.document.clone();
        let release = CourtRelease { pledge_id, version, document };
        control::propose(global, Command::CourtRelease(release)).await
    }
}
