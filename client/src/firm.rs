//! An account holder's side: its own tonnes and money, and what it pledges.

use registry_proto::registry::account_service_client::AccountServiceClient;
use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::{
    AddToPledgeRequest, MoveHoldingReply, MoveHoldingRequest, OfferSubstitutionRequest,
    PledgeReply, PledgeRequest, ProposePledgeRequest, RepayReserveReply, RepayReserveRequest,
    RequestWithdrawalRequest, WithdrawalReply,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::reads::ReadClient;

/// Calls with an account holder's identity.
#[derive(Clone, Debug)]
pub struct FirmClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(FirmClient);

impl FirmClient {
    write_calls! { AccountServiceClient:
        /// Moves allowances between the registered and the trading position (划转).
        move_holding(MoveHoldingRequest) -> MoveHoldingReply;
    }

    write_calls! { CashServiceClient:
        /// Asks for money to be paid out.
        request_withdrawal(RequestWithdrawalRequest) -> WithdrawalReply;
        /// Pays back what the reserve paid.
        repay_reserve(RepayReserveRequest) -> RepayReserveReply;
    }

    write_calls! { PledgeServiceClient:
        /// Offers tonnes to a bank; they are held from then on.
        propose_pledge(ProposePledgeRequest) -> PledgeReply;
        /// Takes an offer back before the pledge is active.
        decline_pledge(PledgeRequest) -> PledgeReply;
        /// Pledges more.
        add_to_pledge(AddToPledgeRequest) -> PledgeReply;
        /// Offers other tonnes in place of those pledged.
        offer_substitution(OfferSubstitutionRequest) -> PledgeReply;
        /// Takes that offer back.
        decline_substitution(PledgeRequest) -> PledgeReply;
    }
}
