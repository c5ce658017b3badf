//! Commands about the cluster as they may come: most could be meant, some cannot.

use registry_ledger::{
    ClusterCommand, ClusterMember, NodeDescription, Recovery, Standing, VoterSets,
};

use super::state::{Model, storage_id};

/// A small generator whose whole state is its seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    fn one_of<T: Clone>(&mut self, choice: &[T]) -> Option<T> {
        if choice.is_empty() { None } else { Some(choice[self.below(choice.len())].clone()) }
    }
}

/// Makes commands for a cluster as the model has it.
pub(super) struct Workload {
    pub(super) random: Random,
    /// Ids, names, addresses and folders up to here were given out.
    last_number: u64,
}

impl Workload {
    pub(super) fn of_seed(seed: u64) -> Self {
        Self { random: Random(seed), last_number: 100 }
    }

    pub(super) fn command(&mut self, model: &Model) -> ClusterCommand {
        if model.is_changing() && self.random.percent(30) {
            return self.confirm(model);
        }
        match self.random.below(100) {
            0..22 => ClusterCommand::AdmitNode(self.admission(model)),
            22..44 => self.seat(model),
            44..50 => ClusterCommand::RetireNode { node_id: self.node(model) },
            50..56 => self.move_node(model),
            56..63 => {
                ClusterCommand::LeaveCity { city: self.city(model), document: self.document() }
            }
            63..73 => {
                let out = model.out.as_ref().map(|out| out.city_out.clone());
                let likely = out.filter(|_| self.random.percent(80));
                let city = likely.unwrap_or_else(|| self.city(model));
                ClusterCommand::ReturnCity { city, document: self.document() }
            }
            73..80 => self.confirm(model),
            80..85 => {
                let city = self.random.percent(80).then(|| self.city(model));
                ClusterCommand::PreferCity { city }
            }
            85..89 => ClusterCommand::MoveRecoveryRight {
                city: self.city(model),
                document: self.document(),
            },
            89..94 => ClusterCommand::IssueOverride {
                city: self.city(model),
                secret_sha256: [self.random.below(4) as u8; 32],
                document: self.document(),
            },
            94..97 => ClusterCommand::RecordRecovery(self.recovery(model)),
            _ => {
                let above = self.random.one_of(&[0, 1, 1, 1, 2]).unwrap_or(1);
                let rules_version = model.rules_version + above;
                ClusterCommand::ActivateRules { rules_version, document: self.document() }
            }
        }
    }

    fn city(&mut self, model: &Model) -> String {
        if self.random.percent(6) {
            return self
                .random
                .one_of(&["beijing", "", "Wuhan", "wuhan "])
                .unwrap_or("")
                .to_owned();
        }
        model.seats[self.random.below(model.seats.len())].0.clone()
    }

    fn document(&mut self) -> String {
        match self.random.below(40) {
            0 => String::new(),
            1 => "  ".to_owned(),
            2 => "x".repeat(201),
            3 => self.random.one_of(&["two\nlines", "7 \u{202e}8"]).unwrap_or("").to_owned(),
            4 => "x".repeat(200),
            number => format!("change {number}"),
        }
    }

    /// Any node that ever was, or none that was.
    fn node(&mut self, model: &Model) -> u64 {
        if self.random.percent(8) {
            return self.random.one_of(&[0, 99, u64::MAX]).unwrap_or(0);
        }
        let not_retired = self.random.percent(85);
        let among: Vec<u64> = model
            .nodes
            .iter()
            .filter(|node| !not_retired || node.standing != Standing::Retired)
            .map(|node| node.node_id)
            .collect();
        self.random.one_of(&among).unwrap_or(0)
    }

