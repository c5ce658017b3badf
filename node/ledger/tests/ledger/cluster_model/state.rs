//! The record of the cluster once more: vectors and linear search.

use registry_ledger::{
    ClusterCommand, ClusterMember, Layout, LedgerTime, OneCity, Recovery, SealedOverride, Standing,
    Topology,
};

/// A city, its seats, and the ids of the nodes that the cluster is formed with there.
pub(super) type FoundedCity = (&'static str, &'static [u64]);

/// A rule that the model forgets, so that the comparison has something to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    RetiredIdComesBack,
    TwoChangesAtOnce,
    ReturnsIncomplete,
    LastCityLeaves,
    OverrideOutlivesRecovery,
    ReplacedNodeStays,
    EpochStays,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::RetiredIdComesBack,
        Self::TwoChangesAtOnce,
        Self::ReturnsIncomplete,
        Self::LastCityLeaves,
        Self::OverrideOutlivesRecovery,
        Self::ReplacedNodeStays,
        Self::EpochStays,
    ];
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) layout: Layout,
    pub(super) seats: Vec<(String, usize)>,
    pub(super) nodes: Vec<ClusterMember>,
    pub(super) in_force: Vec<Vec<u64>>,
    pub(super) out: Option<OneCity>,
    pub(super) epoch: u64,
    pub(super) right: String,
    pub(super) overrides: Vec<SealedOverride>,
    pub(super) preferred: Option<String>,
    pub(super) rules_version: u32,
    pub(super) fault: Option<Fault>,
}

impl Model {
    pub(super) fn founded(layout: Layout, cities: &[FoundedCity], fault: Option<Fault>) -> Self {
        let mut model = Self {
            layout,
            seats: Vec::new(),
            nodes: Vec::new(),
            in_force: Vec::new(),
            out: None,
            epoch: 0,
            right: String::new(),
            overrides: Vec::new(),
            preferred: None,
            rules_version: 1,
            fault,
        };
        for (city, ids) in cities {
            model.seats.push(((*city).to_owned(), ids.len()));
            for id in *ids {
                model.nodes.push(ClusterMember {
                    node_id: *id,
                    name: String::new(),
                    city: (*city).to_owned(),
                    peer_address: String::new(),
                    client_address: String::new(),
                    storage_id: storage_id(*id),
                    standing: Standing::Voter,
                });
            }
        }
        for (city, _) in cities.iter().rev() {
            if !model.is_witness(city) {
                model.right = (*city).to_owned();
            }
        }
        model.in_force = model.commanded();
        model
    }

    pub(super) fn has_city(&self, city: &str) -> bool {
        self.seats.iter().any(|(name, _)| name == city)
    }

    pub(super) fn is_witness(&self, city: &str) -> bool {
        self.layout == Layout::Witnessed && self.seats.iter().any(|(c, n)| c == city && *n == 1)
    }

    pub(super) fn is_out(&self, city: &str) -> bool {
        self.out.as_ref().is_some_and(|out| out.city_out == city)
    }

    /// A node that takes part.
    pub(super) fn present(&self, id: u64) -> Option<&ClusterMember> {
        self.nodes.iter().find(|node| node.node_id == id && node.standing != Standing::Retired)
    }

    pub(super) fn standing(&self, id: u64) -> Option<Standing> {
        self.nodes.iter().find(|node| node.node_id == id).map(|node| node.standing)
    }

    pub(super) fn ids_of(&self, city: &str, standing: Standing) -> Vec<u64> {
        let mut ids = Vec::new();
        for node in &self.nodes {
            if node.city == city && node.standing == standing {
                ids.push(node.node_id);
            }
        }
        ids.sort_unstable();
        ids
    }

    /// Seats of a city that no voter has.
    pub(super) fn free_seats(&self, city: &str) -> usize {
        let seats = self.seats.iter().find(|(name, _)| name == city).map_or(0, |(_, n)| *n);
        seats.saturating_sub(self.ids_of(city, Standing::Voter).len())
    }

    /// The voters as they are to be: a set for each city, or one of all.
    pub(super) fn commanded(&self) -> Vec<Vec<u64>> {
        let mut sets = Vec::new();
        for (city, _) in &self.seats {
            if self.out.as_ref().is_some_and(|out| out.city_out == *city && !out.returning) {
                continue;
            }
            sets.push(self.ids_of(city, Standing::Voter));
        }
        if self.layout != Layout::DualCity {
            sets = vec![sets.concat()];
        }
        for set in &mut sets {
            set.sort_unstable();
        }
        sets.retain(|set| !set.is_empty());
        sets.sort();
        sets
    }

    pub(super) fn is_changing(&self) -> bool {
        self.commanded() != self.in_force
    }

