//! `compliance`: a year from allocation to surrender, carry-over, cancellation,
//! transfers without a trade.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use registry_client::ProvinceClient;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AllocationKind, AllocationOrder, ApplySurrenderRequest, ApproveSurrenderRequest,
    AssignProvinceRequest, CancelUnitsRequest, CarryOverOrder, DeclineSurrenderRequest,
    EmissionsCorrection, NonTradeTransfer, RecallOrder, RecordEmissionsRequest, SurrenderReply,
    TransferCause,
};
use sha2::{Digest as _, Sha256};

use super::compliance_lists::{
    CancellationsList, CarryOversList, EntryList, Obligation, Province, Shortfall,
};
use super::control;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{account, compliance, stamp};

/// Yearly compliance.
#[derive(Debug, Subcommand)]
pub(crate) enum ComplianceCommand {
    /// Say to which province an account belongs.
    AssignProvince(AssignProvince),
    /// Propose to give tonnes of a province's account to one of its firms.
    Allocate(Allocate),
    /// Propose to take tonnes out of circulation that were too much.
    Recall(Recall),
    /// Record a firm's verified emissions of a year.
    RecordEmissions(RecordEmissions),
    /// Propose to replace an entry of verified emissions by a new one.
    CorrectEmissions(CorrectEmissions),
    /// Ask the firm's province to approve a surrender.
    Apply(Apply),
    /// Approve a surrender: final.
    Approve(Decision),
    /// Decline a surrender.
    Decline(Decline),
    /// Propose to turn tonnes of an old vintage into a later one.
    CarryOver(CarryOver),
    /// Give tonnes up for good.
    Cancel(Cancel),
    /// Propose to move tonnes to another holder without a trade.
    Transfer(Transfer),
    /// Show a province's account and what it can allocate.
    Province(Province),
    /// Show what a firm owes for a year.
    Obligation(Obligation),
    /// List firms that have not surrendered all they owe for a year.
    Shortfall(Shortfall),
    /// List verified emissions.
    Emissions(EntryList),
    /// List applications to surrender.
    Surrenders(EntryList),
    /// List allocations and recalls.
    Allocations(EntryList),
    /// List carry-overs.
    CarryOvers(CarryOversList),
    /// List voluntary cancellations: everybody may.
    Cancellations(CancellationsList),
}

/// So much of an instrument.
#[derive(Debug, Args)]
pub(crate) struct Tonnes {
    /// Of what, e.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// Whole tonnes.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
}

/// A document and its hash.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Hashed {
    /// The document's file, to be hashed here.
    #[arg(long)]
    file: Option<PathBuf>,
    /// SHA-256 of the document, 64 hexadecimal digits.
    #[arg(long, value_parser = super::audit::sha256)]
    sha256: Option<super::audit::Sha256>,
}

#[derive(Debug, Args)]
pub(crate) struct AssignProvince {
    /// The account's number.
    #[arg(long)]
    account: u64,
    /// The province's administrative division code, e.g. 42.
    #[arg(long)]
    province: u32,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    PreAllocation,
    TrueUp,
}

