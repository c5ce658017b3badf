//! What operators see and do.

use bytes::Bytes;
use registry_proto::registry::cluster_service_server::ClusterService;
use registry_proto::registry::{
    BootstrapReply, BootstrapRequest, GetStatusReply, GetStatusRequest, MemberStatus, VoterSet,
};
use tonic::{Request, Response, Status};

use crate::raft::{RaftStatus, Replica, Unavailable};
use crate::security::Caller;
use crate::services::gateway::Gateway;
use crate::services::{encode, status};

pub(super) struct Cluster(pub(super) Gateway);

#[tonic::async_trait]
impl ClusterService for Cluster {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let Gateway { config, replica, .. } = &self.0;
        let raft = replica.status();
        let leader = raft.leader_id.and_then(|id| config.member(id));
        let members = self.members(&raft);
        let view = replica.ledger().read().await;
        let digest_at_index = match request.get_ref().at_log_index {
            0 => None,
            log_index => view.digest_at(log_index),
        };
        Ok(Response::new(GetStatusReply {
            cluster_id: config.cluster_id.clone(),
            node_id: config.node.id,
            node_name: config.node.name.clone(),
            city: config.node.city.clone(),
            layout: config.layout.as_str().to_owned(),
            bootstrapped: view.ledger.genesis().is_some(),
            raft_state: raft.state.to_owned(),
            term: raft.term,
            leader_id: raft.leader_id.unwrap_or(0),
            leader_client_address: leader.map_or_else(String::new, |m| m.client_address.clone()),
            last_log_index: raft.last_log_index,
            // Of the view, not of the consensus: it belongs to the digest.
            applied_log_index: view.log_index,
            snapshot_log_index: raft.snapshot_log_index,
            state_digest: encode::digest(view.digest.0),
            ledger_time_ms: view.ledger.ledger_time().0,
            voter_sets: voter_sets(&raft),
            membership_as_layout: raft.membership_as_layout,
            members,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            purged_log_index: raft.purged_log_index,
            digest_at_index: digest_at_index.map_or_else(Bytes::new, |d| encode::digest(d.0)),
            counters: Some(raft.counters),
        }))
    }

    async fn bootstrap(
        &self,
        request: Request<BootstrapRequest>,
    ) -> Result<Response<BootstrapReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let Gateway { config, replica, .. } = &self.0;
        let Replica::Member(consensus) = replica else {
            return Err(status::unavailable(&Unavailable::ReadOnlyCopy, config));
        };
        let actor = caller.principal.actor();
        tracing::info!(actor, "bootstrap asked");
        let log_index =
            consensus.bootstrap(actor).await.map_err(|error| status::bootstrap(&error))?;
        Ok(Response::new(BootstrapReply {
            cluster_id: config.cluster_id.clone(),
            voter_sets: voter_sets(&consensus.status()),
            log_index,
        }))
    }
}

impl Cluster {
    fn members(&self, raft: &RaftStatus) -> Vec<MemberStatus> {
        let matched = |id| raft.matched.iter().find(|(node, _)| *node == id);
        self.0
            .config
            .members
            .iter()
            .map(|member| MemberStatus {
                node_id: member.id,
                node_name: member.name.clone(),
                city: member.city.clone(),
                client_address: member.client_address.clone(),
                matched_log_index: matched(member.id).map_or(0, |(_, index)| *index),
            })
            .collect()
    }
}

fn voter_sets(raft: &RaftStatus) -> Vec<VoterSet> {
    raft.voter_sets.iter().map(|ids| VoterSet { node_ids: ids.clone() }).collect()
}
