//! `account`: holding accounts.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use registry_client::proto::{
    AccountKind, GetAccountRequest, ListAccountsRequest, MoveHoldingRequest, OpenAccountRequest,
    Position,
};

use super::books;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{self, account, stamp};

/// Holding accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Open the account of a legal entity.
    Open(Open),
    /// Take over books kept elsewhere: open many accounts with what each holds.
    Load(books::Load),
    /// Show one account with its holdings and money.
    Get(Get),
    /// List accounts.
    List(List),
    /// Move allowances between the registered and the trading position.
    Move(Move),
}

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// 18-character unified social credit code.
    #[arg(long)]
    uscc: String,
    /// Legal name.
    #[arg(long)]
    name: String,
    /// Kind of holder.
    #[arg(long, value_enum, default_value_t = Kind::Emitter)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Emitter,
    Institution,
    Province,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The account's number.
    #[arg(long)]
    account: u64,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Start after this account.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Accounts per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The account's number.
    #[arg(long)]
    account: u64,
    /// Of what, e.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// The position that gives; the other one receives.
    #[arg(long, value_enum)]
    from: From,
    /// Whole tonnes.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
}

/// One of the two free positions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum From {
    Registered,
    Trading,
}

impl AccountCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Open(open) => open.run(global).await,
            Self::Load(load) => load.run(global).await,
            Self::Get(get) => get.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Move(moving) => moving.run(global).await,
        }
    }
}

impl Open {
    async fn run(&self, global: &Global) -> Result<Page> {
        let kind = match self.kind {
            Kind::Emitter => AccountKind::Emitter,
            Kind::Institution => AccountKind::Institution,
            Kind::Province => AccountKind::Province,
        };
        let request = OpenAccountRequest {
            request_id: global.write_id(),
            uscc: self.uscc.clone(),
            name: self.name.clone(),
            kind: kind.into(),
        };
        let reply = global.registry()?.open_account(request).await?;
        let record = Record::default().with("account_id", reply.account_id);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl Get {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request =
            GetAccountRequest { account_id: self.account, consistency: global.consistency() };
        let reply = global.reads()?.get_account(request).await?;
        let found = reply.account.unwrap_or_default();
        Ok(Page::default()
            .one(account::account(&found))
            .many("holdings", found.holdings.iter().map(account::holding).collect())
            .many("cash", found.cash.iter().map(account::cash).collect())
            .stamp(stamp(reply.stamp)))
    }
}

impl List {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListAccountsRequest {
            after_account_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_accounts(request).await?;
        let next = Record::default().with("next_after_account_id", reply.next_after_account_id);
        Ok(Page::default()
            .many("accounts", reply.accounts.iter().map(account::account_line).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

impl From {
    pub(crate) fn to_proto(self) -> i32 {
        match self {
            Self::Registered => Position::Registered,
            Self::Trading => Position::Trading,
        }
        .into()
    }
}

impl Move {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = MoveHoldingRequest {
            request_id: global.write_id(),
            account_id: self.account,
            instrument: self.instrument.clone(),
            from: self.from.to_proto(),
            quantity_tco2e: self.quantity,
        };
        let reply = global.registry()?.move_holding(request).await?;
        let holding = views::account::holding(&reply.holding.unwrap_or_default());
        Ok(Page::default().one(holding).stamp(stamp(reply.stamp)))
    }
}
