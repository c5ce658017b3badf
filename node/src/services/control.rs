//! Two people: propose, approve, decline, withdraw, and what waits.

use prost::Message as _;
use registry_ledger::amount::format_yuan;
use registry_ledger::{ComplianceReceipt, InclusiveReceipt, Proposal, ProposalId, Receipt};
use registry_proto::registry::approve_reply::Result as Approved;
use registry_proto::registry::control_service_server::ControlService;
use registry_proto::registry::{
    AccountsOpened, ApproveReply, ApproveRequest, Consistency, ControlReply, ControlledCommand,
    DeclineRequest, ListProposalsReply, ListProposalsRequest, ProposeReply, ProposeRequest,
    Topology, TradeCovered, WithdrawRequest, controlled_command,
};
use registry_proto::storage::Approve;
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::security::{Caller, Role, Scope};
use crate::services::gateway::{Gateway, page_size_of, unexpected};
use crate::services::{encode, encode_cluster, encode_compliance, encode_pledge, inclusive};

/// Proposals of a page, at most and when the caller does not say.
const MOST_PER_PAGE: u32 = 100;
const USUAL_PER_PAGE: u32 = 20;
/// Their contents, unless one alone has more.
const BYTES_PER_PAGE: usize = 1 << 20;

pub(super) struct Control(pub(super) Gateway);

