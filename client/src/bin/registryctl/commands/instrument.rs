//! `instrument`: what is held and traded, and its issuance.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    Issuance, ListInstrumentsRequest, RegisterInstrumentRequest, SetUsableUntilRequest,
};

use super::bank::in_yuan;
use super::control;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{account, stamp};

/// Instruments and issuance.
#[derive(Debug, Subcommand)]
pub(crate) enum InstrumentCommand {
    /// Make an instrument known.
    Register(Register),
    /// Propose to create units in an account's registered position.
    Issue(Issue),
    /// Say until when an instrument can meet obligations: no pledge runs longer.
    UsableUntil(UsableUntil),
    /// List instruments.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// CEA- and a vintage year, or CCER.
    #[arg(long)]
    instrument: String,
    /// Base of the first day's price limits, yuan per tonne.
    #[arg(long, allow_hyphen_values = true)]
    reference_price: String,
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The account that receives.
    #[arg(long)]
    account: u64,
    /// Of what.
    #[arg(long)]
    instrument: String,
    /// Whole tonnes.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
    /// Reference of the allocation decision.
    #[arg(long)]
    document: String,
}

impl InstrumentCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Register(register) => register.run(global).await,
            Self::Issue(issue) => issue.run(global).await,
            Self::UsableUntil(until) => until.run(global).await,
            Self::List => list(global).await,
        }
    }
}

impl Register {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = RegisterInstrumentRequest {
            request_id: global.write_id(),
            instrument: self.instrument.clone(),
            reference_price_yuan: self.reference_price.clone(),
        };
        let reply = global
            .registry()?
            .register_instrument(request)
            .await
            .map_err(|error| in_yuan(error, "--reference-price", &self.reference_price))?;
        Ok(Page::default()
            .one(Record::default().with("instrument", self.instrument.as_str()))
            .stamp(stamp(reply.stamp)))
    }
}

#[derive(Debug, Args)]
pub(crate) struct UsableUntil {
    /// Which.
    #[arg(long)]
    instrument: String,
    /// The last day, YYYY-MM-DD; open when it is left out.
    #[arg(long, default_value = "", hide_default_value = true)]
    date: String,
}

impl UsableUntil {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = SetUsableUntilRequest {
            request_id: global.write_id(),
            instrument: self.instrument.clone(),
            usable_until_date: self.date.clone(),
        };
        let reply = global.registry()?.set_usable_until(request).await?;
        let record = Record::default()
            .with("instrument", self.instrument.as_str())
            .with("usable_until_date", self.date.as_str());
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl Issue {
    async fn run(&self, global: &Global) -> Result<Page> {
        let units = Issuance {
            account_id: self.account,
            instrument: self.instrument.clone(),
            quantity_tco2e: self.quantity,
            document: self.document.clone(),
        };
        control::propose(global, Command::Issuance(units)).await
    }
}

async fn list(global: &Global) -> Result<Page> {
    let request = ListInstrumentsRequest { consistency: global.consistency() };
    let reply = global.reads()?.list_instruments(request).await?;
    Ok(Page::default()
        .many("instruments", reply.instruments.iter().map(account::instrument).collect())
        .stamp(stamp(reply.stamp)))
}