#[derive(Debug, Args)]
pub(crate) struct Allocate {
    /// The province whose account gives.
    #[arg(long)]
    province: u32,
    /// The firm's account.
    #[arg(long)]
    account: u64,
    /// What it is.
    #[arg(long, value_enum)]
    kind: Kind,
    #[command(flatten)]
    tonnes: Tonnes,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// A firm's account, or a province's own.
    #[arg(long)]
    account: u64,
    #[command(flatten)]
    tonnes: Tonnes,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct RecordEmissions {
    /// The firm's account.
    #[arg(long)]
    account: u64,
    /// Of which year.
    #[arg(long)]
    year: u32,
    /// Verified tonnes of CO2 equivalent.
    #[arg(long, allow_negative_numbers = true)]
    tonnes: i64,
    /// The province that records; leave out when the registry does.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    province: u32,
    #[command(flatten)]
    report: Hashed,
}

#[derive(Debug, Args)]
pub(crate) struct CorrectEmissions {
    /// The entry that counts now.
    #[arg(long)]
    corrects: u64,
    /// Verified tonnes of CO2 equivalent.
    #[arg(long, allow_negative_numbers = true)]
    tonnes: i64,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
    #[command(flatten)]
    report: Hashed,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The firm's account.
    #[arg(long)]
    account: u64,
    /// For which year.
    #[arg(long)]
    year: u32,
    #[command(flatten)]
    tonnes: Tonnes,
}

#[derive(Debug, Args)]
pub(crate) struct Decision {
    /// The province's code, the caller's own.
    #[arg(long)]
    province: u32,
    /// The application's number.
    #[arg(long)]
    surrender: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Decline {
    #[command(flatten)]
    decision: Decision,
    /// Why, 1 to 200 bytes.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct CarryOver {
    /// The account's number.
    #[arg(long)]
    account: u64,
    /// What is burned, e.g. CEA-2024.
    #[arg(long)]
    from: String,
    /// What is minted, e.g. CEA-2025.
    #[arg(long)]
    to: String,
    /// Whole tonnes.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
    /// First day whose trades count, YYYY-MM-DD.
    #[arg(long)]
    sold_from: String,
    /// Last day whose trades count, YYYY-MM-DD.
    #[arg(long)]
    sold_to: String,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The account's number.
    #[arg(long)]
    account: u64,
    #[command(flatten)]
    tonnes: Tonnes,
    /// On whose behalf, 1 to 200 bytes.
    #[arg(long)]
    beneficiary: String,
    /// What for, 1 to 200 bytes.
    #[arg(long)]
    reason: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cause {
    Merger,
    Division,
    Succession,
    Court,
}

#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Why.
    #[arg(long, value_enum)]
    cause: Cause,
    /// Who gives.
    #[arg(long)]
    from: u64,
    /// Who receives.
    #[arg(long)]
    to: u64,
    /// Of what; leave out for everything that is registered.
    #[arg(long, requires = "quantity", default_value = "", hide_default_value = true)]
    instrument: String,
    /// Whole tonnes.
    #[arg(
        long,
        requires = "instrument",
        allow_negative_numbers = true,
        default_value_t = 0,
        hide_default_value = true
    )]
    quantity: i64,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
    #[command(flatten)]
    hashed: Hashed,
}

impl ComplianceCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::AssignProvince(assign) => assign.run(global).await,
            Self::Allocate(order) => control::propose(global, order.command()).await,
            Self::Recall(order) => control::propose(global, order.command()).await,
            Self::RecordEmissions(record) => record.run(global).await,
            Self::CorrectEmissions(order) => control::propose(global, order.command()?).await,
            Self::Apply(apply) => apply.run(global).await,
            Self::Approve(decision) => decision.approve(global).await,
            Self::Decline(decline) => decline.run(global).await,
            Self::CarryOver(order) => control::propose(global, order.command()).await,
            Self::Cancel(cancel) => cancel.run(global).await,
            Self::Transfer(order) => control::propose(global, order.command()?).await,
            Self::Province(province) => province.run(global).await,
            Self::Obligation(obligation) => obligation.run(global).await,
            Self::Shortfall(shortfall) => shortfall.run(global).await,
            Self::Emissions(list) => list.emissions(global).await,
            Self::Surrenders(list) => list.surrenders(global).await,
            Self::Allocations(list) => list.allocations(global).await,
            Self::CarryOvers(list) => list.run(global).await,
            Self::Cancellations(list) => list.run(global).await,
        }
    }

    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Province(_)
                | Self::Obligation(_)
                | Self::Shortfall(_)
                | Self::Emissions(_)
                | Self::Surrenders(_)
                | Self::Allocations(_)
                | Self::CarryOvers(_)
                | Self::Cancellations(_)
        )
    }
}

impl Hashed {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        if let Some(hash) = self.sha256 {
            return Ok(hash.0.to_vec());
        }
        let path = self.file.as_ref().context("no document")?;
        let content =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Sha256::digest(content).to_vec())
    }
}