#[tonic::async_trait]
impl ControlService for Control {
    async fn propose(
        &self,
        request: Request<ProposeRequest>,
    ) -> Result<Response<ProposeReply>, Status> {
        // A province may propose what its own account gives, and nothing else.
        let content = &request.get_ref().content;
        let caller = match allocating_province(content) {
            Some(province) => Caller::of_province(request.extensions(), province)?,
            None => Caller::of(request.extensions())?,
        };
        caller.require_control_of_cluster(is_about_cluster(content))?;
        match self.0.write(&caller, Command::Propose(request.into_inner())).await? {
            (stamp, Receipt::Proposed { proposal, content_sha256, expires_at }) => {
                Ok(Response::new(ProposeReply {
                    stamp: Some(stamp),
                    proposal_id: proposal.0,
                    content_sha256: encode::digest(content_sha256),
                    expires_at_ms: expires_at.0,
                }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn approve(
        &self,
        request: Request<ApproveRequest>,
    ) -> Result<Response<ApproveReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let id = ProposalId(message.proposal_id);
        // Not open any more: the log still knows the answer if it was given.
        let (_, content) = self
            .0
            .read(Consistency::Linearizable.into(), |ledger| {
                Ok(ledger.proposal(id).map(|open| open.content.clone()).unwrap_or_default())
            })
            .await?;
        if !content.is_empty() {
            caller.require_control_of_cluster(is_about_cluster(&content))?;
        }
        let approve = Approve { request: Some(message), content: content.into() };
        let (stamp, receipt) = self.0.write(&caller, Command::Approve(approve)).await?;
        let result = match receipt {
            Receipt::Holding(instrument, holding) => {
                Approved::Holding(encode::holding(instrument, &holding))
            }
            Receipt::AccountsOpened { first, count } => Approved::Accounts(AccountsOpened {
                first_account_id: first.0.into(),
                account_count: count,
            }),
            Receipt::Day(day) => Approved::Day(encode::day(&day)),
            Receipt::Covered { number, shortfall, claim } => Approved::Covered(TradeCovered {
                trade_number: number.0,
                shortfall_yuan: format_yuan(shortfall),
                claim_yuan: format_yuan(claim),
            }),
            Receipt::Compliance(receipt) => approved(*receipt)?,
            Receipt::Pledge { pledge, state, version, quantity } => {
                Approved::Pledge(encode_pledge::step(pledge, state, version, quantity))
            }
            Receipt::Inclusive(InclusiveReceipt::Platform(view)) => {
                Approved::Platform(inclusive::encode_platform(&view))
            }
            Receipt::Done => Approved::Topology(self.topology().await?),
            other => match encode_pledge::freeze_step(&other) {
                Some(step) => Approved::Freeze(step),
                None => return Err(unexpected(&other)),
            },
        };
        Ok(Response::new(ApproveReply { stamp: Some(stamp), result: Some(result) }))
    }

    async fn decline(
        &self,
        request: Request<DeclineRequest>,
    ) -> Result<Response<ControlReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let id = ProposalId(message.proposal_id);
        let (_, about_cluster) = self
            .0
            .read(Consistency::Linearizable.into(), |ledger| {
                Ok(ledger.proposal(id).map(|open| is_about_cluster(&open.content)))
            })
            .await?;
        if let Some(about_cluster) = about_cluster {
            caller.require_control_of_cluster(about_cluster)?;
        }
        self.done(&caller, Command::Decline(message)).await
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<ControlReply>, Status> {
        // The ledger lets only the maker.
        let caller = Caller::of_party(request.extensions())?;
        self.done(&caller, Command::WithdrawProposal(request.into_inner())).await
    }

    async fn list_proposals(
        &self,
        request: Request<ListProposalsRequest>,
    ) -> Result<Response<ListProposalsReply>, Status> {
        let caller = Caller::of_party(request.extensions())?;
        let own = (caller.scope == Scope::Own).then(|| caller.principal.actor());
        let operator = caller.principal.role == Role::Operator;
        let message = request.into_inner();
        let limit = page_size_of(message.page_size, USUAL_PER_PAGE, MOST_PER_PAGE)?;
        let after = ProposalId(message.after_proposal_id);
        let (stamp, (proposals, more)) = self
            .0
            .read(message.consistency, |ledger| {
                let (mut page, mut bytes, mut more) = (Vec::new(), 0, false);
                let visible = |open: &&Proposal| {
                    own.as_ref().is_none_or(|own| *own == open.maker)
                        && (!operator || is_about_cluster(&open.content))
                };
                for open in ledger.proposals_after(after).filter(visible) {
                    bytes += open.content.len();
                    more = page.len() >= limit || (bytes > BYTES_PER_PAGE && !page.is_empty());
                    if more {
                        break;
                    }
                    page.push(encode::proposal(open, ledger.ledger_time()));
                }
                Ok((page, more))
            })
            .await?;
        let last = proposals.last().map_or(0, |open| open.proposal_id);
        Ok(Response::new(ListProposalsReply {
            stamp: Some(stamp),
            proposals,
            next_after_proposal_id: if more { last } else { 0 },
        }))
    }
}

/// The province whose tonnes the content would allocate, if it is an allocation.
fn allocating_province(content: &[u8]) -> Option<u32> {
    match ControlledCommand::decode(content).ok()?.command? {
        controlled_command::Command::Allocation(order) => Some(order.province),
        _ => None,
    }
}

/// Whether the content is a matter of operators: who votes, who may recover.
/// Which rules are in force is one of registry officers.
fn is_about_cluster(content: &[u8]) -> bool {
    use controlled_command::Command::{CityLeave, CityReturn, RecoveryOverride, RecoveryRight};
    let command = ControlledCommand::decode(content).ok().and_then(|decoded| decoded.command);
    matches!(command, Some(CityLeave(_) | CityReturn(_) | RecoveryRight(_) | RecoveryOverride(_)))
}

/// What an approved command of yearly compliance did.
fn approved(receipt: ComplianceReceipt) -> Result<Approved, Status> {
    Ok(match receipt {
        ComplianceReceipt::Allocated { allocation, .. } => {
            Approved::Allocation(encode_compliance::allocation(&allocation))
        }
        ComplianceReceipt::Emissions { emissions } => {
            Approved::Emissions(encode_compliance::emissions(&emissions))
        }
        ComplianceReceipt::CarriedOver { carry_over, .. } => {
            Approved::CarryOver(encode_compliance::carry_over(&carry_over))
        }
        ComplianceReceipt::Transferred { from, to, moved } => {
            Approved::Transfer(encode_compliance::transfer(from, to, &moved))
        }
        other @ (ComplianceReceipt::Surrender { .. } | ComplianceReceipt::Cancelled { .. }) => {
            return Err(unexpected(&other.into()));
        }
    })
}

impl Control {
    /// The cluster's record after a command about it.
    async fn topology(&self) -> Result<Topology, Status> {
        let view = self.0.replica.ledger().read().await;
        let (topology, directory) = (view.ledger.topology(), self.0.replica.directory());
        Ok(topology.map(|of| encode_cluster::topology(of, directory)).unwrap_or_default())
    }

    async fn done(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Response<ControlReply>, Status> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Done) => Ok(Response::new(ControlReply { stamp: Some(stamp) })),
            (_, other) => Err(unexpected(&other)),
        }
    }
}
