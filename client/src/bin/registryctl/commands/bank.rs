//! `bank` and `cash`: settlement banks and the money at them.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::{DepositRequest, ListBanksRequest, OpenBankRequest};

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
        let Self::Deposit(deposit) = self;
        deposit.run(global).await
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
        let reply = global.registry()?.deposit(request).await?;
        let record = Record::default()
            .with("account_id", self.account)
            .and(account::cash(&reply.balance.unwrap_or_default()));
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}
