//! What speaks against a command.

use registry_ledger::{ClusterCommand, Layout, NodeDescription, Reason, Recovery, Standing};

use super::state::{Fault, Model};

/// Why a command may be refused: reason and field.
pub(super) type Refusal = (Reason, &'static str);

impl Model {
    /// All that speaks against a command; it is carried out when nothing does. Which of
    /// several reasons is given is written nowhere.
    pub(super) fn refusals(&self, command: &ClusterCommand) -> Vec<Refusal> {
        match command {
            ClusterCommand::AdmitNode(node) => self.against_admission(node),
            ClusterCommand::SeatNode { node_id, replaces } => {
                self.against_seat(*node_id, *replaces)
            }
            ClusterCommand::RetireNode { node_id } => match self.standing(*node_id) {
                None => vec![(Reason::UnknownNode, "node_id")],
                Some(Standing::Voter) => vec![(Reason::LayoutForbids, "node_id")],
                // Said again of a retired one, it is no news.
                Some(Standing::Learner | Standing::Retired) => Vec::new(),
            },
            ClusterCommand::MoveNode { node_id, peer_address, client_address } => {
                let mut against = self.against_addresses(*node_id, peer_address, client_address);
                if self.present(*node_id).is_none() {
                    against.push((Reason::UnknownNode, "node_id"));
                }
                against
            }
            ClusterCommand::LeaveCity { city, document } => {
                let mut against = against_document(document);
                against.extend(self.against_leading(city, "city"));
                if self.out.is_some() && self.fault != Some(Fault::LastCityLeaves) {
                    against.push((Reason::CityOut, "city"));
                }
                against.extend(self.against_another_change());
                against
            }
            ClusterCommand::ReturnCity { city, document } => {
                let mut against = against_document(document);
                against.extend(self.against_city(city, "city"));
                let is_on_its_way = self.out.as_ref().is_some_and(|out| out.returning);
                if self.has_city(city) && (!self.is_out(city) || is_on_its_way) {
                    against.push((Reason::CityNotOut, "city"));
                }
                // All who were admitted there get a vote, so there is a seat for each.
                if self.free_seats(city) != self.ids_of(city, Standing::Learner).len()
                    && self.fault != Some(Fault::ReturnsIncomplete)
                {
                    against.push((Reason::LayoutForbids, "city"));
                }
                against.extend(self.against_another_change());
                against
            }
            ClusterCommand::ConfirmVoters { voters } => {
                let mut sets: Vec<Vec<u64>> =
                    voters.iter().map(|set| set.iter().copied().collect()).collect();
                // A set that is named twice is one.
                sets.sort();
                sets.dedup();
                if sets == self.commanded() {
                    return Vec::new();
                }
                vec![(Reason::VotersChanging, "voters")]
            }
            ClusterCommand::PreferCity { city: None } => Vec::new(),
            ClusterCommand::PreferCity { city: Some(city) } => {
                let mut against = self.against_leading(city, "city");
                against.extend(self.against_one_that_is_out(city));
                against
            }
            ClusterCommand::MoveRecoveryRight { city, document } => {
                let mut against = against_document(document);
                against.extend(self.against_leading(city, "city"));
                against.extend(self.against_one_that_is_out(city));
                against
            }
            ClusterCommand::IssueOverride { city, document, .. } => {
                let mut against = against_document(document);
                against.extend(self.against_leading(city, "city"));
                against
            }
            ClusterCommand::RecordRecovery(recovery) => self.against_recovery(recovery),
            ClusterCommand::ActivateRules { rules_version, document } => {
                let mut against = against_document(document);
                if *rules_version != self.rules_version + 1 {
                    against.push((Reason::RulesVersion, "rules_version"));
                }
                against
            }
        }
    }

    fn against_city(&self, city: &str, field: &'static str) -> Vec<Refusal> {
        if self.has_city(city) { Vec::new() } else { vec![(Reason::UnknownCity, field)] }
    }

    /// The third place neither leads nor recovers nor leaves, a single city has no other.
    fn against_leading(&self, city: &str, field: &'static str) -> Vec<Refusal> {
        let mut against = self.against_city(city, field);
        if self.layout == Layout::SingleCity || self.is_witness(city) {
            against.push((Reason::LayoutForbids, field));
        }
        against
    }

    fn against_one_that_is_out(&self, city: &str) -> Vec<Refusal> {
        if self.is_out(city) { vec![(Reason::CityOut, "city")] } else { Vec::new() }
    }

    fn against_another_change(&self) -> Vec<Refusal> {
        if self.is_changing() && self.fault != Some(Fault::TwoChangesAtOnce) {
            return vec![(Reason::VotersChanging, "")];
        }
        Vec::new()
    }

    /// Admitted already as exactly this.
    pub(super) fn is_known_as(&self, node: &NodeDescription) -> bool {
        self.present(node.node_id).is_some_and(|known| {
            known.standing == Standing::Learner
                && known.name == node.name
                && known.city == node.city
                && known.peer_address == node.peer_address
                && known.client_address == node.client_address
                && known.storage_id == node.storage_id
        })
    }

    fn against_admission(&self, node: &NodeDescription) -> Vec<Refusal> {
        if self.is_known_as(node) {
            return Vec::new();
        }
        let mut against = Vec::new();
        if node.node_id == 0 {
            against.push((Reason::FieldMissing, "node_id"));
        }
        if node.name.is_empty() {
            against.push((Reason::FieldMissing, "node_name"));
        }
        if node.name.len() > 64 {
            against.push((Reason::TooLong, "node_name"));
        }
        if !node.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            against.push((Reason::BadCharacter, "node_name"));
        }
        against.extend(self.against_city(&node.city, "city"));
        for known in &self.nodes {
            let comes_back = known.standing == Standing::Retired
                && self.fault == Some(Fault::RetiredIdComesBack);
            if known.node_id == node.node_id && !comes_back {
                against.push((Reason::NodeIdUsed, "node_id"));
            }
            if known.name == node.name && !node.name.is_empty() {
                against.push((Reason::NodeIdUsed, "node_name"));
            }
            if known.storage_id == node.storage_id {
                against.push((Reason::NodeIdUsed, "storage_id"));
            }
        }
        against.extend(self.against_addresses(
            node.node_id,
            &node.peer_address,
            &node.client_address,
        ));
        against
    }

    fn against_addresses(&self, id: u64, peer: &str, client: &str) -> Vec<Refusal> {
        let mut against = Vec::new();
        for (address, field) in [(peer, "peer_address"), (client, "client_address")] {
            if address.is_empty() {
                against.push((Reason::FieldMissing, field));
            } else if address.len() > 200 {
                against.push((Reason::TooLong, field));
            } else if !is_host_and_port(address) {
                against.push((Reason::BadCharacter, field));
            }
        }
        for known in &self.nodes {
            if known.node_id == id || known.standing == Standing::Retired {
                continue;
            }
            if known.peer_address == peer && !peer.is_empty() {
                against.push((Reason::NodeIdUsed, "peer_address"));
            }
            if known.client_address == client && !client.is_empty() {
                against.push((Reason::NodeIdUsed, "client_address"));
            }
        }
        against
    }

    fn against_seat(&self, id: u64, replaces: Option<u64>) -> Vec<Refusal> {
        let Some(node) = self.present(id) else {
            return vec![(Reason::UnknownNode, "node_id")];
        };
        let mut against = self.against_another_change();
        if node.standing == Standing::Voter {
            against.push((Reason::NodeIdUsed, "node_id"));
        }
        if self.is_out(&node.city) {
            against.push((Reason::CityOut, "node_id"));
        }
        match replaces {
            None if self.free_seats(&node.city) == 0 => {
                against.push((Reason::LayoutForbids, "replaces_node_id"));
            }
            Some(other) if !self.ids_of(&node.city, Standing::Voter).contains(&other) => {
                against.push((Reason::UnknownNode, "replaces_node_id"));
            }
            None | Some(_) => {}
        }
        against
    }

    fn against_recovery(&self, recovery: &Recovery) -> Vec<Refusal> {
        let mut against = self.against_leading(&recovery.lost_city, "lost_city");
        if self.is_recorded(recovery) {
            return against;
        }
        if recovery.recovery_epoch != self.epoch + 1 {
            against.push((Reason::RecoveryEpoch, "recovery_epoch"));
        }
        let goes_on = |id: &u64| {
            self.present(*id).is_some_and(|node| {
                node.standing == Standing::Voter && node.city != recovery.lost_city
            })
        };
        if !recovery.survivors.iter().any(goes_on) {
            against.push((Reason::UnknownNode, "survivors"));
        }
        against
    }

    /// The first leader may have to say it twice.
    pub(super) fn is_recorded(&self, recovery: &Recovery) -> bool {
        recovery.recovery_epoch == self.epoch && self.epoch > 0
    }
}

fn against_document(document: &str) -> Vec<Refusal> {
    let mut against = Vec::new();
    if document.trim().is_empty() {
        against.push((Reason::FieldMissing, "document"));
    }
    if document.len() > 200 {
        against.push((Reason::TooLong, "document"));
    }
    if document.chars().any(|c| c.is_control() || c == '\u{202e}') {
        against.push((Reason::BadCharacter, "document"));
    }
    against
}

fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && !host.contains([' ', '/']) && is_port
}
