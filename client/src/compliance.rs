//! Yearly compliance: what the registry and firms ask, and what everybody reads.

use registry_proto::registry::compliance_service_client::ComplianceServiceClient;
use registry_proto::registry::{
    ApplySurrenderRequest, AssignProvinceReply, AssignProvinceRequest, CancelUnitsReply,
    CancelUnitsRequest, Cancellation, Consistency, EmissionsReply, GetObligationReply,
    GetObligationRequest, GetProvinceReply, GetProvinceRequest, ListAllocationsReply,
    ListCancellationsReply, ListCancellationsRequest, ListCarryOversReply, ListCarryOversRequest,
    ListComplianceRequest, ListEmissionsReply, ListObligationsReply, ListObligationsRequest,
    ListSurrendersReply, Obligation, RecordEmissionsRequest, SurrenderReply,
};

use crate::calls::{read_calls, write_calls};
use crate::error::ClientError;
use crate::reads::ReadClient;
use crate::registry::RegistryClient;

const PAGE_SIZE: u32 = 1_000;

impl RegistryClient {
    write_calls! { ComplianceServiceClient:
        /// Says to which province an account belongs.
        assign_province(AssignProvinceRequest) -> AssignProvinceReply;
        /// Enters a firm's verified emissions of a year.
        record_emissions(RecordEmissionsRequest) -> EmissionsReply;
        /// Asks the firm's province to approve a surrender (清缴).
        apply_surrender(ApplySurrenderRequest) -> SurrenderReply;
        /// Gives tonnes up for good (自愿注销).
        cancel_units(CancelUnitsRequest) -> CancelUnitsReply;
    }
}

impl ReadClient {
    read_calls! { ComplianceServiceClient:
        /// A province's own account and what it can allocate.
        get_province(GetProvinceRequest) -> GetProvinceReply;
        /// What a firm owes for a year.
        get_obligation(GetObligationRequest) -> GetObligationReply;
        /// One page of a year's shortfall report.
        list_obligations(ListObligationsRequest) -> ListObligationsReply;
        /// One page of verified emissions.
        list_emissions(ListComplianceRequest) -> ListEmissionsReply;
        /// One page of applications to surrender.
        list_surrenders(ListComplianceRequest) -> ListSurrendersReply;
        /// One page of allocations and recalls.
        list_allocations(ListComplianceRequest) -> ListAllocationsReply;
        /// One page of carry-overs.
        list_carry_overs(ListCarryOversRequest) -> ListCarryOversReply;
        /// One page of the public register of cancellations.
        list_cancellations(ListCancellationsRequest) -> ListCancellationsReply;
    }

    /// The whole shortfall report of a year, page by page: of a province, or of
    /// all with 0; with a shortfall only, or all.
    ///
    /// # Errors
    /// As [`ReadClient::list_obligations`].
    pub async fn all_obligations(
        &self,
        year: u32,
        province: u32,
        only_short: bool,
        consistency: Consistency,
    ) -> Result<Vec<Obligation>, ClientError> {
        let mut obligations = Vec::new();
        let mut after_account_id = 0;
        loop {
            let page = self
                .list_obligations(ListObligationsRequest {
                    year,
                    province,
                    only_short,
                    after_account_id,
                    page_size: PAGE_SIZE,
                    consistency: consistency.into(),
                })
                .await?;
            obligations.extend(page.obligations);
            if page.next_after_account_id <= after_account_id {
                return Ok(obligations);
            }
            after_account_id = page.next_after_account_id;
        }
    }

    /// The whole public register of cancellations, page by page.
    ///
    /// # Errors
    /// As [`ReadClient::list_cancellations`].
    pub async fn all_cancellations(
        &self,
        consistency: Consistency,
    ) -> Result<Vec<Cancellation>, ClientError> {
        let mut cancellations = Vec::new();
        let mut after_id = 0;
        loop {
            let page = self
                .list_cancellations(ListCancellationsRequest {
                    account_id: 0,
                    after_id,
                    page_size: PAGE_SIZE,
                    consistency: consistency.into(),
                })
                .await?;
            cancellations.extend(page.cancellations);
            if page.next_after_id <= after_id {
                return Ok(cancellations);
            }
            after_id = page.next_after_id;
        }
    }
}
