//! What the parties of a pledge and the exchange do.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use registry_client::proto::{
    AddToPledgeRequest, DeclareDefaultRequest, OfferSubstitutionRequest, PledgeReply, PledgeTerms,
    ProposePledgeRequest, ReleasePledgeRequest, SellPledgedRequest, SubstitutionTerms,
    TakeProceedsRequest,
};
use sha2::{Digest as _, Sha256};

use super::Seen;
use crate::args::Global;
use crate::commands::account::From;
use crate::commands::bank::in_yuan;
use crate::commands::files;
use crate::output::{Page, Record};
use crate::views::{day, stamp};

/// The lines of a contract in the price of its instrument.
#[derive(Debug, Args)]
pub(super) struct Lines {
    /// The last settled close, yuan per tonne.
    #[arg(long)]
    reference_price: String,
    /// Its day, YYYY-MM-DD.
    #[arg(long)]
    reference_date: String,
    /// A settled close below this calls for more.
    #[arg(long)]
    warning_price: String,
    /// The contract's disposal line, recorded as agreed. It gives the bank no right
    /// by itself: a default needs evidence and a time to cure that has passed.
    #[arg(long)]
    disposal_price: String,
}

/// Tonnes of an instrument in one of the free positions.
#[derive(Debug, Args)]
pub(super) struct Tonnes {
    /// Of what.
    #[arg(long)]
    instrument: String,
    /// Whole tonnes.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
    /// Where they lie.
    #[arg(long, value_enum)]
    from: From,
    /// How long the bank may accept, ms; a day when it is left out.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    time_to_live_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// The account whose tonnes they are, the caller's own.
    #[arg(long)]
    account: u64,
    /// The bank's code.
    #[arg(long)]
    bank: u32,
    #[command(flatten)]
    tonnes: Tonnes,
    #[command(flatten)]
    lines: Lines,
    /// Reference of the loan contract.
    #[arg(long)]
    contract: String,
    /// What was lent, yuan.
    #[arg(long, allow_hyphen_values = true)]
    principal: String,
    /// When it is due, YYYY-MM-DD.
    #[arg(long)]
    maturity: String,
    /// Most that may be lent on the value, hundredths of a per cent: 5000 is half.
    #[arg(long)]
    loan_to_value_bp: u32,
    /// Time to cure a margin call, or to pay after maturity, ms.
    #[arg(long)]
    cure_period_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    seen: Seen,
    /// Where the tonnes lie.
    #[arg(long, value_enum)]
    from: From,
    /// How many more.
    #[arg(long, allow_negative_numbers = true)]
    quantity: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    seen: Seen,
    /// How many tonnes; all of them when it is left out.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    quantity: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Substitute {
    #[command(flatten)]
    seen: Seen,
    #[command(flatten)]
    tonnes: Tonnes,
    #[command(flatten)]
    lines: Lines,
}

