//! Proposals and what they would do.

use anyhow::{Context as _, Result};
use prost::Message as _;
use registry_client::hex;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{ControlledCommand, Proposal};
use sha2::{Digest as _, Sha256};

use super::{compliance, pledge, word};
use crate::output::Record;

/// Accounts of a book loading that are shown; their number and hash say the rest.
const ACCOUNTS_SHOWN: usize = 20;

pub(crate) fn line(proposal: &Proposal) -> Record {
    let kind = ControlledCommand::decode(&proposal.content[..])
        .ok()
        .and_then(|content| content.command)
        .map_or("unknown to this version", |command| kind(&command));
    Record::default()
        .with("proposal_id", proposal.proposal_id)
        .with("command", kind)
        .with("maker", proposal.maker.as_str())
        .with("expires_at_ms", proposal.expires_at_ms)
        .with("expired", proposal.expired)
        // Of the content as it arrived, not as the node says.
        .with("content_sha256", hex(&Sha256::digest(&proposal.content)))
}

fn kind(command: &Command) -> &'static str {
    match command {
        Command::Issuance(_) => "issuance",
        Command::BookLoading(_) => "book loading",
        Command::Suspension(_) => "suspension",
        Command::Resumption(_) => "resumption",
        Command::ReserveUse(_) => "reserve use",
        Command::Allocation(_) => "allocation",
        Command::Recall(_) => "recall",
        Command::EmissionsCorrection(_) => "emissions correction",
        Command::CarryOver(_) => "carry-over",
        Command::NonTradeTransfer(_) => "transfer without a trade",
        Command::PledgeActivation(_) => "pledge activation",
        Command::PledgeEnforcement(_) => "pledge enforcement",
        Command::CourtRelease(_) => "release by a court",
        Command::FreezeOrder(_) => "freeze",
        Command::FreezeLifting(_) => "end of a freeze",
        Command::FreezeExecution(_) => "execution of a freeze",
        Command::InclusiveQuota(_) => "inclusive quota",
        Command::CityLeave(_) => "city leaves the quorum",
        Command::CityReturn(_) => "city returns to the quorum",
        Command::RecoveryRight(_) => "right to recover",
        Command::RecoveryOverride(_) => "sealed override",
        Command::RulesActivation(_) => "activation of rules",
    }
}

/// Everything that an approval would carry out.
pub(crate) fn content(proposal: &Proposal) -> Result<Record> {
    let decoded = ControlledCommand::decode(&proposal.content[..])
        .context("the content does not decode; do not approve it")?;
    let command = decoded
        .command
        .context("the content is unknown to this version; upgrade before approving it")?;
    Ok(match command {
        Command::Issuance(units) => Record::default()
            .with("account_id", units.account_id)
            .with("instrument", units.instrument)
            .with("quantity_tco2e", units.quantity_tco2e.to_string())
            .with("document", units.document),
        Command::BookLoading(books) => {
            let shown = books.accounts.iter().take(ACCOUNTS_SHOWN).map(|account| {
                let kind = word(account.kind().as_str_name(), "ACCOUNT_KIND_");
                format!("{} {} {kind}", account.uscc, account.name)
            });
            let tonnes = |held: &registry_client::proto::OpeningHolding| {
                i128::from(held.registered_tco2e) + i128::from(held.trading_tco2e)
            };
            let holdings = books.accounts.iter().flat_map(|account| &account.holdings);
            Record::default()
                .with("accounts", books.accounts.len())
                .with("tonnes", holdings.map(tonnes).sum::<i128>().to_string())
                .with("document", books.document.clone())
                .with("first_accounts", shown.collect::<Vec<_>>())
        }
        Command::CityLeave(order) => {
            Record::default().with("city", order.city).with("document", order.document)
        }
        Command::CityReturn(order) => {
            Record::default().with("city", order.city).with("document", order.document)
        }
        Command::RecoveryRight(order) => {
            Record::default().with("city", order.city).with("document", order.document)
        }
        Command::RecoveryOverride(order) => Record::default()
            .with("city", order.city)
            .with("secret_sha256", hex(&order.secret_sha256))
            .with("document", order.document),
        Command::RulesActivation(order) => Record::default()
            .with("rules_version", order.rules_version)
            .with("document", order.document),
        Command::Suspension(day) => Record::default().with("date", day.date),
        Command::Resumption(day) => Record::default().with("date", day.date),
        Command::PledgeActivation(asked) => Record::default()
            .with("pledge_id", asked.pledge_id)
            .with("version", asked.version)
            .with("filing_reference", asked.filing_reference),
        Command::PledgeEnforcement(asked) => Record::default()
            .with("pledge_id", asked.pledge_id)
            .with("version", asked.version)
            .with("document", asked.document),
        Command::CourtRelease(asked) => Record::default()
            .with("pledge_id", asked.pledge_id)
            .with("version", asked.version)
            .with("document", asked.document),
        Command::FreezeOrder(order) => {
            pledge::target(order.target.as_ref().and_then(|target| target.target.as_ref()))
                .with("court", order.court)
                .with("document", order.document)
        }
        Command::FreezeLifting(lifting) => Record::default()
            .with("freeze_id", lifting.freeze_id)
            .with("document", lifting.document),
        Command::FreezeExecution(order) => Record::default()
            .with("freeze_id", order.freeze_id)
            .with("to_account_id", order.to_account_id)
            .with("quantity_tco2e", order.quantity_tco2e.to_string())
            .with("document", order.document)
            .with("document_sha256", hex(&order.document_sha256)),
        Command::ReserveUse(cover) => Record::default()
            .with("date", cover.date)
            .with("trade_number", cover.trade_number)
            .with("document", cover.document),
        Command::Allocation(order) => compliance::allocation_order(&order),
        Command::Recall(order) => compliance::recall_order(&order),
        Command::EmissionsCorrection(order) => compliance::correction_order(&order),
        Command::CarryOver(order) => compliance::carry_over_order(&order),
        Command::NonTradeTransfer(order) => compliance::transfer_order(&order),
        Command::InclusiveQuota(quota) => Record::default()
            .with("platform", quota.platform)
            .with("quantity_grams", quota.quantity_grams.to_string())
            .with("document", quota.document),
    })
}
