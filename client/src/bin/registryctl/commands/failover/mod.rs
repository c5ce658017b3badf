//! `failover`: where the leader stands, which cities are in the quorum, and who
//! may go on alone.

mod recover;
mod report;
mod sealed;
mod switchover;

pub(super) use switchover::{check_lines, common_index, failed_checks};

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{CityLeave, CityReturn, PreferCityRequest, RecoveryRight};

use crate::args::Global;
use crate::commands::{control, node};
use crate::output::Page;

/// Moving between the cities (operator).
#[derive(Debug, Subcommand)]
pub(crate) enum FailoverCommand {
    /// Look whether the leader can stand in a city, then move it there.
    Switchover(switchover::Switchover),
    /// Where the leader should stand from now on.
    Prefer(Prefer),
    /// Propose to take a city out of the quorum for maintenance: from now on a commit
    /// is durable in the other city only (two operators).
    Leave(CityAndDocument),
    /// Propose to bring a city back into the quorum (two operators).
    Return(CityAndDocument),
    /// Propose to give the right to recover alone to a city (two operators).
    Right(CityAndDocument),
    /// Make a sealed override, by which a city recovers once without the right
    /// (two operators).
    Override(sealed::Override),
    /// Go on without a city that is lost, on what the survivors hold (two operators).
    Recover(recover::Recover),
    /// Approve a recovery as the second operator.
    Approve(recover::Approve),
    /// Check what the survivors signed of a recovery; asks no node.
    VerifyReport(report::VerifyReport),
    /// Remove the data of a node that the cluster went on without.
    Wipe(recover::Wipe),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Prefer {
    /// In this city.
    #[arg(long)]
    city: Option<String>,
    /// Anywhere.
    #[arg(long)]
    anywhere: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CityAndDocument {
    /// Which city.
    #[arg(long)]
    city: String,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

impl FailoverCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let order = |of: &CityAndDocument| (of.city.clone(), of.document.clone());
        match self {
            Self::Switchover(switchover) => switchover.run(global).await,
            Self::Prefer(prefer) => prefer.run(global).await,
            Self::Leave(of) => {
                let (city, document) = order(of);
                control::propose(global, Command::CityLeave(CityLeave { city, document })).await
            }
            Self::Return(of) => {
                let (city, document) = order(of);
                control::propose(global, Command::CityReturn(CityReturn { city, document })).await
            }
            Self::Override(sealed) => sealed.run(global).await,
            Self::Recover(recover) => recover.run(global).await,
            Self::Approve(approve) => approve.run(global).await,
            Self::VerifyReport(report) => report.run(),
            Self::Wipe(wipe) => wipe.run(global).await,
            Self::Right(of) => {
                let (city, document) = order(of);
                let right = RecoveryRight { city, document };
                control::propose(global, Command::RecoveryRight(right)).await
            }
        }
    }
}

impl Prefer {
    async fn run(&self, global: &Global) -> Result<Page> {
        let city = self.city.clone().unwrap_or_default();
        let request = PreferCityRequest { request_id: global.write_id(), city };
        Ok(node::page(&global.operator()?.prefer_city(request).await?))
    }
}