    fn fresh(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn admission(&mut self, model: &Model) -> NodeDescription {
        let known = self.random.one_of(&model.nodes);
        if let Some(known) = known
            && self.random.percent(10)
        {
            return described(&known);
        }
        let number = self.fresh();
        let lacking: Vec<String> = model
            .seats
            .iter()
            .map(|(city, _)| city.clone())
            .filter(|city| model.free_seats(city) > model.ids_of(city, Standing::Learner).len())
            .collect();
        let wanted = self.random.one_of(&lacking).filter(|_| self.random.percent(70));
        let mut node = NodeDescription {
            node_id: number,
            name: format!("n-{number}"),
            city: wanted.unwrap_or_else(|| self.city(model)),
            peer_address: format!("10.0.0.{number}:7200"),
            client_address: format!("10.0.0.{number}:7100"),
            storage_id: storage_id(number),
        };
        if self.random.percent(30) {
            self.spoil(model, &mut node);
        }
        node
    }

    fn spoil(&mut self, model: &Model, node: &mut NodeDescription) {
        let other = &model.nodes[self.random.below(model.nodes.len())];
        match self.random.below(10) {
            0 => node.node_id = 0,
            1 | 2 => node.node_id = other.node_id,
            3 => {
                let long = "n".repeat(65);
                let names = ["", "n 1", "节点", "n.1", &long, &long[1..]];
                node.name = self.random.one_of(&names).unwrap_or("").to_owned();
            }
            4 => node.name.clone_from(&other.name),
            5 => node.storage_id = other.storage_id,
            6 => node.peer_address = self.bad_address(),
            7 => node.client_address = self.bad_address(),
            8 => node.peer_address.clone_from(&other.peer_address),
            _ => node.client_address.clone_from(&other.client_address),
        }
    }

    fn bad_address(&mut self) -> String {
        let long = format!("{}:1", "a".repeat(199));
        let bad = ["", "10.0.0.1", "a:0", "a:", ":7200", "a:b", "a:70000", "a b:7200", &long];
        self.random.one_of(&bad).unwrap_or("").to_owned()
    }

    fn move_node(&mut self, model: &Model) -> ClusterCommand {
        let node_id = self.node(model);
        let number = self.fresh();
        let mut peer_address = format!("10.0.0.{number}:7200");
        let mut client_address = format!("10.0.0.{number}:7100");
        let other = &model.nodes[self.random.below(model.nodes.len())];
        match self.random.below(8) {
            0 => peer_address = self.bad_address(),
            1 => client_address = self.bad_address(),
            2 => peer_address.clone_from(&other.peer_address),
            3 => client_address.clone_from(&other.client_address),
            _ => {}
        }
        ClusterCommand::MoveNode { node_id, peer_address, client_address }
    }

    fn seat(&mut self, model: &Model) -> ClusterCommand {
        let learners: Vec<&ClusterMember> =
            model.nodes.iter().filter(|node| node.standing == Standing::Learner).collect();
        let learner = self.random.one_of(&learners).filter(|_| self.random.percent(85));
        let Some(learner) = learner else {
            let replaces = self.random.percent(70).then(|| self.node(model));
            return ClusterCommand::SeatNode { node_id: self.node(model), replaces };
        };
        let voters = model.ids_of(&learner.city, Standing::Voter);
        let replaces = match self.random.below(10) {
            0 => Some(self.node(model)),
            1..4 => None,
            _ if model.free_seats(&learner.city) > 0 && self.random.percent(50) => None,
            _ => self.random.one_of(&voters),
        };
        ClusterCommand::SeatNode { node_id: learner.node_id, replaces }
    }

    fn confirm(&mut self, model: &Model) -> ClusterCommand {
        let mut sets = model.commanded();
        match self.random.below(10) {
            0 => sets.clone_from(&model.in_force),
            1 => sets.truncate(1),
            2 => sets.clear(),
            3 => sets.reverse(),
            4 => sets.push(vec![self.node(model)]),
            _ => {}
        }
        let voters: VoterSets = sets.into_iter().map(|set| set.into_iter().collect()).collect();
        ClusterCommand::ConfirmVoters { voters }
    }

    fn recovery(&mut self, model: &Model) -> Recovery {
        let above = self.random.one_of(&[1, 1, 1, 1, 1, 1, 0, 2]).unwrap_or(1);
        let lost_city = match &model.out {
            Some(out) if self.random.percent(60) => out.city_out.clone(),
            _ => self.city(model),
        };
        let mut survivors = Vec::new();
        for node in &model.nodes {
            if node.standing == Standing::Voter && node.city != lost_city {
                survivors.push(node.node_id);
            }
        }
        let left = 1 + self.random.below(survivors.len().max(1));
        while survivors.len() > left {
            survivors.remove(self.random.below(survivors.len()));
        }
        match self.random.below(12) {
            0 => survivors.clear(),
            1 => survivors.push(self.node(model)),
            _ => {}
        }
        Recovery {
            recovery_epoch: model.epoch + above,
            lost_city,
            survivors,
            approved_by: vec!["operator/op-1".to_owned(), "operator/op-2".to_owned()],
            last_log_index: 77,
            with_override: self.random.percent(20),
            with_possible_loss: self.random.percent(20),
        }
    }
}

fn described(known: &ClusterMember) -> NodeDescription {
    NodeDescription {
        node_id: known.node_id,
        name: known.name.clone(),
        city: known.city.clone(),
        peer_address: known.peer_address.clone(),
        client_address: known.client_address.clone(),
        storage_id: known.storage_id,
    }
}
