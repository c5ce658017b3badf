//! `freeze`: what courts freeze (司法冻结).

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::freeze_target::Target;
use registry_client::proto::{
    FreezeLifting, FreezeOrder, FreezeTarget, FrozenTonnes, ListFreezesRequest,
};

use crate::args::Global;
use crate::commands::control;
use crate::exit::Usage;
use crate::output::Page;
use crate::views::{next, pledge, stamp};

/// Freezes by courts; imposing and lifting need two officers.
#[derive(Debug, Subcommand)]
pub(crate) enum FreezeCommand {
    /// Propose to freeze an account, tonnes of it, or a pledge (registry).
    Impose(Impose),
    /// Propose to lift a freeze (registry).
    Lift(Lift),
    /// List freezes that stand (registry, auditor, a firm its own).
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Impose {
    /// The account: all of it, or the tonnes that --quantity says.
    #[arg(long)]
    account: Option<u64>,
    /// Of what; with --quantity.
    #[arg(long, requires = "quantity")]
    instrument: Option<String>,
    /// How many tonnes; with --instrument.
    #[arg(long, requires = "instrument", allow_negative_numbers = true)]
    quantity: Option<i64>,
    /// A recognised pledge, in place of an account.
    #[arg(long, conflicts_with_all = ["account", "instrument", "quantity"])]
    pledge: Option<u64>,
    /// Name of the court.
    #[arg(long)]
    court: String,
    /// Reference of its order.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The freeze's number.
    #[arg(long)]
    freeze: u64,
    /// Reference of the court's order.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this account's; a firm must name its own.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Freezes per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

impl FreezeCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Impose(impose) => impose.propose(global).await,
            Self::Lift(lift) => {
                let (freeze_id, document) = (lift.freeze, lift.document.clone());
                let lifting = FreezeLifting { freeze_id, document };
                control::propose(global, Command::FreezeLifting(lifting)).await
            }
            Self::List(list) => list.run(global).await,
        }
    }
}

impl Impose {
    async fn propose(&self, global: &Global) -> Result<Page> {
        let target = match (self.account, self.pledge, &self.instrument, self.quantity) {
            (None, Some(pledge), ..) => Target::PledgeId(pledge),
            (Some(account_id), _, Some(instrument), Some(quantity_tco2e)) => {
                let instrument = instrument.clone();
                Target::Tonnes(FrozenTonnes { account_id, instrument, quantity_tco2e })
            }
            (Some(account), ..) => Target::AccountId(account),
            _ => bail!(Usage("say what is frozen: --account or --pledge".to_owned())),
        };
        let order = FreezeOrder {
            target: Some(FreezeTarget { target: Some(target) }),
            court: self.court.clone(),
            document: self.document.clone(),
        };
        control::propose(global, Command::FreezeOrder(order)).await
    }
}

impl List {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListFreezesRequest {
            account_id: self.account,
            after_freeze_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_freezes(request).await?;
        Ok(Page::default()
            .many("freezes", reply.freezes.iter().map(pledge::freeze).collect())
            .one(next("next_after_freeze_id", reply.next_after_freeze_id))
            .stamp(stamp(reply.stamp)))
    }
}
