//! What kind of job a command line asks for: advice and flags depend on it.

use crate::args::{Command, Global};
use crate::commands::account::AccountCommand;
use crate::commands::bank::{BankCommand, CashCommand};
use crate::commands::cluster::ClusterCommand;
use crate::commands::control::ControlCommand;
use crate::commands::day::DayCommand;
use crate::commands::failover::FailoverCommand;
use crate::commands::inclusive::InclusiveCommand;
use crate::commands::instrument::InstrumentCommand;
use crate::commands::pledge::FreezeCommand;
use crate::commands::repo::RepoCommand;
use crate::exit::Usage;

/// A job as far as errors are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Nothing is changed at the registry, or no request id is sent.
    Read,
    /// The price board.
    Prices,
    /// One write under one request id.
    Write,
    /// One trade settled at once.
    SettleTrade,
    /// A stream of chunks, request ids made of `--run`.
    Submit,
    /// Delivery: a stream that has no request id.
    Deliver,
    /// `load-population`, `account load`: many writes, request ids made of `--run`.
    Load,
    /// `settle-day`: many writes, request ids made of `--run`.
    SettleDay,
}

impl Task {
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Pki(_)
            | Command::Whoami
            | Command::Cluster(
                ClusterCommand::Status(_) | ClusterCommand::Bootstrap(_) | ClusterCommand::Record,
            )
            | Command::Failover(
                FailoverCommand::Switchover(_)
                | FailoverCommand::Recover(_)
                | FailoverCommand::Approve(_)
                | FailoverCommand::VerifyReport(_)
                | FailoverCommand::Wipe(_),
            )
            | Command::Backup(_)
            | Command::Drill(_)
            | Command::GeneratePopulation(_)
            | Command::GenerateDay(_)
            | Command::Journal(_)
            | Command::Events(_)
            | Command::Audit(_)
            | Command::Query(_)
            | Command::Account(AccountCommand::Get(_) | AccountCommand::List(_))
            | Command::Bank(BankCommand::List)
            | Command::Cash(
                CashCommand::Withdrawals(_)
                | CashCommand::Reconciliation(_)
                | CashCommand::Instructions(_),
            )
            | Command::Instrument(InstrumentCommand::List) => Self::Read,
            Command::Pledge(pledge) if pledge.is_read() => Self::Read,
            Command::Freeze(FreezeCommand::List(_)) => Self::Read,
            Command::Account(AccountCommand::Load(_)) | Command::LoadPopulation(_) => Self::Load,
            Command::Compliance(command) if command.is_read() => Self::Read,
            Command::Compliance(_) => Self::Write,
            Command::Control(ControlCommand::List(_) | ControlCommand::Show(_)) => Self::Read,
            Command::Account(_)
            | Command::Cluster(_)
            | Command::Failover(_)
            | Command::Bank(_)
            | Command::Cash(_)
            | Command::Control(_)
            | Command::Pledge(_)
            | Command::Freeze(_)
            | Command::Instrument(_) => Self::Write,
            Command::Inclusive(command) => match command {
                InclusiveCommand::Load(_) | InclusiveCommand::Credit(_) => Self::Load,
                InclusiveCommand::Get(_)
                | InclusiveCommand::Accounts(_)
                | InclusiveCommand::Platforms(_)
                | InclusiveCommand::Vouchers(_) => Self::Read,
                InclusiveCommand::Quota(_)
                | InclusiveCommand::Burn(_)
                | InclusiveCommand::Redeem(_) => Self::Write,
            },
            Command::Repo(RepoCommand::List(_)) => Self::Read,
            Command::Repo(_) => Self::Write,
            Command::Price(_) => Self::Prices,
            Command::SettleDay(_) => Self::SettleDay,
            Command::Day(day) => match day {
                DayCommand::Clearing(_)
                | DayCommand::Held(_)
                | DayCommand::Trades(_)
                | DayCommand::Statement(_)
                | DayCommand::Show(_) => Self::Read,
                DayCommand::Submit(_) => Self::Submit,
                DayCommand::Deliver(_) => Self::Deliver,
                DayCommand::Settle(_) => Self::SettleTrade,
                _ => Self::Write,
            },
        }
    }

    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Prices)
    }

    /// Refuses flags that the job would ignore.
    pub(crate) fn check(self, global: &Global) -> Result<(), Usage> {
        if global.request_id.is_none() {
            return Ok(());
        }
        let why = match self {
            Self::Write | Self::SettleTrade => return Ok(()),
            Self::Submit | Self::Load | Self::SettleDay => {
                "this command sends many requests and makes their ids of --run; give the same \
                 --run again"
            }
            Self::Deliver => "delivery needs no request id; nothing is delivered twice",
            Self::Read | Self::Prices => "this command sends no write",
        };
        Err(Usage(format!("--request-id cannot be used here: {why}")))
    }
}

/// The role that an identity `DIR/ROLE-NAME` has by its name, if one is given.
pub(crate) fn role(global: &Global) -> Option<String> {
    let user = global.identity.as_ref()?.file_name()?.to_str()?;
    let (role, _) = user.split_once('-')?;
    Some(role.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser as _;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).expect(line)
    }

    #[test]
    fn a_request_id_is_taken_only_where_it_is_sent() {
        let taken = [
            "registryctl account move --account 1 --instrument CCER --from trading --quantity 5",
            "registryctl day confirm --date 2021-12-16 --sha256 00",
            "registryctl day settle --date 2021-12-16 --trade t.csv",
        ];
        let refused = [
            "registryctl day submit --date 2021-12-16 --trades t.csv",
            "registryctl day deliver --date 2021-12-16",
            "registryctl load-population --population p.csv --reference-price 1 --checker-identity a/b",
            "registryctl account load b.csv --document D --checker-identity a/b",
            "registryctl settle-day --date 2021-12-16 --trades t.csv --registry-identity a/b \
             --exchange-identity c/d",
            "registryctl bank list",
            "registryctl cash withdrawals --bank 102",
            "registryctl cluster bootstrap",
        ];
        for (lines, expected) in [(&taken[..], true), (&refused[..], false)] {
            for line in lines {
                let cli = parse(&format!("{line} --request-id a1"));
                let checked = Task::of(&cli.command).check(&cli.global);
                assert_eq!(checked.is_ok(), expected, "{line}");
                let cli = parse(line);
                assert!(Task::of(&cli.command).check(&cli.global).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn roles_are_read_from_the_identity() {
        let cli = parse("registryctl bank list --identity pki/registry-officer-1");
        assert_eq!(role(&cli.global).as_deref(), Some("registry"));
    }
}
