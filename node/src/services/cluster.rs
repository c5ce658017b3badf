//! What operators see and do.

use bytes::Bytes;
use registry_ledger::Receipt;
use registry_proto::registry::cluster_service_server::ClusterService;
use registry_proto::registry::{
    AdmitNodeRequest, BootstrapReply, BootstrapRequest, ClusterReply, GetStatusReply,
    GetStatusRequest, HandOverReply, HandOverRequest, MemberStatus, MoveNodeRequest,
    PreferCityRequest, RetireNodeRequest, SeatNodeRequest, VoterSet,
};
use registry_proto::storage::AdmitNode;
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::raft::{Consensus, RaftStatus, Replica, Unavailable, now_ms};
use crate::security::Caller;
use crate::services::gateway::{Gateway, milliseconds, unexpected};
use crate::services::{alarms, encode, encode_cluster, status};

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
        let directory = replica.directory();
        let leader = raft.leader_id.and_then(|id| directory.member(id));
        let members = self.members(&raft);
        let disk = alarms::disk(config);
        let certificate_expires_at_ms = alarms::certificate_expires_at_ms(config);
        let alarms = alarms::of(config, replica, &raft);
        let view = replica.ledger().read().await;
        let digest_at_index = match request.get_ref().at_log_index {
            0 => None,
            log_index => view.digest_at(log_index),
        };
        let topology = view.ledger.topology();
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
            leader_client_address: leader.map_or_else(String::new, |leader| leader.client_address),
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
            recovery_epoch: directory.recovery_epoch(),
            topology: topology.map(|of| encode_cluster::topology(of, directory)),
            clock_ms: now_ms(),
            disk_free_bytes: disk.map_or(0, |disk| disk.free_bytes),
            disk_total_bytes: disk.map_or(0, |disk| disk.total_bytes),
            certificate_expires_at_ms: certificate_expires_at_ms.unwrap_or(0),
            rules_known: config.rules_known,
            quorum_age_ms: milliseconds(raft.quorum_age),
            alarms,
            superseded_by_epoch: directory.superseded_by().unwrap_or(0),
            restoration: view.ledger.restoration().map(encode_cluster::restoration),
        }))
    }

    async fn bootstrap(
        &self,
        request: Request<BootstrapRequest>,
    ) -> Result<Response<BootstrapReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let consensus = self.consensus()?;
        let actor = caller.principal.actor();
        tracing::info!(actor, "bootstrap asked");
        let recovery_city = &request.get_ref().recovery_city;
        let formed = consensus.bootstrap(actor, recovery_city).await;
        let log_index = formed.map_err(|error| status::bootstrap(&error))?;
        Ok(Response::new(BootstrapReply {
            cluster_id: self.0.config.cluster_id.clone(),
            voter_sets: voter_sets(&consensus.status()),
            log_index,
        }))
    }

    async fn admit_node(
        &self,
        request: Request<AdmitNodeRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let asked = request.into_inner();
        let consensus = self.consensus()?;
        // A node that does not answer is not admitted; only the leader's word counts,
        // because it will send the log.
        consensus.must_lead().map_err(|reason| self.0.unavailable(&reason))?;
        let storage_id = consensus
            .meet(asked.node_id, &asked.city, &asked.peer_address)
            .await
            .map_err(|refused| status::not_met(&refused))?;
        let admitted = Command::AdmitNode(AdmitNode { request: Some(asked), storage_id });
        self.done(&caller, admitted).await
    }

    async fn seat_node(
        &self,
        request: Request<SeatNodeRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.done(&caller, Command::SeatNode(request.into_inner())).await
    }

    async fn retire_node(
        &self,
        request: Request<RetireNodeRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.done(&caller, Command::RetireNode(request.into_inner())).await
    }

    async fn move_node(
        &self,
        request: Request<MoveNodeRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.done(&caller, Command::MoveNode(request.into_inner())).await
    }

    async fn prefer_city(
        &self,
        request: Request<PreferCityRequest>,
    ) -> Result<Response<ClusterReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.done(&caller, Command::PreferCity(request.into_inner())).await
    }

    async fn hand_over(
        &self,
        request: Request<HandOverRequest>,
    ) -> Result<Response<HandOverReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let asked = request.into_inner();
        let consensus = self.consensus()?;
        consensus.must_lead().map_err(|reason| self.0.unavailable(&reason))?;
        tracing::info!(
            actor = caller.principal.actor(),
            to_city = asked.to_city,
            to_node_id = asked.to_node_id,
            "hand-over asked"
        );
        let directory = consensus.directory();
        let own = &self.0.config.node;
        if asked.to_node_id == own.id || (asked.to_node_id == 0 && asked.to_city == own.city) {
            let term = consensus.status().term;
            let (from_node_id, to_node_id) = (own.id, own.id);
            return Ok(Response::new(HandOverReply { from_node_id, to_node_id, term, took_ms: 0 }));
        }
        let may_lead = |id: u64| match asked.to_node_id {
            0 => directory.member(id).is_some_and(|member| member.city == asked.to_city),
            to => id == to,
        };
        let moved = consensus.hand_over(may_lead).await;
        let moved = moved.map_err(|why| status::not_handed_over(&why))?;
        Ok(Response::new(HandOverReply {
            from_node_id: moved.from,
            to_node_id: moved.to,
            term: moved.term,
            took_ms: milliseconds(Some(moved.took)),
        }))
    }
}

impl Cluster {
    fn consensus(&self) -> Result<&Consensus, Status> {
        match &self.0.replica {
            Replica::Member(consensus) => Ok(consensus),
            Replica::Copy(_) => Err(self.0.unavailable(&Unavailable::ReadOnlyCopy)),
        }
    }

    async fn done(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Response<ClusterReply>, Status> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Done) => {
                let (stamp, directory) = (Some(stamp), self.0.replica.directory());
                let topology = directory.topology();
                let topology = topology.map(|of| encode_cluster::topology(&of, directory));
                Ok(Response::new(ClusterReply { stamp, topology }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    fn members(&self, raft: &RaftStatus) -> Vec<MemberStatus> {
        let matched = |id| raft.matched.iter().find(|(node, _)| *node == id);
        let present = self.0.replica.directory().present();
        let members = present.into_iter().map(|member| MemberStatus {
            matched_log_index: matched(member.id).map_or(0, |(_, index)| *index),
            node_id: member.id,
            node_name: member.name,
            city: member.city,
            client_address: member.client_address,
        });
        members.collect()
    }
}

fn voter_sets(raft: &RaftStatus) -> Vec<VoterSet> {
    raft.voter_sets.iter().map(|ids| VoterSet { node_ids: ids.clone() }).collect()
}
