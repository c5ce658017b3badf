//! What operators, officers and leaders ask of the cluster's own record.

use registry_ledger::{ClusterCommand, Command, NodeDescription, Recovery, Rejection, VoterSets};
use registry_proto::registry::{
    CityLeave, CityReturn, MoveNodeRequest, PreferCityRequest, RecoveryOverride, RecoveryRight,
    RetireNodeRequest, RulesActivation, SeatNodeRequest, VoterSet,
};
use registry_proto::storage::{AdmitNode, ConfirmVoters, RecordRecovery};

use super::fields;

type Decoded = Result<Command, Rejection>;

fn cluster(command: ClusterCommand) -> Decoded {
    Ok(Command::Cluster(command))
}

fn node_id(id: u64, field: &str) -> Result<u64, Rejection> {
    if id == 0 { fields::missing(field) } else { Ok(id) }
}

/// Name of a city that should exist.
fn city(name: &str, field: &str) -> Result<String, Rejection> {
    fields::text(name, field, fields::LINE_BYTES)
}

pub(super) fn admit_node(message: &AdmitNode) -> Decoded {
    let asked = message.request.clone().unwrap_or_default();
    cluster(ClusterCommand::AdmitNode(NodeDescription {
        node_id: node_id(asked.node_id, "node_id")?,
        name: fields::text(&asked.node_name, "node_name", fields::LINE_BYTES)?,
        city: city(&asked.city, "city")?,
        peer_address: fields::text(&asked.peer_address, "peer_address", fields::LINE_BYTES)?,
        client_address: fields::text(&asked.client_address, "client_address", fields::LINE_BYTES)?,
        storage_id: fields::storage_id(&message.storage_id, "storage_id")?,
    }))
}

pub(super) fn seat_node(message: &SeatNodeRequest) -> Decoded {
    let node_id = node_id(message.node_id, "node_id")?;
    let replaces = Some(message.replaces_node_id).filter(|id| *id != 0);
    cluster(ClusterCommand::SeatNode { node_id, replaces })
}

pub(super) fn retire_node(message: &RetireNodeRequest) -> Decoded {
    cluster(ClusterCommand::RetireNode { node_id: node_id(message.node_id, "node_id")? })
}

pub(super) fn move_node(message: &MoveNodeRequest) -> Decoded {
    let text = |value, field| fields::text(value, field, fields::LINE_BYTES);
    cluster(ClusterCommand::MoveNode {
        node_id: node_id(message.node_id, "node_id")?,
        peer_address: text(&message.peer_address, "peer_address")?,
        client_address: text(&message.client_address, "client_address")?,
    })
}

pub(super) fn prefer_city(message: &PreferCityRequest) -> Decoded {
    let named = Some(&message.city).filter(|city| !city.is_empty());
    let city = named.map(|name| city(name, "city")).transpose()?;
    cluster(ClusterCommand::PreferCity { city })
}

pub(super) fn city_leave(order: &CityLeave) -> Decoded {
    let (city, document) = (city(&order.city, "city")?, document(&order.document)?);
    cluster(ClusterCommand::LeaveCity { city, document })
}

pub(super) fn city_return(order: &CityReturn) -> Decoded {
    let (city, document) = (city(&order.city, "city")?, document(&order.document)?);
    cluster(ClusterCommand::ReturnCity { city, document })
}

pub(super) fn recovery_right(order: &RecoveryRight) -> Decoded {
    let (city, document) = (city(&order.city, "city")?, document(&order.document)?);
    cluster(ClusterCommand::MoveRecoveryRight { city, document })
}

pub(super) fn recovery_override(order: &RecoveryOverride) -> Decoded {
    cluster(ClusterCommand::IssueOverride {
        city: city(&order.city, "city")?,
        secret_sha256: fields::sha256(&order.secret_sha256, "secret_sha256")?,
        document: document(&order.document)?,
    })
}

pub(super) fn rules_activation(order: &RulesActivation) -> Decoded {
    let document = document(&order.document)?;
    cluster(ClusterCommand::ActivateRules { rules_version: order.rules_version, document })
}

pub(super) fn confirm_voters(message: &ConfirmVoters) -> Decoded {
    cluster(ClusterCommand::ConfirmVoters { voters: voters(&message.voter_sets) })
}

pub(super) fn record_recovery(message: &RecordRecovery) -> Decoded {
    cluster(ClusterCommand::RecordRecovery(Recovery {
        recovery_epoch: message.recovery_epoch,
        lost_city: city(&message.lost_city, "lost_city")?,
        survivors: message.survivors.clone(),
        approved_by: message.approved_by.clone(),
        last_log_index: message.last_log_index,
        with_override: message.with_override,
        with_possible_loss: message.with_possible_loss,
    }))
}

fn document(text: &str) -> Result<String, Rejection> {
    fields::text(text, "document", fields::LINE_BYTES)
}

fn voters(sets: &[VoterSet]) -> VoterSets {
    sets.iter().map(|set| set.node_ids.iter().copied().collect()).collect()
}
