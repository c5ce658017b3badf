//! `cluster rules`: which version of the ledger's rules is in force.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::RulesActivation;
use registry_client::proto::controlled_command::Command;
use registry_client::upgrade::check_activation;

use super::control;
use super::failover::{check_lines, failed_checks};
use crate::args::Global;
use crate::output::Page;

/// The ledger's rules, which change by a decision of two officers and never by a program.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Look whether every node knows the next version, then propose to put it in force
    /// (two registry officers).
    Activate(Activate),
}

#[derive(Debug, Args)]
pub(crate) struct Activate {
    /// One more than the version in force.
    #[arg(long, value_name = "VERSION")]
    to: u32,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
    /// Look, and propose nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RulesCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Activate(activate) => activate.run(global).await,
        }
    }
}

impl Activate {
    async fn run(&self, global: &Global) -> Result<Page> {
        let nodes = global.operator()?.statuses_of_all(0).await;
        let checks = check_activation(&nodes, self.to);
        let looked = Page::default().many("preflight", check_lines(&checks));
        let hint = "see docs/runbooks/rolling-upgrade.md";
        if let Some(alarm) = failed_checks(&checks, "nothing was proposed", hint) {
            let headline = "not proposed: the preflight found something".to_owned();
            return Ok(looked.with_headline(headline).with_alarm(alarm));
        }
        if self.dry_run {
            let headline = format!("every node knows version {} of the rules", self.to);
            return Ok(looked.with_headline(headline));
        }
        let (rules_version, document) = (self.to, self.document.clone());
        let activation = RulesActivation { rules_version, document };
        control::propose(global, Command::RulesActivation(activation)).await
    }
}
