//! `freeze`: what courts freeze (司法冻结).

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::freeze_target::Target;
use registry_client::proto::{
    FreezeExecution, FreezeLifting, FreezeOrder, FreezeTarget, FrozenTonnes, ListFreezesRequest,
};

use crate::args::Global;
use crate::commands::compliance::Hashed;
use crate::commands::control;
use crate::exit::Usage;
use crate::output::Page;
use crate::views::{next, pledge, stamp};

/// Freezes by courts; imposing, executing and lifting need two officers.
#[derive(Debug, Subcommand)]
pub(crate) enum FreezeCommand {
    /// Propose to freeze an account, tonnes of it, or a pledge (registry).
    Impose(Impose),
    /// Propose to give frozen tonnes to another account, as a court orders (registry).
    Execute(Execute),
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
pub(crate) struct Execute {
    /// The freeze's number; it must be of tonnes.
    #[arg(long)]
    freeze: u64,
    /// The account that receives them, in its registered position.
    #[arg(long)]
    to: u64,
    /// How many tonnes, at most what the freeze holds; the rest stays frozen.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
    /// Reference of the court's order.
    #[arg(long)]
    document: String,
    #[command(flatten)]
    hashed: Hashed,
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
            Self::Execute(order) => control::propose(global, order.command()?).await,
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

impl Execute {
    fn command(&self) -> Result<Command> {
        Ok(Command::FreezeExecution(FreezeExecution {
            freeze_id: self.freeze,
            to_account_id: self.to,
            quantity_tco2e: self.quantity,
            document: self.document.clone(),
            document_sha256: self.hashed.bytes()?.into(),
        }))
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
