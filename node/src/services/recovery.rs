//! Going on without a lost city, node by node.

use prost::Message as _;
use registry_proto::registry::recovery_service_server::RecoveryService;
use registry_proto::registry::{
    ApproveRecoveryReply, ApproveRecoveryRequest, InspectReply, InspectRequest, RecoverReply,
    RecoverRequest, RecoveryReport, SignedDocument, WipeNodeReply, WipeNodeRequest,
};
use tonic::{Request, Response, Status};

use crate::raft::{Consensus, Replica, Unavailable};
use crate::security::Caller;
use crate::security::signed::sign;
use crate::services::gateway::Gateway;
use crate::services::{encode, encode_cluster, status};

/// What a report of a recovery is signed as.
const REPORT_PURPOSE: &str = "recovery-report";
/// Format of such a report.
const REPORT_FORMAT: u32 = 1;

pub(super) struct Recovery(pub(super) Gateway);

#[tonic::async_trait]
impl RecoveryService for Recovery {
    async fn inspect(
        &self,
        request: Request<InspectRequest>,
    ) -> Result<Response<InspectReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let consensus = self.consensus()?;
        let lost_city = &request.get_ref().lost_city;
        let answering = match lost_city.as_str() {
            "" => Vec::new(),
            lost_city => consensus.answering_in(lost_city).await,
        };
        let (config, directory) = (&self.0.config, consensus.directory());
        let end = consensus.log_end();
        let topology = directory.topology();
        let recovery_report = self.report(consensus, request.get_ref().at_log_index).await?;
        Ok(Response::new(InspectReply {
            cluster_id: config.cluster_id.clone(),
            node_id: config.node.id,
            node_name: config.node.name.clone(),
            city: config.node.city.clone(),
            recovery_epoch: directory.recovery_epoch(),
            vote_term: end.vote_term,
            last_term: end.last_term,
            last_log_index: end.last_index,
            committed_log_index: end.committed_index,
            topology: topology.map(|of| encode_cluster::topology(&of, directory)),
            answering,
            kept_plan: consensus.kept_plan().into(),
            recovery_report,
        }))
    }

    async fn approve_recovery(
        &self,
        request: Request<ApproveRecoveryRequest>,
    ) -> Result<Response<ApproveRecoveryReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let consensus = self.consensus()?;
        let plan = &request.get_ref().plan;
        let approved = consensus.approve_recovery(plan, caller.principal.actor());
        let (sha256, approved_by) = approved.map_err(|why| status::not_recovered(&why))?;
        let plan_sha256 = encode::digest(sha256);
        Ok(Response::new(ApproveRecoveryReply { plan_sha256, approved_by }))
    }

    async fn recover(
        &self,
        request: Request<RecoverRequest>,
    ) -> Result<Response<RecoverReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let consensus = self.consensus()?;
        tracing::warn!(actor = caller.principal.actor(), "recovery asked");
        let asked = request.get_ref();
        let begun = consensus.recover(&asked.plan, &asked.override_secret).await;
        begun.map_err(|why| status::not_recovered(&why))?;
        Ok(Response::new(RecoverReply { node_id: self.0.config.node.id }))
    }

    async fn wipe_node(
        &self,
        request: Request<WipeNodeRequest>,
    ) -> Result<Response<WipeNodeReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let consensus = self.consensus()?;
        let own = &self.0.config.node;
        let typed = &request.get_ref().node_name;
        if *typed != own.name {
            return Err(status::not_wiped(format!(
                "this is node {}, not {typed:?}: nothing was removed",
                own.name
            )));
        }
        if !consensus.may_be_wiped() {
            return Err(status::not_wiped(format!(
                "node {} takes part in the cluster: only a node that was retired, or that the cluster was recovered without, is wiped",
                own.name
            )));
        }
        tracing::warn!(actor = caller.principal.actor(), "this node is being wiped");
        consensus.wipe();
        Ok(Response::new(WipeNodeReply { node_id: own.id }))
    }
}

impl Recovery {
    /// What this node says of the recovery that it came through, signed.
    async fn report(
        &self,
        consensus: &Consensus,
        at_log_index: u64,
    ) -> Result<Option<SignedDocument>, Status> {
        let kept = consensus.kept_recovery().filter(|_| at_log_index > 0);
        let digest = consensus.ledger().read().await.digest_at(at_log_index);
        let (Some(kept), Some(digest)) = (kept, digest) else { return Ok(None) };
        let (config, directory) = (&self.0.config, consensus.directory());
        let report = RecoveryReport {
            format: REPORT_FORMAT,
            cluster_id: config.cluster_id.clone(),
            node_id: config.node.id,
            node_name: config.node.name.clone(),
            city: config.node.city.clone(),
            recovery_epoch: directory.recovery_epoch(),
            plan: kept.plan.encode_to_vec().into(),
            approved_by: kept.approved_by.clone(),
            log_index: at_log_index,
            state_digest: encode::digest(digest.0),
        };
        let signed = sign(&config.tls, REPORT_PURPOSE, report.encode_to_vec());
        signed.map(Some).map_err(|error| status::fault(&error.to_string()))
    }

    fn consensus(&self) -> Result<&Consensus, Status> {
        match &self.0.replica {
            Replica::Member(consensus) => Ok(consensus),
            Replica::Copy(_) => Err(self.0.unavailable(&Unavailable::ReadOnlyCopy)),
        }
    }
}
