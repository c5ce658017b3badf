//! `day`: the settlement day, step by step.

mod deliver;
mod held;
mod objection;
mod steps;
mod submit;
mod trade;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::args::Global;
use crate::output::Page;

/// The settlement day, step by step.
#[derive(Debug, Subcommand)]
pub(crate) enum DayCommand {
    /// Open a day for trades (registry).
    Open(steps::Open),
    /// Stream a file of trades in chunks (exchange).
    Submit(submit::Submit),
    /// Close the stream with count, sums and hash of a file of trades (exchange).
    Manifest(submit::Manifest),
    /// Compute what every entity and bank owes (registry).
    Clear(Date),
    /// Show a cleared day's obligations per bank.
    Clearing(Date),
    /// Confirm or dispute the clearing's hash (exchange).
    Confirm(submit::Confirm),
    /// Replace or void one trade of a disputed day (exchange).
    Amend(trade::Amend),
    /// Deliver versus payment, trade by trade (registry, exchange).
    Deliver(deliver::Deliver),
    /// List held trades.
    Held(Date),
    /// Try held trades again after top-ups (registry).
    RetryHeld(held::Numbers),
    /// End held trades after the top-up deadline (registry).
    FailHeld(held::Numbers),
    /// List a day's trades in the order of acceptance.
    Trades(trade::List),
    /// Settle one trade at once (exchange).
    Settle(trade::Settle),
    /// Issue the day's statements (registry).
    Statements(Date),
    /// Show one account's statement.
    Statement(steps::Statement),
    /// Objections to statements.
    #[command(subcommand)]
    Objection(objection::ObjectionCommand),
    /// Make the day final (registry).
    Finalize(Date),
    /// Propose a suspension (registry).
    Suspend(Date),
    /// Propose the end of a suspension (registry).
    Resume(Date),
    /// Show where a day stands.
    Show(Date),
    /// Replace the list of holidays (registry).
    Holidays(steps::Holidays),
}

/// A settlement day.
#[derive(Debug, Args)]
pub(crate) struct Date {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
}

impl DayCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Open(open) => open.run(global).await,
            Self::Submit(submit) => submit.run(global).await,
            Self::Manifest(manifest) => manifest.run(global).await,
            Self::Clear(date) => steps::clear(global, date).await,
            Self::Clearing(date) => steps::clearing(global, date).await,
            Self::Confirm(confirm) => confirm.run(global).await,
            Self::Amend(amend) => amend.run(global).await,
            Self::Deliver(deliver) => deliver.run(global).await,
            Self::Held(date) => held::list(global, date).await,
            Self::RetryHeld(numbers) => numbers.retry(global).await,
            Self::FailHeld(numbers) => numbers.fail(global).await,
            Self::Trades(list) => list.run(global).await,
            Self::Settle(settle) => settle.run(global).await,
            Self::Statements(date) => steps::statements(global, date).await,
            Self::Statement(statement) => statement.run(global).await,
            Self::Objection(objection) => objection.run(global).await,
            Self::Finalize(date) => steps::finalize(global, date).await,
            Self::Suspend(date) => steps::suspend(global, date).await,
            Self::Resume(date) => steps::resume(global, date).await,
            Self::Show(date) => steps::show(global, date).await,
            Self::Holidays(holidays) => holidays.run(global).await,
        }
    }
}
