//! Commands that need two people, and what the two send.

use prost::Message as _;
use registry_ledger::{Approval, Command, PROPOSAL_BYTES_LIMIT, ProposalId, Reason, Rejection};
use registry_proto::registry::controlled_command::Command as Content;
use registry_proto::registry::{
    ControlledCommand, DeclineRequest, ProposeRequest, WithdrawRequest,
};
use registry_proto::storage::Approve;

use super::{account, cash, cluster, compliance, fields, inclusive, instrument, pledge};

pub(super) fn propose(message: &ProposeRequest) -> Result<Command, Rejection> {
    if message.content.len() > PROPOSAL_BYTES_LIMIT {
        return fields::too_long("content", message.content.len(), PROPOSAL_BYTES_LIMIT, "bytes");
    }
    // What does not even decode is not worth a second person's time.
    controlled(&message.content)?;
    let time_to_live_ms = fields::time_to_live_ms(message.time_to_live_ms);
    Ok(Command::Propose { content: message.content.to_vec(), time_to_live_ms })
}

/// The approval, its content decoded as every node does it.
pub(super) fn approve(message: &Approve) -> Result<Command, Rejection> {
    let request = message.request.clone().unwrap_or_default();
    let proposal = proposal(request.proposal_id)?;
    let content_sha256 = fields::sha256(&request.content_sha256, "content_sha256")?;
    let content = match &message.content[..] {
        [] => None,
        content => Some((content.to_vec(), Box::new(controlled(content)?))),
    };
    Ok(Command::Approve(Approval { proposal, content_sha256, content }))
}

pub(super) fn decline(message: &DeclineRequest) -> Result<Command, Rejection> {
    Ok(Command::Decline {
        proposal: proposal(message.proposal_id)?,
        reason: fields::text(&message.reason, "reason", fields::LINE_BYTES)?,
    })
}

pub(super) fn withdraw(message: &WithdrawRequest) -> Result<Command, Rejection> {
    Ok(Command::WithdrawProposal(proposal(message.proposal_id)?))
}

fn proposal(id: u64) -> Result<ProposalId, Rejection> {
    if id == 0 { fields::missing("proposal_id") } else { Ok(ProposalId(id)) }
}

/// The command that some content is.
fn controlled(content: &[u8]) -> Result<Command, Rejection> {
    const FIELD: &str = "content";
    if content.is_empty() {
        return fields::missing(FIELD);
    }
    let decoded = ControlledCommand::decode(content).map_err(|error| {
        let message = format!("the content is no ControlledCommand: {error}");
        Rejection::new(Reason::Malformed, FIELD, message)
    })?;
    // What is hashed and approved must be what the second person is shown.
    if decoded.encode_to_vec() != content {
        let message = "the content has fields that this version does not know, or is not in the order of field numbers without defaults";
        return Err(Rejection::new(Reason::Malformed, FIELD, message));
    }
    match &decoded.command {
        // An unknown kind decodes to none.
        None => Err(Rejection::new(
            Reason::Malformed,
            FIELD,
            "the content has no command that this version knows",
        )),
        Some(Content::Issuance(issuance)) => instrument::issuance(issuance),
        Some(Content::BookLoading(loading)) => account::book_loading(loading),
        Some(Content::Suspension(day)) => Ok(Command::SuspendDay(fields::date(&day.date, "date")?)),
        Some(Content::ReserveUse(cover)) => cash::use_reserve(cover),
        Some(Content::PledgeActivation(asked)) => pledge::activation(asked),
        Some(Content::PledgeEnforcement(asked)) => pledge::enforcement(asked),
        Some(Content::CourtRelease(asked)) => pledge::court_release(asked),
        Some(Content::FreezeOrder(asked)) => pledge::freeze_order(asked),
        Some(Content::FreezeLifting(asked)) => pledge::freeze_lifting(asked),
        Some(Content::FreezeExecution(asked)) => pledge::freeze_execution(asked),
        Some(Content::InclusiveQuota(quota)) => inclusive::quota(quota),
        Some(Content::CityLeave(order)) => cluster::city_leave(order),
        Some(Content::CityReturn(order)) => cluster::city_return(order),
        Some(Content::RecoveryRight(order)) => cluster::recovery_right(order),
        Some(Content::RecoveryOverride(order)) => cluster::recovery_override(order),
        Some(Content::RulesActivation(order)) => cluster::rules_activation(order),
        Some(Content::Resumption(day)) => Ok(Command::ResumeDay(fields::date(&day.date, "date")?)),
        Some(Content::Allocation(order)) => compliance::allocation(order),
        Some(Content::Recall(order)) => compliance::recall(order),
        Some(Content::EmissionsCorrection(order)) => compliance::correction(order),
        Some(Content::CarryOver(order)) => compliance::carry_over(order),
        Some(Content::NonTradeTransfer(order)) => compliance::transfer(order),
    }
}
