//! `bank` and `cash`: settlement banks and the money at them.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::ClientError;
use registry_client::proto::{DepositRequest, ListBanksRequest, OpenBankRequest};

use super::cash_flow::{
    AccountMoney, Answer, Fee, Reconciliation, Reject, Report, ReserveCommand, SuspenseCommand,
    Withdrawals,
};
use super::instructions::Instructions;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{account, stamp};

/// Settlement banks.
#[derive(Debug, Subcommand)]
pub(crate) enum BankCommand {
    /// Admit a settlement bank.
    Open(Open),
    /// List banks with what each must hold.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// Interbank category code, 100 to 999.
    #[arg(long)]
    bank: u32,
    /// The bank's name.
    #[arg(long)]
    name: String,
}

/// Money of accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum CashCommand {
    /// Credit money that a bank reports as received for an account.
    Deposit(Deposit),
    /// Set money aside until the bank has paid it out (registry, firm).
    Withdraw(AccountMoney),
    /// Say that a withdrawal was paid out (bank).
    ConfirmWithdrawal(Answer),
    /// Say that a withdrawal is not paid out (bank).
    RejectWithdrawal(Reject),
    /// List withdrawals that wait for their bank.
    Withdrawals(Withdrawals),
    /// Take a fee from an account.
    Fee(Fee),
    /// Money that arrived without an owner who is known.
    #[command(subcommand)]
    Suspense(SuspenseCommand),
    /// The settlement risk reserve.
    #[command(subcommand)]
    Reserve(ReserveCommand),
    /// Say what a bank holds (bank, registry).
    Report(Report),
    /// What banks must hold, of what it consists and what they reported.
    Reconciliation(Reconciliation),
    /// Write a bank's payment instructions for a delivered day to a file.
    Instructions(Instructions),
}

#[derive(Debug, Args)]
pub(crate) struct Deposit {
    /// The account's number.
    #[arg(long)]
    account: u64,
    /// The bank's code.
    #[arg(long)]
    bank: u32,
    /// Yuan with at most two decimals, e.g. 1200.50.
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
}

impl BankCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Open(open) => open.run(global).await,
            Self::List => list(global).await,
        }
    }
}

impl CashCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Deposit(deposit) => deposit.run(global).await,
            Self::Withdraw(money) => money.withdraw(global).await,
            Self::ConfirmWithdrawal(answer) => answer.confirm(global).await,
            Self::RejectWithdrawal(reject) => reject.run(global).await,
            Self::Withdrawals(list) => list.run(global).await,
            Self::Fee(fee) => fee.charge(global).await,
            Self::Suspense(command) => command.run(global).await,
            Self::Reserve(command) => command.run(global).await,
            Self::Report(report) => report.run(global).await,
            Self::Reconciliation(asked) => asked.run(global).await,
            Self::Instructions(asked) => asked.run(global).await,
        }
    }
}

impl Open {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = OpenBankRequest {
            request_id: global.write_id(),
            bank_id: self.bank,
            name: self.name.clone(),
        };
        let reply = global.registry()?.open_bank(request).await?;
        Ok(Page::default()
            .one(Record::default().with("bank_id", self.bank))
            .stamp(stamp(reply.stamp)))
    }
}

async fn list(global: &Global) -> Result<Page> {
    let request = ListBanksRequest { consistency: global.consistency() };
    let reply = global.reads()?.list_banks(request).await?;
    Ok(Page::default()
        .many("banks", reply.banks.iter().map(account::bank).collect())
        .stamp(stamp(reply.stamp)))
}

impl Deposit {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = DepositRequest {
            request_id: global.write_id(),
            account_id: self.account,
            bank_id: self.bank,
            amount_yuan: self.amount.clone(),
        };
        let reply = global
            .registry()?
            .deposit(request)
            .await
            .map_err(|error| in_yuan(error, "--amount", &self.amount))?;
        let record = Record::default()
            .with("account_id", self.account)
            .and(account::cash(&reply.balance.unwrap_or_default()));
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

/// Nodes count in fen; the sentence shall have what was typed.
pub(crate) fn in_yuan(mut error: ClientError, flag: &str, text: &str) -> ClientError {
    if let ClientError::Rejected(rejected) = &mut error
        && rejected.reason == "NOT_POSITIVE"
        && rejected.field.ends_with("_yuan")
    {
        rejected.message = format!("{flag} {text}: must be greater than 0 yuan");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_client::RejectedError;

    #[test]
    fn amounts_are_told_as_typed() {
        let error = ClientError::Rejected(Box::new(RejectedError {
            reason: "NOT_POSITIVE".to_owned(),
            field: "amount_yuan".to_owned(),
            message: "amount_yuan = -500: must be greater than 0".to_owned(),
            code: tonic::Code::InvalidArgument,
            metadata: Default::default(),
        }));
        let told = in_yuan(error, "--amount", "-5").to_string();
        assert_eq!(told, "NOT_POSITIVE (amount_yuan): --amount -5: must be greater than 0 yuan");
    }
}
