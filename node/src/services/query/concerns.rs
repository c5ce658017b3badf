//! Which open proposals are about an account, as far as their content tells.

use prost::Message as _;
use registry_ledger::{
    AccountId, Date, EntryFilter, FreezeId, Ledger, PledgeId, Proposal, ProposalId, ProvinceCode,
    TradeNumber,
};
use registry_proto::registry as proto;
use registry_proto::registry::ControlledCommand;
use registry_proto::registry::controlled_command::Command;
use registry_proto::registry::freeze_target::Target;

use crate::services::encode;

/// Open proposals that one overview looks at.
const PROPOSALS: usize = 1_000;
/// Their contents together; larger ones are books, which are about new accounts.
const BYTES: usize = 1 << 20;

/// Open proposals about the account, and whether not all could be looked at.
pub(super) fn proposals(
    ledger: &Ledger,
    account: AccountId,
) -> (Vec<proto::PendingProposal>, bool) {
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    for (looked_at, open) in ledger.proposals_after(ProposalId(0)).enumerate() {
        bytes = bytes.saturating_add(open.content.len());
        if looked_at >= PROPOSALS || bytes > BYTES {
            return (found, true);
        }
        if open.expires_at > ledger.ledger_time() && concerns(ledger, open, account) {
            found.push(proto::PendingProposal {
                proposal_id: open.id.0,
                maker: open.maker.clone(),
                expires_at_ms: open.expires_at.0,
                content_sha256: encode::digest(open.content_sha256),
            });
        }
    }
    (found, false)
}

fn concerns(ledger: &Ledger, open: &Proposal, account: AccountId) -> bool {
    let named = |id: u64| id == u64::from(account.0);
    let pledged =
        |id: u64| ledger.pledge(PledgeId(id)).is_some_and(|pledge| pledge.pledgor == account);
    // It was decoded before it was proposed.
    let command = ControlledCommand::decode(&open.content[..]).ok().and_then(|c| c.command);
    match command {
        Some(Command::Issuance(issuance)) => named(issuance.account_id),
        Some(Command::ReserveUse(cover)) => {
            let date = Date::parse(&cover.date);
            let trade = date.and_then(|d| ledger.trade(d, TradeNumber(cover.trade_number)));
            trade.is_some_and(|t| [t.trade.buyer, t.trade.seller].contains(&account))
        }
        Some(Command::PledgeActivation(asked)) => pledged(asked.pledge_id),
        Some(Command::PledgeEnforcement(asked)) => pledged(asked.pledge_id),
        Some(Command::CourtRelease(asked)) => pledged(asked.pledge_id),
        Some(Command::FreezeOrder(order)) => match order.target.and_then(|target| target.target) {
            Some(Target::AccountId(id)) => named(id),
            Some(Target::Tonnes(tonnes)) => named(tonnes.account_id),
            Some(Target::PledgeId(id)) => pledged(id),
            None => false,
        },
        Some(Command::FreezeLifting(lifting)) => ledger
            .freeze(FreezeId(lifting.freeze_id))
            .is_some_and(|freeze| freeze.account == account),
        Some(Command::FreezeExecution(order)) => {
            let freeze = ledger.freeze(FreezeId(order.freeze_id));
            named(order.to_account_id) || freeze.is_some_and(|freeze| freeze.account == account)
        }
        Some(
            Command::InclusiveQuota(_)
            | Command::CityLeave(_)
            | Command::CityReturn(_)
            | Command::RecoveryRight(_)
            | Command::RecoveryOverride(_)
            | Command::RulesActivation(_),
        ) => false,
        Some(Command::Allocation(order)) => {
            let own = ProvinceCode::from_code(order.province)
                .and_then(|province| ledger.province(province).account);
            named(order.account_id) || own == Some(account)
        }
        Some(Command::Recall(order)) => named(order.account_id),
        Some(Command::EmissionsCorrection(correction)) => {
            let corrects = correction.corrects_emissions_id;
            let before = corrects.saturating_sub(1);
            let found = ledger.emissions_after(EntryFilter::default(), before, 1);
            found.iter().any(|entry| entry.number == corrects && entry.account == account)
        }
        Some(Command::CarryOver(order)) => named(order.account_id),
        Some(Command::NonTradeTransfer(order)) => {
            named(order.from_account_id) || named(order.to_account_id)
        }
        Some(Command::BookLoading(_) | Command::Suspension(_) | Command::Resumption(_)) | None => {
            false
        }
    }
}