    /// The record as the ledger should have it.
    pub(super) fn topology(&self) -> Topology {
        let of_id = |node: &ClusterMember| (node.node_id, node.clone());
        Topology {
            layout: self.layout,
            seats: self.seats.iter().cloned().collect(),
            members: self.nodes.iter().map(of_id).collect(),
            in_force: self.in_force.iter().map(|set| set.iter().copied().collect()).collect(),
            one_city: self.out.clone(),
            recovery_epoch: self.epoch,
            recovery_city: self.right.clone(),
            overrides: self.overrides.clone(),
            preferred_city: self.preferred.clone(),
            rules_version: self.rules_version,
        }
    }

    /// Carries out what nothing speaks against.
    pub(super) fn carry_out(&mut self, command: &ClusterCommand, now: LedgerTime) {
        match command.clone() {
            ClusterCommand::AdmitNode(node) if self.is_known_as(&node) => {}
            ClusterCommand::AdmitNode(node) => {
                self.nodes.retain(|known| known.node_id != node.node_id);
                self.nodes.push(ClusterMember {
                    node_id: node.node_id,
                    name: node.name,
                    city: node.city,
                    peer_address: node.peer_address,
                    client_address: node.client_address,
                    storage_id: node.storage_id,
                    standing: Standing::Learner,
                });
            }
            ClusterCommand::SeatNode { node_id, replaces } => {
                self.stand(node_id, Standing::Voter);
                if let Some(other) = replaces
                    && self.fault != Some(Fault::ReplacedNodeStays)
                {
                    self.stand(other, Standing::Retired);
                }
            }
            ClusterCommand::RetireNode { node_id } => self.stand(node_id, Standing::Retired),
            ClusterCommand::MoveNode { node_id, peer_address, client_address } => {
                for node in &mut self.nodes {
                    if node.node_id == node_id {
                        node.peer_address.clone_from(&peer_address);
                        node.client_address.clone_from(&client_address);
                    }
                }
            }
            ClusterCommand::LeaveCity { city, document } => {
                if self.preferred.as_ref() == Some(&city) {
                    self.preferred = None;
                }
                self.out = Some(OneCity { city_out: city, since: now, document, returning: false });
            }
            ClusterCommand::ReturnCity { city, .. } => {
                for id in self.ids_of(&city, Standing::Learner) {
                    self.stand(id, Standing::Voter);
                }
                if let Some(out) = &mut self.out {
                    out.returning = true;
                }
            }
            ClusterCommand::ConfirmVoters { .. } => {
                self.in_force = self.commanded();
                if self.out.as_ref().is_some_and(|out| out.returning) {
                    self.out = None;
                }
            }
            ClusterCommand::PreferCity { city } => self.preferred = city,
            ClusterCommand::MoveRecoveryRight { city, .. } => self.right = city,
            ClusterCommand::IssueOverride { city, secret_sha256, .. } => {
                self.overrides.retain(|sealed| sealed.city != city);
                self.overrides.push(SealedOverride { city, secret_sha256, issued_at: now });
            }
            ClusterCommand::RecordRecovery(recovery) => self.recover(recovery, now),
            ClusterCommand::ActivateRules { rules_version, .. } => {
                self.rules_version = rules_version;
            }
        }
    }

    fn stand(&mut self, id: u64, standing: Standing) {
        for node in &mut self.nodes {
            if node.node_id == id {
                node.standing = standing;
            }
        }
    }

    fn recover(&mut self, recovery: Recovery, now: LedgerTime) {
        if self.is_recorded(&recovery) {
            return;
        }
        for node in &mut self.nodes {
            if !recovery.survivors.contains(&node.node_id) || node.city == recovery.lost_city {
                node.standing = Standing::Retired;
            }
        }
        let mut cities: Vec<String> = self.seats.iter().map(|(city, _)| city.clone()).collect();
        cities.retain(|city| *city != recovery.lost_city && !self.is_witness(city));
        self.right = cities.remove(0);
        if self.preferred.as_ref() == Some(&recovery.lost_city) {
            self.preferred = None;
        }
        self.out = Some(OneCity {
            city_out: recovery.lost_city,
            since: now,
            document: format!("recovery epoch {}", recovery.recovery_epoch),
            returning: false,
        });
        if self.fault != Some(Fault::EpochStays) {
            self.epoch = recovery.recovery_epoch;
        }
        if self.fault != Some(Fault::OverrideOutlivesRecovery) {
            self.overrides.clear();
        }
        self.in_force = self.commanded();
    }
}

/// A data folder's id, of its own for every number.
pub(super) fn storage_id(number: u64) -> [u8; 16] {
    let mut id = [0x5c; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}
