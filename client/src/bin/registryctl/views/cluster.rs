//! The cluster as the ledger records it.

use registry_client::hex;
use registry_client::proto::{NodeRecord, OneCity, Restoration, Topology, VoterSet};

use crate::output::Record;

pub(crate) fn topology(topology: &Topology) -> Record {
    let cities = topology.cities.iter().map(|of| {
        let witness = if of.is_witness { ", third place" } else { "" };
        format!("{} ({} of {} voters{witness})", of.city, of.voters, of.seats)
    });
    let overrides: Vec<&str> = topology.overrides.iter().map(|of| of.city.as_str()).collect();
    Record::default()
        .with("layout", topology.layout.as_str())
        .with("cities", cities.collect::<Vec<String>>().join(", "))
        .with("voters_commanded", voter_sets(&topology.commanded))
        .with("voters_in_force", voter_sets(&topology.in_force))
        .with("one_city", one_city(topology.one_city.as_ref()))
        .with("preferred_city", topology.preferred_city.as_str())
        .with("recovery_epoch", topology.recovery_epoch)
        .with("recovery_city", topology.recovery_city.as_str())
        .with("overrides_issued", overrides.join(", "))
        .with("rules_version", topology.rules_version)
}

/// What a restored registry was made of.
pub(crate) fn restoration(of: &Restoration) -> Record {
    Record::default()
        .with("restored_from", of.source_cluster_id.as_str())
        .with("restored_log_index", of.log_index)
        .with("restored_state_digest", hex(&of.state_digest))
        .with("restored_events", of.event_count)
        .with("restored_root_sha256", hex(&of.root_sha256))
        .with("former_cluster_ids", of.former_cluster_ids.join(", "))
}

/// What everybody must see while a city is out; empty when none is.
pub(crate) fn one_city(one: Option<&OneCity>) -> String {
    let Some(OneCity { city_out, durable_city, document, returning, .. }) = one else {
        return String::new();
    };
    let back = if *returning { ", on its way back" } else { "" };
    format!("commits are durable in {durable_city} only: {city_out} is out{back} ({document})")
}

pub(crate) fn node(node: &NodeRecord) -> Record {
    Record::default()
        .with("node_id", node.node_id)
        .with("node_name", node.node_name.as_str())
        .with("city", node.city.as_str())
        .with("standing", node.standing.as_str())
        .with("client_address", node.client_address.as_str())
        .with_wide("peer_address", node.peer_address.as_str())
}

pub(crate) fn voter_sets(sets: &[VoterSet]) -> String {
    let set = |set: &VoterSet| {
        let ids: Vec<String> = set.node_ids.iter().map(u64::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };
    format!("[{}]", sets.iter().map(set).collect::<Vec<String>>().join(","))
}
