//! The cluster's record on the wire.

use registry_ledger::{Restoration, Standing, Topology, VoterSets};
use registry_proto::registry as proto;

use crate::raft::Directory;
use crate::services::encode;

/// What a restored registry was made of.
pub(super) fn restoration(of: &Restoration) -> proto::Restoration {
    proto::Restoration {
        source_cluster_id: of.source_cluster_id.clone(),
        source_recovery_epoch: of.source_recovery_epoch,
        log_index: of.log_index,
        term: of.term,
        state_digest: encode::digest(of.state_digest),
        event_count: of.events,
        root_sha256: encode::digest(of.root_sha256),
        former_cluster_ids: of.former_cluster_ids.clone(),
    }
}

/// The record; names and addresses that the genesis did not write down are those
/// of the configuration.
pub(super) fn topology(topology: &Topology, directory: &Directory) -> proto::Topology {
    let cities = topology.seats.iter().map(|(city, seats)| proto::CityRecord {
        city: city.clone(),
        seats: count(*seats),
        voters: count(topology.voters_of(city).count()),
        is_witness: topology.is_witness(city),
    });
    let nodes = topology.members.values().map(|member| {
        let found = directory.member(member.node_id);
        let (node_name, client_address) =
            found.map(|of| (of.name, of.client_address)).unwrap_or_default();
        proto::NodeRecord {
            node_id: member.node_id,
            node_name,
            city: member.city.clone(),
            standing: standing(member.standing).to_owned(),
            client_address,
            peer_address: member.peer_address.clone(),
        }
    });
    let overrides = topology.overrides.iter().map(|issued| proto::OverrideRecord {
        city: issued.city.clone(),
        issued_at_ms: issued.issued_at.0,
    });
    proto::Topology {
        layout: topology.layout.name().to_owned(),
        cities: cities.collect(),
        nodes: nodes.collect(),
        commanded: voter_sets(&topology.voters()),
        in_force: voter_sets(&topology.in_force),
        one_city: topology.one_city.as_ref().map(|one| proto::OneCity {
            city_out: one.city_out.clone(),
            durable_city: topology.durable_city().unwrap_or_default().to_owned(),
            since_ms: one.since.0,
            document: one.document.clone(),
            returning: one.returning,
        }),
        recovery_epoch: topology.recovery_epoch,
        recovery_city: topology.recovery_city.clone(),
        overrides: overrides.collect(),
        preferred_city: topology.preferred_city.clone().unwrap_or_default(),
        rules_version: topology.rules_version,
    }
}

pub(super) fn voter_sets(sets: &VoterSets) -> Vec<proto::VoterSet> {
    sets.iter().map(|set| proto::VoterSet { node_ids: set.iter().copied().collect() }).collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Voter => "voter",
        Standing::Learner => "learner",
        Standing::Retired => "retired",
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
