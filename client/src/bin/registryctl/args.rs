//! Flags that every command shares, and the command groups.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::account::AccountCommand;
use crate::commands::audit::Audit;
use crate::commands::backup::BackupCommand;
use crate::commands::bank::{BankCommand, CashCommand};
use crate::commands::cluster::ClusterCommand;
use crate::commands::compliance::ComplianceCommand;
use crate::commands::control::ControlCommand;
use crate::commands::day::DayCommand;
use crate::commands::drill::DrillCommand;
use crate::commands::events::EventsCommand;
use crate::commands::failover::FailoverCommand;
use crate::commands::generate::{GenerateDay, GeneratePopulation};
use crate::commands::inclusive::InclusiveCommand;
use crate::commands::instrument::InstrumentCommand;
use crate::commands::journal::JournalCommand;
use crate::commands::load::LoadPopulation;
use crate::commands::pki::PkiCommand;
use crate::commands::pledge::{FreezeCommand, PledgeCommand};
use crate::commands::price::PriceCommand;
use crate::commands::query::QueryCommand;
use crate::commands::repo::RepoCommand;
use crate::commands::settle_day::SettleDay;
use crate::output::Format;

/// Command line of the two-city carbon registry.
#[derive(Debug, Parser)]
#[command(name = "registryctl", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the cluster is, who calls, and how to answer.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Global {
    /// Client addresses of the nodes, host:port, comma separated, the nearest first.
    #[arg(long, global = true, env = "REGISTRY_ENDPOINTS", value_delimiter = ',')]
    pub(crate) endpoints: Vec<String>,
    /// Identity from a folder made by `pki init`: DIR/USER, e.g. pki/exchange-sh.
    /// Goes before --ca, --cert and --key.
    #[arg(long, global = true, env = "REGISTRY_IDENTITY")]
    pub(crate) identity: Option<PathBuf>,
    /// PEM file of the client authority.
    #[arg(long, global = true, env = "REGISTRY_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// PEM file of the caller's certificate.
    #[arg(long, global = true, env = "REGISTRY_CERT")]
    pub(crate) cert: Option<PathBuf>,
    /// PEM file of the caller's key.
    #[arg(long, global = true, env = "REGISTRY_KEY")]
    pub(crate) key: Option<PathBuf>,
    /// The cluster that is meant: nodes of another one, such as a restored registry,
    /// refuse the call.
    #[arg(long, global = true, env = "REGISTRY_CLUSTER_ID", value_name = "ID")]
    pub(crate) cluster_id: Option<String>,
    /// Time for one call with all its retries, seconds.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub(crate) timeout: u64,
    /// Request id of a command that sends one write; give the one that an
    /// "outcome unknown" error named.
    #[arg(long, global = true, value_parser = request_id)]
    pub(crate) request_id: Option<String>,
    /// Let the asked node answer reads from its own state, without a quorum.
    #[arg(long, global = true)]
    pub(crate) stale_ok: bool,
    /// All columns in tables of lists.
    #[arg(long, global = true)]
    pub(crate) wide: bool,
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

fn request_id(text: &str) -> Result<String, String> {
    if registry_client::is_valid_request_id(text) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 characters of [A-Za-z0-9._:-]".to_owned())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Development certificates.
    #[command(subcommand)]
    Pki(PkiCommand),
    /// Whose the caller's certificate is, by whom and until when; asks no node.
    Whoami,
    /// The nodes and their cluster (operator).
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// The leader, the cities in the quorum, the right to go on alone (operator).
    #[command(subcommand)]
    Failover(FailoverCommand),
    /// Copies of the whole registry, and the log behind them (operator).
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Rehearse losing, moving and bringing back nodes and cities, on a cluster of its own
    /// or on a named one, and keep a report (operator).
    Drill(DrillCommand),
    /// Holding accounts (registry).
    #[command(subcommand)]
    Account(AccountCommand),
    /// Settlement banks (registry).
    #[command(subcommand)]
    Bank(BankCommand),
    /// Money of accounts and banks (registry, bank, firm).
    #[command(subcommand)]
    Cash(CashCommand),
    /// Commands that need two people: list, approve, decline (registry).
    #[command(subcommand)]
    Control(ControlCommand),
    /// Pledges to banks, recognised in both cities (firm, bank, registry, exchange).
    #[command(subcommand)]
    Pledge(PledgeCommand),
    /// Freezes by courts (registry).
    #[command(subcommand)]
    Freeze(FreezeCommand),
    /// Instruments and issuance (registry).
    #[command(subcommand)]
    Instrument(InstrumentCommand),
    /// The settlement day, step by step (registry, exchange).
    #[command(subcommand)]
    Day(DayCommand),
    /// A year's compliance: allocation, emissions, surrender, carry-over, cancellation
    /// (registry, province, firm).
    #[command(subcommand)]
    Compliance(ComplianceCommand),
    /// The price board.
    #[command(subcommand)]
    Price(PriceCommand),
    /// Overviews, statements, what was, who holds what (each role its own).
    #[command(subcommand)]
    Query(QueryCommand),
    /// The journal: every change, its size and root, and all of it in a file (registry, auditor).
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Events of the journal, one a line (registry, auditor, a firm its own).
    #[command(subcommand)]
    Events(EventsCommand),
    /// Add up everything that ever changed and compare it with what the registry holds
    /// (registry, auditor); exit code 7 when the books are broken.
    Audit(Audit),
    /// Grams of persons: platforms, accounts, credits, vouchers (platform, bank, registry).
    #[command(subcommand)]
    Inclusive(InclusiveCommand),
    /// Repos: a title transfer with a dated return leg (firm, registry, exchange).
    #[command(subcommand)]
    Repo(RepoCommand),
    /// Make sample firms and their holdings.
    GeneratePopulation(GeneratePopulation),
    /// Make a day's trades from its published figures.
    GenerateDay(GenerateDay),
    /// Fill an empty registry with a population (registry).
    LoadPopulation(LoadPopulation),
    /// Settle a whole day (registry and exchange).
    SettleDay(SettleDay),
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