#[derive(Debug, Args)]
pub(crate) struct Default {
    #[command(flatten)]
    seen: Seen,
    /// What is owed, yuan.
    #[arg(long, allow_hyphen_values = true)]
    claim: String,
    /// File with the evidence; its SHA-256 becomes part of the record.
    #[arg(long)]
    evidence: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sell {
    /// The pledge's number.
    #[arg(long)]
    pledge: u64,
    /// The open settlement day, YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// CSV file with the one trade: seller is the pledgor, seller_bank the pledgee.
    #[arg(long)]
    trade: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TakeProceeds {
    /// The bank's code, the caller's own.
    #[arg(long)]
    bank: u32,
    /// Yuan with at most two decimals.
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
}

impl Propose {
    pub(super) async fn run(&self, global: &Global) -> Result<PledgeReply> {
        let Self { tonnes, lines, .. } = self;
        let request = ProposePledgeRequest {
            request_id: global.write_id(),
            pledgor_account: self.account,
            pledgee_bank: self.bank,
            instrument: tonnes.instrument.clone(),
            quantity_tco2e: tonnes.quantity,
            from: tonnes.from.to_proto(),
            terms: Some(PledgeTerms {
                contract: self.contract.clone(),
                principal_yuan: self.principal.clone(),
                maturity_date: self.maturity.clone(),
                reference_price_yuan: lines.reference_price.clone(),
                reference_date: lines.reference_date.clone(),
                loan_to_value_bp: self.loan_to_value_bp,
                warning_price_yuan: lines.warning_price.clone(),
                disposal_price_yuan: lines.disposal_price.clone(),
                cure_period_ms: self.cure_period_ms,
            }),
            time_to_live_ms: tonnes.time_to_live_ms,
        };
        Ok(global.firm()?.propose_pledge(request).await?)
    }
}

impl Add {
    pub(super) async fn run(&self, global: &Global) -> Result<PledgeReply> {
        let request = AddToPledgeRequest {
            request_id: global.write_id(),
            pledge_id: self.seen.pledge,
            version: self.seen.version,
            from: self.from.to_proto(),
            quantity_tco2e: self.quantity,
        };
        Ok(global.firm()?.add_to_pledge(request).await?)
    }
}

impl Release {
    pub(super) async fn run(&self, global: &Global) -> Result<PledgeReply> {
        let request = ReleasePledgeRequest {
            request_id: global.write_id(),
            pledge_id: self.seen.pledge,
            version: self.seen.version,
            quantity_tco2e: self.quantity,
        };
        Ok(global.bank()?.release_pledge(request).await?)
    }
}

impl Substitute {
    pub(super) async fn run(&self, global: &Global) -> Result<PledgeReply> {
        let Self { seen, tonnes, lines } = self;
        let request = OfferSubstitutionRequest {
            request_id: global.write_id(),
            pledge_id: seen.pledge,
            version: seen.version,
            offer: Some(SubstitutionTerms {
                instrument: tonnes.instrument.clone(),
                quantity_tco2e: tonnes.quantity,
                from: tonnes.from.to_proto(),
                reference_price_yuan: lines.reference_price.clone(),
                reference_date: lines.reference_date.clone(),
                warning_price_yuan: lines.warning_price.clone(),
                disposal_price_yuan: lines.disposal_price.clone(),
                time_to_live_ms: tonnes.time_to_live_ms,
            }),
        };
        Ok(global.firm()?.offer_substitution(request).await?)
    }
}

impl Default {
    pub(super) async fn run(&self, global: &Global) -> Result<PledgeReply> {
        let evidence = std::fs::read(&self.evidence)
            .with_context(|| format!("reading {}", self.evidence.display()))?;
        let request = DeclareDefaultRequest {
            request_id: global.write_id(),
            pledge_id: self.seen.pledge,
            version: self.seen.version,
            claim_yuan: self.claim.clone(),
            evidence_sha256: Sha256::digest(evidence).to_vec().into(),
        };
        let reply = global.bank()?.declare_default(request).await;
        Ok(reply.map_err(|error| in_yuan(error, "--claim", &self.claim))?)
    }
}

impl Sell {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = SellPledgedRequest {
            request_id: global.write_id(),
            pledge_id: self.pledge,
            date: self.date.clone(),
            trade: Some(files::single_trade(&self.trade)?),
        };
        let reply = global.exchange()?.sell_pledged(request).await?;
        let result = reply.result.as_ref().map(day::result).unwrap_or_default();
        Ok(Page::default().one(result).stamp(stamp(reply.stamp)))
    }
}

impl TakeProceeds {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = TakeProceedsRequest {
            request_id: global.write_id(),
            bank_id: self.bank,
            amount_yuan: self.amount.clone(),
        };
        let reply = global.bank()?.take_proceeds(request).await;
        let reply = reply.map_err(|error| in_yuan(error, "--amount", &self.amount))?;
        let record =
            Record::default().with("bank_id", self.bank).with("left_yuan", reply.left_yuan);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}