impl AssignProvince {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = AssignProvinceRequest {
            request_id: global.write_id(),
            account_id: self.account,
            province: self.province,
            document: self.document.clone(),
        };
        let reply = global.registry()?.assign_province(request).await?;
        let record =
            Record::default().with("account_id", self.account).with("province", self.province);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl Allocate {
    fn command(&self) -> Command {
        let kind = match self.kind {
            Kind::PreAllocation => AllocationKind::PreAllocation,
            Kind::TrueUp => AllocationKind::TrueUp,
        };
        Command::Allocation(AllocationOrder {
            province: self.province,
            account_id: self.account,
            instrument: self.tonnes.instrument.clone(),
            kind: kind.into(),
            quantity_tco2e: self.tonnes.quantity,
            document: self.document.clone(),
        })
    }
}

impl Recall {
    fn command(&self) -> Command {
        Command::Recall(RecallOrder {
            account_id: self.account,
            instrument: self.tonnes.instrument.clone(),
            quantity_tco2e: self.tonnes.quantity,
            document: self.document.clone(),
        })
    }
}

impl RecordEmissions {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = RecordEmissionsRequest {
            request_id: global.write_id(),
            province: self.province,
            account_id: self.account,
            year: self.year,
            verified_tco2e: self.tonnes,
            report_sha256: self.report.bytes()?.into(),
        };
        let reply = global.registry()?.record_emissions(request).await?;
        let entry = compliance::emissions(&reply.emissions.unwrap_or_default());
        Ok(Page::default().one(entry).stamp(stamp(reply.stamp)))
    }
}

impl CorrectEmissions {
    fn command(&self) -> Result<Command> {
        Ok(Command::EmissionsCorrection(EmissionsCorrection {
            corrects_emissions_id: self.corrects,
            verified_tco2e: self.tonnes,
            report_sha256: self.report.bytes()?.into(),
            document: self.document.clone(),
        }))
    }
}

impl Apply {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ApplySurrenderRequest {
            request_id: global.write_id(),
            account_id: self.account,
            year: self.year,
            instrument: self.tonnes.instrument.clone(),
            quantity_tco2e: self.tonnes.quantity,
        };
        Ok(surrender_page(&global.registry()?.apply_surrender(request).await?))
    }
}

impl Decision {
    async fn approve(&self, global: &Global) -> Result<Page> {
        let request = ApproveSurrenderRequest {
            request_id: global.write_id(),
            province: self.province,
            surrender_id: self.surrender,
        };
        let province = ProvinceClient::new(global.connector()?);
        Ok(surrender_page(&province.approve_surrender(request).await?))
    }
}

impl Decline {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = DeclineSurrenderRequest {
            request_id: global.write_id(),
            province: self.decision.province,
            surrender_id: self.decision.surrender,
            reason: self.reason.clone(),
        };
        let province = ProvinceClient::new(global.connector()?);
        Ok(surrender_page(&province.decline_surrender(request).await?))
    }
}

fn surrender_page(reply: &SurrenderReply) -> Page {
    let surrender = compliance::surrender(&reply.surrender.clone().unwrap_or_default());
    let holding = account::holding(&reply.holding.clone().unwrap_or_default());
    Page::default().one(surrender).many("holding", vec![holding]).stamp(stamp(reply.stamp))
}

impl CarryOver {
    fn command(&self) -> Command {
        Command::CarryOver(CarryOverOrder {
            account_id: self.account,
            from_instrument: self.from.clone(),
            to_instrument: self.to.clone(),
            quantity_tco2e: self.quantity,
            sold_from_date: self.sold_from.clone(),
            sold_to_date: self.sold_to.clone(),
            document: self.document.clone(),
        })
    }
}

impl Cancel {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = CancelUnitsRequest {
            request_id: global.write_id(),
            account_id: self.account,
            instrument: self.tonnes.instrument.clone(),
            quantity_tco2e: self.tonnes.quantity,
            beneficiary: self.beneficiary.clone(),
            reason: self.reason.clone(),
        };
        let reply = global.registry()?.cancel_units(request).await?;
        let entry = compliance::cancellation(&reply.cancellation.unwrap_or_default());
        let holding = account::holding(&reply.holding.unwrap_or_default());
        Ok(Page::default().one(entry).many("holding", vec![holding]).stamp(stamp(reply.stamp)))
    }
}

impl Transfer {
    fn command(&self) -> Result<Command> {
        let cause = match self.cause {
            Cause::Merger => TransferCause::Merger,
            Cause::Division => TransferCause::Division,
            Cause::Succession => TransferCause::Succession,
            Cause::Court => TransferCause::Court,
        };
        Ok(Command::NonTradeTransfer(NonTradeTransfer {
            cause: cause.into(),
            from_account_id: self.from,
            to_account_id: self.to,
            instrument: self.instrument.clone(),
            quantity_tco2e: self.quantity,
            document: self.document.clone(),
            document_sha256: self.hashed.bytes()?.into(),
        }))
    }
}
