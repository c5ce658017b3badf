//! `registryctl`: the registry's command line, see `docs/registryctl.md`.

mod advice;
mod args;
mod commands;
mod context;
mod exit;
mod output;
mod reasons;
mod task;
mod views;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::advice::Asked;
use crate::args::Cli;
use crate::task::Task;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("REGISTRYCTL_LOG"))
        .with_ansi(may_colour())
        .with_writer(std::io::stderr)
        .init();
    let task = Task::of(&cli.command);
    // A whole day is settled by two roles, neither of them the caller's own.
    let role = if task == Task::SettleDay { None } else { task::role(&cli.global) };
    let asked = Asked { task, role: role.unwrap_or_default() };
    match run(&cli, task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, cli.global.output, &asked),
    }
}

/// Colours are for terminals, and not for everybody: no-color.org.
fn may_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}

fn run(cli: &Cli, task: Task) -> anyhow::Result<()> {
    task.check(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::run(cli))
}
