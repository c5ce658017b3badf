//! A file per command group.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bank;
pub(crate) mod books;
pub(crate) mod cash_flow;
pub(crate) mod cluster;
pub(crate) mod compliance;
pub(crate) mod compliance_lists;
pub(crate) mod control;
pub(crate) mod day;
pub(crate) mod drill;
pub(crate) mod events;
pub(crate) mod failover;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod inclusive;
pub(crate) mod instructions;
pub(crate) mod instrument;
pub(crate) mod journal;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod pki;
pub(crate) mod pledge;
pub(crate) mod price;
pub(crate) mod progress;
pub(crate) mod query;
pub(crate) mod repo;
pub(crate) mod row;
pub(crate) mod rules;
pub(crate) mod settle_day;
mod stop;
mod whoami;

use anyhow::Result;

use crate::args::{Cli, Command};

/// Runs what the command line says. Each command's future is boxed: the enum
/// of all of them would be large.
pub(crate) async fn run(cli: &Cli) -> Result<()> {
    let global = &cli.global;
    let page = match &cli.command {
        Command::Pki(command) => command.run()?,
        Command::Whoami => whoami::run(global)?,
        Command::Cluster(command) => Box::pin(command.run(global)).await?,
        Command::Failover(command) => Box::pin(command.run(global)).await?,
        Command::Backup(command) => Box::pin(command.run(global)).await?,
        Command::Drill(command) => Box::pin(command.run()).await?,
        Command::Account(command) => Box::pin(command.run(global)).await?,
        Command::Bank(command) => Box::pin(command.run(global)).await?,
        Command::Cash(command) => Box::pin(command.run(global)).await?,
        Command::Control(command) => Box::pin(command.run(global)).await?,
        Command::Pledge(command) => Box::pin(command.run(global)).await?,
        Command::Freeze(command) => Box::pin(command.run(global)).await?,
        Command::Instrument(command) => Box::pin(command.run(global)).await?,
        Command::Day(command) => Box::pin(command.run(global)).await?,
        Command::Compliance(command) => Box::pin(command.run(global)).await?,
        Command::Price(command) => Box::pin(command.run(global)).await?,
        Command::Query(command) => Box::pin(command.run(global)).await?,
        Command::Journal(command) => Box::pin(command.run(global)).await?,
        Command::Events(command) => Box::pin(command.run(global)).await?,
        Command::Audit(command) => Box::pin(command.run(global)).await?,
        Command::Inclusive(command) => Box::pin(command.run(global)).await?,
        Command::Repo(command) => Box::pin(command.run(global)).await?,
        Command::GeneratePopulation(command) => command.run()?,
        Command::GenerateDay(command) => command.run()?,
        Command::LoadPopulation(command) => Box::pin(command.run(global)).await?,
        Command::SettleDay(command) => Box::pin(command.run(global)).await?,
    };
    let alarm = page.alarm();
    page.print(global.output, global.wide)?;
    match alarm {
        Some(alarm) => Err(alarm.into()),
        None => Ok(()),
    }
}
