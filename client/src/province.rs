//! A provincial authority's side: verified emissions, and what its firms ask
//! to surrender.

use registry_proto::registry::compliance_service_client::ComplianceServiceClient;
use registry_proto::registry::control_service_client::ControlServiceClient;
use registry_proto::registry::{
    ApproveSurrenderRequest, ControlReply, DeclineSurrenderRequest, EmissionsReply, ProposeReply,
    ProposeRequest, RecordEmissionsRequest, SurrenderReply, WithdrawRequest,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::reads::ReadClient;

/// Calls with a provincial authority's identity.
#[derive(Clone, Debug)]
pub struct ProvinceClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(ProvinceClient);

impl ProvinceClient {
    write_calls! { ControlServiceClient:
        /// Proposes an allocation from the province's own account; a registry
        /// officer approves it.
        propose(ProposeRequest) -> ProposeReply;
        /// Takes back what the province proposed.
        withdraw(WithdrawRequest) -> ControlReply;
    }

    write_calls! { ComplianceServiceClient:
        /// Enters a firm's verified emissions of a year.
        record_emissions(RecordEmissionsRequest) -> EmissionsReply;
        /// Approves what a firm asks to surrender: final.
        approve_surrender(ApproveSurrenderRequest) -> SurrenderReply;
        /// Declines what a firm asks to surrender.
        decline_surrender(DeclineSurrenderRequest) -> SurrenderReply;
    }
}
